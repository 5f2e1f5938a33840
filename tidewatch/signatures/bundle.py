"""The file model.sig: a Sigstore bundle with a DSSE envelope, whose signature is over the envelope's own encoding.

Source: https://github.com/secure-systems-lab/dsse, "protocol.md"; sigstore/protobuf-specs, Bundle v0.3.
"""

from __future__ import annotations

import json
from base64 import b64encode
from dataclasses import dataclass
from typing import Any

import msgspec

from tidewatch.signatures.errors import InvalidBundle

MEDIA_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
PAYLOAD_TYPE = "application/vnd.in-toto+json"


@dataclass(frozen=True)
class Bundle:
    """A signed payload. Nothing in it is trusted before the signature is verified."""

    payload: bytes
    signature: bytes
    """ECDSA in DER, over `encode_pae(payload)`."""
    key_hint: str
    """The fingerprint of the public key."""


class _PublicKeyIdentifier(msgspec.Struct, frozen=True):
    hint: str


class _Material(msgspec.Struct, frozen=True, rename="camel"):
    public_key: _PublicKeyIdentifier


class _Signature(msgspec.Struct, frozen=True):
    sig: bytes


class _Envelope(msgspec.Struct, frozen=True, rename="camel"):
    payload: bytes
    payload_type: str
    signatures: list[_Signature]


class _Document(msgspec.Struct, frozen=True, rename="camel"):
    media_type: str
    verification_material: _Material
    dsse_envelope: _Envelope


def encode_pae(payload: bytes, payload_type: str = PAYLOAD_TYPE) -> bytes:
    """Returns DSSE's pre-authentication encoding, which is what is signed: types and lengths leave no ambiguity."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def encode_bundle(bundle: Bundle) -> bytes:
    """Encodes a bundle as readable JSON."""
    document: dict[str, Any] = {
        "mediaType": MEDIA_TYPE,
        "verificationMaterial": {"publicKey": {"hint": bundle.key_hint}, "tlogEntries": []},
        "dsseEnvelope": {
            "payload": b64encode(bundle.payload).decode(),
            "payloadType": PAYLOAD_TYPE,
            "signatures": [{"sig": b64encode(bundle.signature).decode(), "keyid": ""}],
        },
    }
    return json.dumps(document, indent=2).encode() + b"\n"


def decode_bundle(raw: bytes, source: str) -> Bundle:
    """Decodes a bundle; `source` names it in messages. Raises InvalidBundle for any other form."""
    try:
        found = msgspec.json.decode(raw, type=_Document)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidBundle(f"{source} is not a Sigstore bundle signed by a key ({error})") from error
    envelope = found.dsse_envelope
    for what, value, wanted in (
        ("media type", found.media_type, MEDIA_TYPE),
        ("payload type", envelope.payload_type, PAYLOAD_TYPE),
    ):
        if value != wanted:
            raise InvalidBundle(f"{source} has the {what} {value[:80]!r}, not {wanted}")
    if len(envelope.signatures) != 1:
        raise InvalidBundle(f"{source} holds {len(envelope.signatures)} signatures, not one")
    return Bundle(envelope.payload, envelope.signatures[0].sig, found.verification_material.public_key.hint)
