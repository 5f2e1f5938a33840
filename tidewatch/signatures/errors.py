"""The errors of signatures. Each message is a sentence that says what to do."""

from __future__ import annotations

from tidewatch.registry import RegistryError


class SignatureError(RegistryError):
    """The base class of this package's errors."""


class InvalidKey(SignatureError):
    """A public key that cannot be read, or of a kind that signs no models."""


class InvalidBundle(SignatureError):
    """A file that is not a signature of a model, or whose signature is not that of its key."""


class SigningFailed(SignatureError):
    """KMS does not sign with the registry's key."""
