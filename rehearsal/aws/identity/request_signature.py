"""By whom and how a request to S3 is signed: in its header, in its query string, or in the form that it posts.

Source: S3 API reference, "Authenticating Requests (AWS Signature Version 4)"; "Amazon S3 Signature Version 4
Authentication Specific Policy Keys" (s3:authType).
"""

from __future__ import annotations

from collections.abc import Mapping

from moto.s3.responses import S3Response

_CREDENTIAL_FIELDS = ("X-Amz-Credential", "x-amz-credential", "AWSAccessKeyId")
"""The parameter of a query string, or the field of a form, that says who signed: of version 4, and of version 2."""


def read_credential(self: S3Response) -> str | None:
    """What names the signer, as an Authorization header has it; None of a request that nobody signed."""
    header = self.headers.get("Authorization")
    if header:
        return str(header)
    found = next((self.querystring[name][0] for name in _CREDENTIAL_FIELDS if name in self.querystring), None)
    return f"Credential={found}/" if found else None


def read_auth_type(self: S3Response) -> str | None:
    """s3:authType, which a request that nobody signed has not."""
    if self.headers.get("Authorization"):
        return "REST-HEADER"
    if read_credential(self) is None:
        return None
    return "POST" if any(name in self.form_data for name in _CREDENTIAL_FIELDS) else "REST-QUERY-STRING"


def is_form_upload(method: str, query: Mapping[str, object]) -> bool:
    """Whether a request to a bucket is the upload of a form."""
    return method == "POST" and "delete" not in query


def read_form_key(self: S3Response) -> str:
    """The key that a form names."""
    return str((self.querystring.get("key") or [""])[0])
