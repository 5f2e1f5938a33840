"""Hashes of what a user declares. The same declaration has the same hash, in tags, in the ledger and in paths."""

from __future__ import annotations

import functools
import hashlib
import json

HASH_LENGTH = 10
SCRYPT_COST = 2**14
"""scrypt's cost, with blocks of 8: some 50 ms and 16 MiB per guess. Source: RFC 7914, section 2."""


def compute_content_hash(value: object) -> str:
    """Returns the first 10 hex digits of the sha256 of a canonical JSON value: keys sorted, no spaces, UTF-8.

    Raises TypeError for what JSON cannot represent, and ValueError for NaN and infinity, which are not JSON.
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:HASH_LENGTH]


@functools.cache
def fingerprint_secret(secret: str, salt: str) -> str:
    """Returns a value that represents a secret in a public hash. It changes with the secret and is expensive to guess.

    It does not protect a value that few guesses find; such a value is no secret.
    """
    derived_key = hashlib.scrypt(secret.encode(), salt=salt.encode(), n=SCRYPT_COST, r=8, p=1, maxmem=64 * 1024 * 1024)
    return derived_key.hex()
