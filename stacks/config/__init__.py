"""The stack config: its keys and types, the mistakes in them as sentences, and their reference in docs/config.md.

Nothing is imported here: the command line reads single values without loading the validator.
"""
