"""Finds what is wrong with the signature of a version: each finding is a clause that names the file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from tidewatch.signatures.bundle import decode_bundle, encode_pae
from tidewatch.signatures.errors import InvalidBundle
from tidewatch.signatures.public_keys import PinnedKey
from tidewatch.signatures.statement import Statement, decode_statement
from tidewatch.text import collapse_whitespace

FindOrigin = Callable[[str], str]
"""Returns where else a digest is known from, like "card.md of flights/3"; "" if it is unknown."""


@dataclass(frozen=True)
class SignedStatement:
    """A statement whose signature is by one of the keys that are trusted."""

    statement: Statement
    pinned: PinnedKey


def open_signature(raw: bytes, label: str, keys: Sequence[PinnedKey]) -> SignedStatement:
    """Returns what a bundle says if a key among `keys` signed it; `label` names the file in messages.

    Raises InvalidBundle. Whether the key counted at the time is left to find_validity_fault.
    """
    bundle = decode_bundle(raw, label)
    pinned = next((pinned for pinned in keys if pinned.key.fingerprint == bundle.key_hint), None)
    if pinned is None:
        raise InvalidBundle(
            f"{label} was signed with the key {collapse_whitespace(bundle.key_hint[:12])}, which is none of the "
            f"trusted keys ({', '.join(trusted.key.label for trusted in keys) or 'there are none'})"
        )
    if not pinned.key.verifies(bundle.signature, encode_pae(bundle.payload)):
        raise InvalidBundle(f"{label} was forged or changed: its signature is not by the key that it names")
    return SignedStatement(decode_statement(bundle.payload, label), pinned)


def find_file_faults(
    statement: Statement, name: str, digests: Mapping[str, str], find_origin: FindOrigin = lambda _: ""
) -> Iterator[str]:
    """Yields each difference between what was signed and the files of the version `name`, by their digests.

    A signature of another version yields only that.
    """
    if statement.subject != name:
        yield f"its signature is that of {statement.subject}, and was copied here"
        return
    signed = statement.digests
    for file in sorted(signed.keys() | digests.keys()):
        if file not in digests:
            yield f"{collapse_whitespace(file)} was signed and is gone"
        elif file not in signed:
            yield f"{collapse_whitespace(file)} was added: it is not signed"
        elif digests[file] != signed[file]:
            yield _describe_change(file, digests[file], signed, find_origin)


def _describe_change(file: str, digest: str, signed: Mapping[str, str], find_origin: FindOrigin) -> str:
    if swapped := next((other for other, known in signed.items() if known == digest), ""):
        return f"{file} was swapped: it holds what was signed as {swapped}"
    if origin := find_origin(digest):
        return f"{file} was swapped: it is {origin}"
    return f"{file} was changed: its sha256 is {digest}, and {signed[file]} was signed"


def find_validity_fault(pinned: PinnedKey, created: datetime) -> str:
    """Says that the key did not count when the version was created, as a clause; "" if it did."""
    fault = pinned.find_fault(created)
    return f"the key {pinned.key.label} that signed it counts {fault}" if fault else ""
