"""Tables that refuse: DynamoDB's calls fail for as long as a test asks for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import ClientError

from tests.tidewatch.traffic.account import Flights

WRITES = ("put_item", "delete_item")
EVERYTHING = (*WRITES, "get_item", "query")


@contextmanager
def failing(account: Flights, tables: tuple[str, ...], operations: tuple[str, ...], code: str) -> Iterator[None]:
    """DynamoDB refuses these operations on these tables."""
    client: Any = account.clients.dynamodb
    kept = {name: getattr(client, name) for name in operations}

    def refusing(name: str) -> Any:
        def call(**given: Any) -> Any:
            if given["TableName"] in tables:
                raise ClientError({"Error": {"Code": code, "Message": "not now"}}, name)
            return kept[name](**given)

        return call

    for name in operations:
        setattr(client, name, refusing(name))
    try:
        yield
    finally:
        for name in operations:
            setattr(client, name, kept[name])
