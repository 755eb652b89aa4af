"""Data sets in their official layouts, as NumPy arrays: nothing is left out in silence. No torch.

A bad file is one `BadInput`; with `skip_bad` the rest is kept, and the notes say what was left out and why.
"""
