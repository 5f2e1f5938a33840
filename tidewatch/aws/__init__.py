"""Helpers over boto3, one per module.

Nothing is imported here: a function that reads an item or an error must not load the code of connections.
"""
