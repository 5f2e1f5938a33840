"""Drift: whether the data and scores that an endpoint sees are still those that its model was trained on.

Nothing is imported here: the layout of the storage is read by code that must not load numpy.
"""
