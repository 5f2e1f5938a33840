"""Counting: turns captured records, or the rows of a table, into the integer counts of a profile.

Nothing is imported here: the drift function does not need tables, the command line needs captured records only to count
them, and only Spark's workers have pyarrow.
"""
