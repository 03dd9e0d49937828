"""What a network has learnt: which particles, which descriptors, and what it would rather see."""
