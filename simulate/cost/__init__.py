"""What a run costs: counts, tables of constants with their sources, energy, latency, the field's metrics."""
