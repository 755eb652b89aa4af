"""Synthetic data sets, as files in exactly the layout of the real ones: real files drop in. No torch."""
