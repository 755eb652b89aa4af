"""Data sets on disk, each read in its official layout."""
