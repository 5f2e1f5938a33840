"""Reads codes and messages of boto3's errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tidewatch.text import sanitize

ACCESS_DENIED_CODES = frozenset(
    {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError", "403"}
)
"""The codes that services use if the caller lacks a permission."""


def get_error_code(error: Exception) -> str:
    """Returns the code of a boto3 ClientError, or "". For a HEAD request, which has no body, it is the HTTP status."""
    return str(_get_error(error).get("Code", ""))


def get_error_message(error: Exception) -> str:
    """Returns the service's message, without boto3's prefix."""
    return str(_get_error(error).get("Message") or error)


def summarize_error(error: Exception) -> str:
    """Returns an error on one line: the service's code and message, or its type and message."""
    code = get_error_code(error)
    return sanitize(f"{code}: {get_error_message(error)}" if code else f"{type(error).__name__}: {error}", 300)


def _get_error(error: Exception) -> Mapping[str, Any]:
    response: Mapping[str, Any] = getattr(error, "response", None) or {}
    return response.get("Error", {})
