"""An account that answers as a test says, whatever it is asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from botocore.exceptions import ClientError


def refusal(code: str, operation: str = "Operation") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": f"{code} it says"}}, operation)


class Account:
    """An account whose services give the pages or the errors that a test says."""

    is_simulated = False
    region = "eu-central-1"

    def __init__(self, **answers: Any) -> None:
        self.answers, self.asked = answers, list[tuple[str, str, Mapping[str, Any]]]()

    def client(self, service: str, region: str = "") -> Client:
        return Client(self, service.replace("-", "_"), region or self.region)


class Client:
    def __init__(self, account: Account, service: str, region: str) -> None:
        self._account, self._service, self._region = account, service, region

    def get_paginator(self, operation: str) -> Client:  # noqa: ARG002
        return self

    def paginate(self, **given: Any) -> Iterator[Any]:
        return iter(self._answer(given))

    def get_caller_identity(self) -> Any:
        return self._answer({})

    def batch_get_image(self, **given: Any) -> Any:
        return self._answer(given)

    def _answer(self, given: Mapping[str, Any]) -> Any:
        self._account.asked.append((self._service, self._region, given))
        answer = self._account.answers[self._service]
        if isinstance(answer, Exception):
            raise answer
        return answer
