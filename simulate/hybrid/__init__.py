"""Models in two parts: host stages before and after a Program, and what runs them on a stream."""
