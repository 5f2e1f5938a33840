"""The errors of the pack, as sentences."""


class PolicyPackError(Exception):
    """What keeps the pack from running."""


class InvalidConfiguration(PolicyPackError):
    """A mistake in the configuration: what is wrong, and what would be right."""


class InvalidState(PolicyPackError):
    """A file that is no exported state."""


class PackUnavailable(PolicyPackError):
    """The pack cannot run here."""
