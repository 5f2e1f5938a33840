"""GetCallerIdentity: returns the identity that the permission check uses, where moto returns a user `moto`.

Source: STS API reference, GetCallerIdentity; IAM user guide, "IAM identifiers" (an assumed role's ARN has no path).
"""

from __future__ import annotations

from functools import wraps
from typing import Any

from moto.sts.responses import TokenResponse

from rehearsal.aws.account import is_simulating
from rehearsal.aws.identity.enforcement import ADMINISTRATOR, find_caller

_MOTO_USER = ":user/moto"


def install() -> None:
    """Patches GetCallerIdentity of moto's STS."""
    TokenResponse.get_caller_identity = _correct_identity(TokenResponse.get_caller_identity)  # type: ignore[method-assign]


def _correct_identity(original: Any) -> Any:
    @wraps(original)
    def get_caller_identity(self: TokenResponse) -> Any:
        response = original(self)
        if is_simulating() and response.result["Arn"].endswith(_MOTO_USER):
            caller = find_caller(self.headers.get("Authorization"))
            response.result["Arn"] = caller.session_arn if caller is not None else ADMINISTRATOR
        return response

    return get_caller_identity
