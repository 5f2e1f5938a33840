"""The status of an answer: whether what a record or an answer says of it is an error."""

from __future__ import annotations

from collections.abc import Mapping

STATUS_KEYS = frozenset({"status", "statusCode", "status_code", "code"})
"""Keys that the status of an answer stands under."""


def is_failure(fields: Mapping[str, object]) -> bool:
    """Whether a status among these fields is that of an error: 4xx and 5xx. Source: RFC 9110, 15.5 and 15.6."""
    if STATUS_KEYS.isdisjoint(fields):
        return False
    statuses = (fields.get(name) for name in STATUS_KEYS)
    return any(isinstance(status, int | float) and 400 <= status < 600 for status in statuses)
