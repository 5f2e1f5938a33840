"""Captured records: from a line of a capture file to rows of numbers and categories.

Nothing is imported here: code that needs only the keys of capture files must not load numpy.
"""
