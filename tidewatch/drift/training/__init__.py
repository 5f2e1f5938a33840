"""Training data: from its table to the reference that production is compared with.

Nothing is imported here: the registry reads what a reference discloses, and must not load what reads tables.
"""
