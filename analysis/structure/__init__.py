"""What configurations look like: neighbours, descriptors, energies found apart from every engine."""
