"""Signs with a key that never leaves KMS."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from tidewatch.aws.errors import get_error_code
from tidewatch.signatures.bundle import Bundle, encode_bundle, encode_pae
from tidewatch.signatures.errors import InvalidBundle, SigningFailed
from tidewatch.signatures.public_keys import PinnedKey, PublicKey, parse_der_public_key
from tidewatch.signatures.statement import Statement, encode_statement
from tidewatch.signatures.verification import open_signature

if TYPE_CHECKING:
    from mypy_boto3_kms import KMSClient
    from mypy_boto3_kms.literals import SigningAlgorithmSpecType

_ALGORITHMS: dict[str, SigningAlgorithmSpecType] = {
    "ECC_NIST_P256": "ECDSA_SHA_256",
    "ECC_NIST_P384": "ECDSA_SHA_384",
    "ECC_NIST_P521": "ECDSA_SHA_512",
}
"""The one algorithm of each key spec. Source: KMS developer guide, "Asymmetric key specs"."""
_WRONG_USAGE = frozenset({"InvalidKeyUsageException", "UnsupportedOperationException"})
_UNUSABLE = frozenset({"DisabledException", "KMSInvalidStateException", "KeyUnavailableException"})


@dataclass(frozen=True)
class KmsSigner:
    """An asymmetric key of KMS with its public part."""

    kms: KMSClient
    key_id: str
    """Its id or ARN."""
    public_key: PublicKey
    algorithm: SigningAlgorithmSpecType

    @classmethod
    def open(cls, kms: KMSClient, key_id: str) -> KmsSigner:
        """Reads the public key, which needs kms:GetPublicKey. Raises SigningFailed for a key that signs no models."""
        with _translate_errors(key_id, "read the public key of"):
            answer = kms.get_public_key(KeyId=key_id)
        algorithm = _ALGORITHMS.get(answer.get("KeySpec", ""))
        if algorithm is None or answer.get("KeyUsage") != "SIGN_VERIFY":
            raise SigningFailed(_explain_usage(key_id))
        return cls(kms, key_id, parse_der_public_key(answer["PublicKey"]), algorithm)

    def sign(self, subject: str, digests: Mapping[str, str]) -> bytes:
        """Returns the content of model.sig, which needs kms:Sign. Raises SigningFailed."""
        payload = encode_statement(Statement(subject, digests))
        digest = self.public_key.compute_digest(encode_pae(payload))
        with _translate_errors(self.key_id, "sign with"):
            answer = self.kms.sign(
                KeyId=self.key_id, Message=digest, MessageType="DIGEST", SigningAlgorithm=self.algorithm
            )
        signature = encode_bundle(Bundle(payload, answer["Signature"], self.public_key.fingerprint))
        if not self.is_own(signature, subject, digests):
            raise SigningFailed(
                f"KMS signed {subject} with another key than the one it returned for {self.key_id}: run the same "
                "command again"
            )
        return signature

    def is_own(self, signature: bytes, subject: str, digests: Mapping[str, str]) -> bool:
        """Whether this key made the signature, of the version `subject` with these files."""
        try:
            found = open_signature(signature, "the signature", [PinnedKey(self.public_key)])
        except InvalidBundle:
            return False
        return found.statement == Statement(subject, digests)


@contextmanager
def _translate_errors(key_id: str, action: str) -> Generator[None]:
    """Turns errors of KMS into sentences. `action` completes "could not ... the key"."""
    try:
        yield
    except ClientError as error:
        raise SigningFailed(_explain_error(key_id, action, get_error_code(error), str(error))) from error
    except BotoCoreError as error:
        raise SigningFailed(f"could not {action} the key {key_id}: {error}; run the same command again") from error


def _explain_error(key_id: str, action: str, code: str, message: str) -> str:
    if code in _WRONG_USAGE:
        return _explain_usage(key_id)
    if code == "AccessDeniedException":
        return (
            f"could not {action} the key {key_id}: KMS denies it; use credentials of the role publisher (`tidewatch "
            f"permissions publisher` prints its policy; the policy of a key of your own must name them too) ({message})"
        )
    if code == "NotFoundException":
        return f"could not {action} the key {key_id}: it does not exist; run `pulumi up`, which creates the stack's key"
    if code in _UNUSABLE:
        return (
            f"could not {action} the key {key_id}: it is disabled or will be deleted; enable it (`aws kms enable-key`) "
            f"or cancel its deletion (`aws kms cancel-key-deletion`) ({message})"
        )
    return f"could not {action} the key {key_id}: {message}"


def _explain_usage(key_id: str) -> str:
    return (
        f"the key {key_id} does not sign models: name a key with the usage SIGN_VERIFY and the spec ECC_NIST_P256, "
        "ECC_NIST_P384 or ECC_NIST_P521"
    )
