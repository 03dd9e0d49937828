"""What films are: surface, bulk, energies at one composition, cascades below an impact."""
