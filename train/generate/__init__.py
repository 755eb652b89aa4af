"""Synthetic data, written in the layouts that `train/data` reads."""
