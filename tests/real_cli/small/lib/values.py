"""A module of the archive."""

VALUE = 1
