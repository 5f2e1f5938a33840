"""The one error that the command line shows as a sentence."""


class UserError(Exception):
    """What the user can mend: what happened, to which thing, what to do. Shown without a stack trace, exit code 1."""
