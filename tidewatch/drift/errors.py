"""What can be wrong with a reference, a profile or a training table: sentences that tell what to do."""

from __future__ import annotations


class DriftError(Exception):
    """The root of this room's errors."""


class InvalidReference(DriftError):
    """A reference that cannot be read, or was written by a later tidewatch."""


class InvalidTraining(DriftError):
    """Training data that no reference can be built from."""


class InvalidProfile(DriftError):
    """Counts that cannot be read, or that were made against another reference."""


class InvalidReport(DriftError):
    """A report that cannot be read."""


class InvalidTable(DriftError):
    """A table that cannot be read, or lacks what was asked of it."""
