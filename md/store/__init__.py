"""Run directories: what was asked, what made it, the table, stored frames, the checkpoint."""
