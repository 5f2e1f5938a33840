"""The error of this package."""


class InvalidUserFolder(ValueError):
    """A mistake in the user's folder: the message names the file, the problem and the remedy."""
