"""Signs digests as KMS does: moto hashes them once more, and signs with keys that KMS refuses.

Source: KMS API reference, Sign (MessageType, "Errors"), Verify, GetPublicKey; developer guide, "Asymmetric key specs".
"""

from __future__ import annotations

import base64
import json
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from moto.core.exceptions import JsonRESTError
from moto.kms.models import Key
from moto.kms.responses import KmsResponse
from moto.kms.utils import ECDSAPrivateKey

_HASHES: dict[str, hashes.HashAlgorithm] = {
    "ECDSA_SHA_256": hashes.SHA256(),
    "ECDSA_SHA_384": hashes.SHA384(),
    "ECDSA_SHA_512": hashes.SHA512(),
}


def install() -> None:
    """Replaces moto's Sign and GetPublicKey, and its Verify of elliptic curves."""
    original_sign, original_verify = KmsResponse.sign, KmsResponse.verify

    def sign(self: KmsResponse) -> str:
        key, algorithm = _find_signing_key(self, "Sign")
        if not isinstance(key.private_key, ECDSAPrivateKey):
            return original_sign(self)
        message, scheme = _read_message(self, algorithm)
        signature = key.private_key.private_key.sign(message, scheme)
        return json.dumps({"KeyId": key.arn, "Signature": _encode(signature), "SigningAlgorithm": algorithm})

    def verify(self: KmsResponse) -> str:
        key, algorithm = _find_signing_key(self, "Verify")
        if not isinstance(key.private_key, ECDSAPrivateKey):
            return original_verify(self)
        message, scheme = _read_message(self, algorithm)
        signature = base64.b64decode(self._get_param("Signature"))
        try:
            key.private_key.private_key.public_key().verify(signature, message, scheme)
        except InvalidSignature:
            raise JsonRESTError("KMSInvalidSignatureException", "") from None
        return json.dumps({"KeyId": key.arn, "SignatureValid": True, "SigningAlgorithm": algorithm})

    def get_public_key(self: KmsResponse) -> str:
        key = _find_key(self)
        if key.key_spec == "SYMMETRIC_DEFAULT":
            raise JsonRESTError("UnsupportedOperationException", "")
        return json.dumps(
            {
                "KeyId": key.arn,
                "PublicKey": _encode(key.private_key.public_key()),
                "CustomerMasterKeySpec": key.key_spec,
                "KeySpec": key.key_spec,
                "KeyUsage": key.key_usage,
                **({"SigningAlgorithms": key.signing_algorithms} if key.key_usage == "SIGN_VERIFY" else {}),
                **({"EncryptionAlgorithms": key.encryption_algorithms} if key.key_usage == "ENCRYPT_DECRYPT" else {}),
            }
        )

    for patch in (sign, verify, get_public_key):
        setattr(KmsResponse, patch.__name__, patch)


def _find_key(self: KmsResponse) -> Key:
    """The request's key, which must be usable."""
    id_ = self._get_param("KeyId")
    self._validate_key_id(id_)
    key: Any = self.kms_backend.describe_key(id_)
    if key.key_state == "PendingDeletion":
        raise JsonRESTError("KMSInvalidStateException", f"{key.arn} is pending deletion.")
    if not key.enabled:
        raise JsonRESTError("DisabledException", f"{key.arn} is disabled.")
    return key


def _find_signing_key(self: KmsResponse, operation: str) -> tuple[Key, str]:
    """The request's key and algorithm, which must belong together."""
    key, algorithm = _find_key(self), str(self._get_param("SigningAlgorithm"))
    if key.key_usage != "SIGN_VERIFY":
        raise JsonRESTError(
            "InvalidKeyUsageException", f"{key.arn} key usage is {key.key_usage} which is not valid for {operation}."
        )
    if algorithm not in key.signing_algorithms:
        raise JsonRESTError(
            "InvalidKeyUsageException", f"Algorithm {algorithm} is incompatible with key spec {key.key_spec}."
        )
    return key, algorithm


def _read_message(self: KmsResponse, algorithm: str) -> tuple[bytes, ec.ECDSA]:
    """The message, and the scheme that hashes it unless it is a digest already."""
    message, digest = bytes(self._get_param("Message")), _HASHES[algorithm]
    if self._get_param("MessageType") != "DIGEST":
        return message, ec.ECDSA(digest)
    if len(message) != digest.digest_size:
        raise JsonRESTError("ValidationException", f"Digest is invalid length for algorithm {algorithm}.")
    return message, ec.ECDSA(Prehashed(digest))


def _encode(value: bytes) -> str:
    return base64.b64encode(value).decode()
