"""The error that the command line prints as a sentence."""


class UserError(Exception):
    """A mistake that the user can fix: what happened, to which thing, what to do.

    Exit code 1, without a stack trace.
    """
