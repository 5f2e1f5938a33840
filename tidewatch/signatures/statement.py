"""What a signature says: which files a version consists of, as an in-toto statement of OpenSSF Model Signing.

Source: https://github.com/ossf/model-signing-spec; in-toto attestation framework, "Statement v1".
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from tidewatch.signatures.errors import InvalidBundle

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://model_signing/signature/v1.0"


@dataclass(frozen=True)
class Statement:
    """A signed name, and the digests of the files that it was signed with."""

    subject: str
    """Like flights/4."""
    digests: Mapping[str, str]
    """The sha256 in hex by the file's path."""


class _Digest(msgspec.Struct, frozen=True):
    sha256: str


class _Subject(msgspec.Struct, frozen=True):
    name: str
    digest: _Digest


class _Serialization(msgspec.Struct, frozen=True):
    method: Literal["files"]
    hash_type: Literal["sha256"]


class _Resource(msgspec.Struct, frozen=True):
    name: str
    algorithm: Literal["sha256"]
    digest: str


class _Predicate(msgspec.Struct, frozen=True):
    serialization: _Serialization
    resources: list[_Resource]


class _Payload(msgspec.Struct, frozen=True, rename={"kind": "_type", "predicate_type": "predicateType"}):
    kind: Literal["https://in-toto.io/Statement/v1"]
    predicate_type: Literal["https://model_signing/signature/v1.0"]
    subject: list[_Subject]
    predicate: _Predicate


def encode_statement(statement: Statement) -> bytes:
    """Encodes a statement as JSON. Equal statements give equal bytes."""
    resources = [
        {"name": name, "algorithm": "sha256", "digest": digest} for name, digest in sorted(statement.digests.items())
    ]
    payload: dict[str, Any] = {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": statement.subject, "digest": {"sha256": compute_root(statement.digests)}}],
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "serialization": {"method": "files", "hash_type": "sha256", "allow_symlinks": False, "ignore_paths": []},
            "resources": resources,
        },
    }
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()


def decode_statement(payload: bytes, source: str) -> Statement:
    """Decodes a statement; `source` names it in messages.

    Raises InvalidBundle for another form, for paths that mean another place, and if the digest of the whole is not that
    of its files.
    """
    try:
        found = msgspec.json.decode(payload, type=_Payload)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidBundle(f"{source} holds no statement of model signing ({error})") from error
    names = [resource.name for resource in found.predicate.resources]
    if unsafe := next((name for name in names if not is_plain_path(name)), None):
        raise InvalidBundle(f"{source} names the file {unsafe[:80]!r}, which is not a plain path")
    if len(set(names)) != len(names):
        raise InvalidBundle(f"{source} names a file twice")
    digests = {resource.name: resource.digest for resource in found.predicate.resources}
    try:
        root = compute_root(digests)
    except ValueError:
        raise InvalidBundle(f"{source} holds a digest that is not a sha256") from None
    if len(found.subject) != 1 or found.subject[0].digest.sha256 != root:
        raise InvalidBundle(f"{source} holds a digest of the whole that is not that of its files")
    return Statement(found.subject[0].name, digests)


def compute_root(digests: Mapping[str, str]) -> str:
    """Returns the digest of the whole: over the files' digests in the order of their names.

    Raises ValueError for a digest that is not a sha256 in hex.
    """
    raw = [bytes.fromhex(digest) for _, digest in sorted(digests.items())]
    if any(len(digest) != hashlib.sha256().digest_size for digest in raw):
        raise ValueError("a digest is not a sha256")
    return hashlib.sha256(b"".join(raw)).hexdigest()


def is_plain_path(name: str) -> bool:
    """Whether a path means one place to everybody: relative, without empty parts, `.` and `..`."""
    return all(part not in ("", ".", "..") for part in name.split("/"))
