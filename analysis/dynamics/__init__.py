"""How particles of a liquid move, how long it takes to forget where they were, and when a ramp is too fast."""
