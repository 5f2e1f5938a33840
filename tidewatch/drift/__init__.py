"""Drift: whether an endpoint's data and scores still look like its model's training data.

Nothing is imported here, because code that reads the storage layout must not load numpy.
"""
