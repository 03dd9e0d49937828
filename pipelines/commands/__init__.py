"""The verbs of the command line, one module a chapter: simulate, measure, learning, reproduce.

Each verb is thin: it turns options into a spec or the arguments of a plain function, and that function does the work.
"""
