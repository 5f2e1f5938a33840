"""The one error of this package."""


class InvalidUserFolder(ValueError):
    """A mistake in the user's folder: what is wrong with which file, and what to do."""
