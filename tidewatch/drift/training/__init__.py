"""Training: builds the reference that production is compared with from the table of the training data.

Nothing is imported here: the registry reads what a reference discloses and must not load the code that reads tables.
"""
