"""Public keys that verify signatures, and from when until when each of them counts.

Only this module imports `cryptography`; no function of the stack imports it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
    load_pem_public_key,
)

from tidewatch.signatures.errors import InvalidKey

_DIGESTS: dict[str, hashes.HashAlgorithm] = {
    "secp256r1": hashes.SHA256(),
    "secp384r1": hashes.SHA384(),
    "secp521r1": hashes.SHA512(),
}
"""The digest that belongs to each curve that the format allows."""


@dataclass(frozen=True)
class PublicKey:
    """An elliptic curve's public key, in PEM as `cryptography` writes it."""

    pem: str

    @cached_property
    def fingerprint(self) -> str:
        """The sha256 of the PEM text in hex: what a bundle names its key by."""
        return hashlib.sha256(self.pem.encode()).hexdigest()

    @property
    def label(self) -> str:
        """The start of the fingerprint, for messages."""
        return self.fingerprint[:12]

    def verifies(self, signature: bytes, message: bytes) -> bool:
        """Whether the signature, in DER, is this key's over the message."""
        key = _load(self.pem.encode())
        try:
            key.verify(signature, message, ec.ECDSA(_DIGESTS[key.curve.name]))
        except InvalidSignature:
            return False
        return True

    def compute_digest(self, message: bytes) -> bytes:
        """Returns the digest of a message that a signature by this key is computed over."""
        digest = hashes.Hash(_DIGESTS[_load(self.pem.encode()).curve.name])
        digest.update(message)
        return digest.finalize()


@dataclass(frozen=True)
class PinnedKey:
    """A public key that somebody trusts, for versions created from one moment until before another one."""

    key: PublicKey
    valid_from: datetime | None = None
    valid_until: datetime | None = None

    def find_fault(self, created: datetime) -> str:
        """Says why the key does not count for a version created then, as a clause; "" if it counts."""
        if self.valid_from is not None and created < self.valid_from:
            return f"only from {_format(self.valid_from)}, and the version was created at {_format(created)}"
        if self.valid_until is not None and created >= self.valid_until:
            return f"only until {_format(self.valid_until)}, and the version was created at {_format(created)}"
        return ""


def parse_public_key(pem: str) -> PublicKey:
    """Returns a public key from PEM text. Raises InvalidKey for anything but a key on NIST's P-256, P-384 or P-521."""
    return _normalize(_load(pem.encode()))


def parse_der_public_key(der: bytes) -> PublicKey:
    """Returns a public key from DER, as KMS has it. Raises InvalidKey like parse_public_key."""
    try:
        key = load_der_public_key(der)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise InvalidKey(f"this is not a public key in DER ({error})") from error
    return _normalize(_require_supported(key))


def _load(pem: bytes) -> ec.EllipticCurvePublicKey:
    if b"PRIVATE KEY" in pem:
        raise InvalidKey("this is a private key: keep it secret, and name the public key that belongs to it")
    try:
        key = load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm):
        raise InvalidKey(
            "this is not a public key in PEM: it begins with -----BEGIN PUBLIC KEY----- (`tidewatch public-key` "
            "prints that of a stack)"
        ) from None
    return _require_supported(key)


def _require_supported(key: object) -> ec.EllipticCurvePublicKey:
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name not in _DIGESTS:
        raise InvalidKey(
            "this key is of a kind that signs no models: use an elliptic curve, NIST's P-256, P-384 or P-521"
        )
    return key


def _normalize(key: ec.EllipticCurvePublicKey) -> PublicKey:
    return PublicKey(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode())


def _format(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
