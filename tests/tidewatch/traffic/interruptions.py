"""Clients that die: the process is killed right after the k-th call that changes something, which is before the next.

A call that only reads leaves the same behind as the one before it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from tidewatch.traffic import Clients

READING = ("describe_", "get_", "query", "list_")


class Killed(BaseException):
    """Not an Exception: nothing may catch it, as nothing catches a kill."""


@dataclass
class Fuse:
    """Burns down by one a writing call; at 0 the process is dead, and so is every call after it."""

    left: int
    used: int = 0

    def burn(self) -> None:
        self.left -= 1
        self.used += 1
        if self.left <= 0:
            raise Killed


class Mortal:
    """A client behind a fuse."""

    def __init__(self, client: Any, fuse: Fuse) -> None:
        self._client = client
        self._fuse = fuse

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._client, name)

        def mortal(**params: Any) -> Any:
            if self._fuse.left <= 0:
                raise Killed
            try:
                return call(**params)
            finally:
                if not name.startswith(READING):
                    self._fuse.burn()

        return mortal


def mortal(clients: Clients, fuse: Fuse) -> Clients:
    """The same clients, behind one fuse."""
    names = ("sagemaker", "dynamodb", "cloudwatch", "s3", "sns", "autoscaling")
    return replace(clients, **{name: Mortal(getattr(clients, name), fuse) for name in names})
