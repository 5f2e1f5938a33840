"""Items that are only added, each under the next number and with the hash of the one before it.

Who rewrites one, takes one out or puts one in between breaks the chain at the next. Whoever may write the table can
make the whole chain anew, which `tidewatch.traffic.copies` is for.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from tidewatch.items import error_code, item, values
from tidewatch.traffic.errors import TableMissing

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class Chain:
    """One partition of the ledger's table: what was read of it so far. For one thread."""

    def __init__(self, dynamodb: DynamoDBClient, table: str, key: str) -> None:
        self._dynamodb = dynamodb
        self._table = table
        self.key = key
        self.last = 0
        """The number of the last item that was read or added."""
        self.texts: dict[int, str] = {}
        """The items that were read or added, each as the text that its hash is of."""
        self.broken: list[int] = []
        """The numbers of items that do not follow the one before them."""

    def read(self) -> Iterator[dict[str, Any]]:
        """The values of the items that were added since, in order. A table that does not exist (yet) has none."""
        start: dict[str, Any] = {}
        last = self.last
        while self._table:
            try:
                page = self._dynamodb.query(
                    TableName=self._table,
                    KeyConditionExpression="#endpoint = :key AND #sequence > :last",
                    ExpressionAttributeNames={"#endpoint": "endpoint", "#sequence": "sequence"},
                    ExpressionAttributeValues={":key": {"S": self.key}, ":last": {"N": str(last)}},
                    ConsistentRead=True,
                    **start,
                )
            except Exception as error:
                if error_code(error) == "ResourceNotFoundException":
                    return
                raise
            for raw in page["Items"]:
                found = values(raw)
                self._take(int(found["sequence"]), found)
                yield found
            if not (after := page.get("LastEvaluatedKey")):
                return
            start = {"ExclusiveStartKey": after}

    def add(self, body: Mapping[str, object]) -> int | None:
        """Adds an item behind the last one that was read; its number, or None where another came first.

        Raises TableMissing.
        """
        number = self.last + 1
        whole = item({"endpoint": self.key, **body, "sequence": number, "previous": self._tip or None})
        try:
            self._dynamodb.put_item(
                TableName=self._table,
                Item=whole,
                ConditionExpression="attribute_not_exists(#sequence)",
                ExpressionAttributeNames={"#sequence": "sequence"},
            )
        except Exception as error:
            if error_code(error) == "ConditionalCheckFailedException":
                return None
            if error_code(error) == "ResourceNotFoundException":
                raise TableMissing(
                    f"The ledger table {self._table} is missing; `pulumi up --refresh` makes it again."
                ) from error
            raise
        self._take(number, values(whole))
        return number

    def digest(self, number: int) -> str:
        """SHA-256 of an item, hex; "" of one that there is not."""
        text = self.texts.get(number)
        return "" if text is None else hashlib.sha256(text.encode()).hexdigest()

    @property
    def _tip(self) -> str:
        return self.digest(self.last)

    def _take(self, number: int, found: Mapping[str, Any]) -> None:
        if number != self.last + 1 or found.get("previous", "") != self._tip:
            self.broken.append(number)
        self.last = number
        self.texts[number] = canonical(found)


def canonical(found: Mapping[str, Any]) -> str:
    """An item's values as one JSON text, whatever order and spelling of numbers the table gives them back in."""
    return json.dumps(found, sort_keys=True, separators=(",", ":"), default=str)
