"""Helpers over boto3, each a module of its own.

Nothing is imported here: a function that reads an item or an error must not load what only a connection needs.
"""
