"""What AWS answers when it refuses: codes and words of boto3's errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tidewatch.text import sanitize

ACCESS_DENIED_CODES = frozenset(
    {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError", "403"}
)
"""The codes of services that refuse because the caller may not."""


def get_error_code(error: Exception) -> str:
    """The code of a boto3 ClientError, "" for anything else. A HEAD request has no body: its code is the status."""
    return str(_get_error(error).get("Code", ""))


def get_error_message(error: Exception) -> str:
    """The service's own words, without boto3's frame around them."""
    return str(_get_error(error).get("Message") or error)


def summarize_error(error: Exception) -> str:
    """An error in few words, on one line: the service's code and words, or its own kind and words."""
    code = get_error_code(error)
    return sanitize(f"{code}: {get_error_message(error)}" if code else f"{type(error).__name__}: {error}", 300)


def _get_error(error: Exception) -> Mapping[str, Any]:
    response: Mapping[str, Any] = getattr(error, "response", None) or {}
    return response.get("Error", {})
