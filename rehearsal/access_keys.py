"""The credentials of a simulated account: generated for one run and known only to its clients."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import dataclass, field

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

CONTROL_SERVICE, CONTROL_REGION = "tidewatch", "local"
"""Service and region with which requests to the simulator's control API are signed."""

NO_CONFIG_FILES = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
"""Environment variables with which AWS's SDKs and tools find no profile of this machine's user."""


@dataclass(frozen=True)
class AccessKey:
    """An access key with its secret."""

    id: str
    secret: str = field(repr=False)
    token: str = field(default="", repr=False)
    """The session token, if the key belongs to a session."""

    @classmethod
    def of_administrator(cls) -> AccessKey:
        """A new key with all permissions, including the simulator's control API."""
        return cls(_generate_id("AKIA"), secrets.token_urlsafe(32))

    @classmethod
    def of_session(cls) -> AccessKey:
        """A new key of somebody who has assumed a role."""
        return cls(_generate_id("ASIA"), secrets.token_urlsafe(32), secrets.token_urlsafe(32))

    @classmethod
    def from_json(cls, text: str) -> AccessKey:
        """Parses the output of `to_json`. Raises ValueError if the text is not an access key."""
        try:
            fields = json.loads(text)
            return cls(str(fields["id"]), str(fields["secret"]))
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError('stdin has no key: its first line must be {"id": "...", "secret": "..."}') from error

    def to_json(self) -> str:
        """The key as JSON in one line."""
        return json.dumps({"id": self.id, "secret": self.secret})

    def to_environment(self) -> dict[str, str]:
        """The environment variables with which AWS's SDKs and tools sign with this key."""
        session = {"AWS_SESSION_TOKEN": self.token} if self.token else {}
        return {"AWS_ACCESS_KEY_ID": self.id, "AWS_SECRET_ACCESS_KEY": self.secret, **session}

    def sign_request(self, url: str, body: bytes) -> dict[str, str]:
        """The headers of a signed request to the simulator's control API."""
        request = AWSRequest("POST", url, {"Content-Type": "application/json"}, body)
        SigV4Auth(Credentials(self.id, self.secret, self.token or None), CONTROL_SERVICE, CONTROL_REGION).add_auth(
            request
        )
        return dict(request.headers.items())


def _generate_id(kind: str) -> str:
    """An access key's id, as long as AWS's."""
    return kind + secrets.token_hex(8).upper()
