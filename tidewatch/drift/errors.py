"""The errors of references, profiles and training tables. Each message is a sentence that says what to do."""

from __future__ import annotations


class DriftError(Exception):
    """The base class of this package's errors."""


class InvalidReference(DriftError):
    """A reference that cannot be read, or that a later tidewatch wrote."""


class InvalidTraining(DriftError):
    """Training data from which no reference can be built."""


class InvalidProfile(DriftError):
    """Counts that cannot be read, or that belong to another reference."""


class InvalidReport(DriftError):
    """A report that cannot be read."""


class InvalidTable(DriftError):
    """A table that cannot be read or lacks a required column."""
