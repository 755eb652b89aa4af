"""A run on one page: every section is plain data first, and the page shows what is in it.

`lavalier.simulate.report` is the door. A section that has no source says so; nothing is made up.
"""
