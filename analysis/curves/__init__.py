"""Energy against temperature: cooling curves, equilibrium liquids, the glass transition."""
