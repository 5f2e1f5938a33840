"""Names by content: what a user declares is named by its hash, so the same declaration is the same object."""

from __future__ import annotations

import hashlib
import json

LENGTH = 10


def content_hash(value: object) -> str:
    """The first 10 hex digits of the sha256 of a JSON value written canonically: keys sorted, no spaces, UTF-8.

    Raises TypeError for what JSON cannot hold and ValueError for NaN and infinity, which are not JSON.
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:LENGTH]
