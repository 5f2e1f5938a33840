"""Signatures of model versions in the format of OpenSSF Model Signing: who signed which files, and what changed since.

It stands above the registry, which knows only that a version may have a signature, so that functions that read
versions load no cryptography.
"""

from __future__ import annotations

from tidewatch.signatures.bundle import Bundle, decode_bundle, encode_bundle, encode_pae
from tidewatch.signatures.errors import InvalidBundle, InvalidKey, SignatureError, SigningFailed
from tidewatch.signatures.kms_signer import KmsSigner
from tidewatch.signatures.public_keys import PinnedKey, PublicKey, parse_der_public_key, parse_public_key
from tidewatch.signatures.signed_version import SignatureReport, read_every_byte, trust_checksums, verify_version
from tidewatch.signatures.statement import Statement, decode_statement, encode_statement
from tidewatch.signatures.verification import (
    SignedStatement,
    find_file_faults,
    find_validity_fault,
    open_signature,
)

__all__ = [
    "Bundle",
    "InvalidBundle",
    "InvalidKey",
    "KmsSigner",
    "PinnedKey",
    "PublicKey",
    "SignatureError",
    "SignatureReport",
    "SignedStatement",
    "SigningFailed",
    "Statement",
    "decode_bundle",
    "decode_statement",
    "encode_bundle",
    "encode_pae",
    "encode_statement",
    "find_file_faults",
    "find_validity_fault",
    "open_signature",
    "parse_der_public_key",
    "parse_public_key",
    "read_every_byte",
    "trust_checksums",
    "verify_version",
]
