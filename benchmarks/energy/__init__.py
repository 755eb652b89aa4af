"""Energy against others: NeuroBench's counts, SANA-FE's prices, what was published of keyword spotting."""
