"""What is done to the particles: one file a protocol, one loop that runs them all."""
