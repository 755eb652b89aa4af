"""Figures that anyone can repeat: `python -m benchmarks [NAME ...] [--data DIR]`.

Timings are medians of ratios taken in pairs within one run; accuracies have their seed in the unit.
"""
