"""Engines: who moves the particles."""
