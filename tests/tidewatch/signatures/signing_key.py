"""A key that signs in tests as KMS does, with the private key at hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tidewatch.signatures import (
    Bundle,
    PinnedKey,
    PublicKey,
    Statement,
    encode_bundle,
    encode_pae,
    encode_statement,
    parse_public_key,
)


@dataclass(frozen=True)
class SigningKey:
    """A private key on a curve, P-256 if none is named."""

    private: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    digest: hashes.HashAlgorithm = field(default_factory=hashes.SHA256)

    @property
    def pem(self) -> str:
        return self.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    @property
    def public(self) -> PublicKey:
        return parse_public_key(self.pem)

    def pin(self) -> PinnedKey:
        return PinnedKey(self.public)

    def sign_payload(self, payload: bytes, hint: str = "") -> bytes:
        digest = self.public.compute_digest(encode_pae(payload))
        signature = self.private.sign(digest, ec.ECDSA(Prehashed(self.digest)))
        return encode_bundle(Bundle(payload, signature, hint or self.public.fingerprint))

    def sign(self, subject: str, digests: Mapping[str, str]) -> bytes:
        return self.sign_payload(encode_statement(Statement(subject, digests)))
