"""Reads the status of an answer: whether the record or the answer reports an error."""

from __future__ import annotations

from collections.abc import Mapping

STATUS_KEYS = frozenset({"status", "statusCode", "status_code", "code"})
"""The keys of an answer's status."""


def is_failure(fields: Mapping[str, object]) -> bool:
    """Whether one of these fields is an error status, 4xx or 5xx. Source: RFC 9110, 15.5 and 15.6."""
    if STATUS_KEYS.isdisjoint(fields):
        return False
    statuses = (fields.get(name) for name in STATUS_KEYS)
    return any(isinstance(status, int | float) and 400 <= status < 600 for status in statuses)
