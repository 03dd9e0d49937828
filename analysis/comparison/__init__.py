"""Two sets of configurations held against each other at one energy: which descriptors still differ, and by how much."""
