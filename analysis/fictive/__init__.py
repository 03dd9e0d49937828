"""Fictive temperatures by every descriptor: what a glass remembers, number by number."""
