"""The signer and the signature type of a request to S3: in its header, its query string, or its form.

Source: S3 API reference, "Authenticating Requests (AWS Signature Version 4)"; "Amazon S3 Signature Version 4
Authentication Specific Policy Keys" (s3:authType).
"""

from __future__ import annotations

from collections.abc import Mapping

from moto.s3.responses import S3Response

_CREDENTIAL_FIELDS = ("X-Amz-Credential", "x-amz-credential", "AWSAccessKeyId")
"""The query parameters or form fields with the signer, of signature version 4 and version 2."""


def read_credential(self: S3Response) -> str | None:
    """The signer in the form of an Authorization header; None for an unsigned request."""
    header = self.headers.get("Authorization")
    if header:
        return str(header)
    found = next((self.querystring[name][0] for name in _CREDENTIAL_FIELDS if name in self.querystring), None)
    return f"Credential={found}/" if found else None


def read_auth_type(self: S3Response) -> str | None:
    """s3:authType; None for an unsigned request."""
    if self.headers.get("Authorization"):
        return "REST-HEADER"
    if read_credential(self) is None:
        return None
    return "POST" if any(name in self.form_data for name in _CREDENTIAL_FIELDS) else "REST-QUERY-STRING"


def is_form_upload(method: str, query: Mapping[str, object]) -> bool:
    """Whether a request to a bucket is a form upload."""
    return method == "POST" and "delete" not in query


def read_form_key(self: S3Response) -> str:
    """The object key in a form."""
    return str((self.querystring.get("key") or [""])[0])
