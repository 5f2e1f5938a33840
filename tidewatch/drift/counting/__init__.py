"""Counting: captured records, or the rows of a table, into the integer counts of a profile.

Nothing is imported here: the drift function has no use for tables, the command line none for captured records until a
command counts them, and Spark's workers alone have pyarrow.
"""
