"""GetCallerIdentity as STS answers it: whoever the guard takes the caller for, of keys that moto calls a user `moto`.

Source: STS API reference, GetCallerIdentity; IAM user guide, "IAM identifiers" (an assumed role's ARN has no path).
"""

from __future__ import annotations

from functools import wraps
from typing import Any

from moto.sts.responses import TokenResponse

from simulator.aws.identity.guard import ADMINISTRATOR, caller
from simulator.aws.world import running

_MOTOS = ":user/moto"


def install() -> None:
    """Sets the answer on moto's STS."""
    TokenResponse.get_caller_identity = _told(TokenResponse.get_caller_identity)  # type: ignore[method-assign]


def _told(original: Any) -> Any:
    @wraps(original)
    def get_caller_identity(self: TokenResponse) -> Any:
        answer = original(self)
        if running() and answer.result["Arn"].endswith(_MOTOS):
            who = caller(self.headers.get("Authorization"))
            answer.result["Arn"] = who.shown if who is not None else ADMINISTRATOR
        return answer

    return get_caller_identity
