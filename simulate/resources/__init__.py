"""Resources: what a network asks of a chip, where its neurons go, and whether all of it fits.

`lavalier.simulate.fit` is the door; docs/fit.md has the rules of counting.
"""
