"""A chain of items: each is added under the next number, with the hash of the item before it.

Changing, removing or inserting an item breaks the chain at the next one. Who may write to the table can rebuild the
whole chain; `tidewatch.traffic.ledger_copies` detects that.

Who may append can put an item under any number, but only the next number counts. An item that was put ahead could
otherwise make the numbers run out, or hide entries from a writer that appends at this moment.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tidewatch.aws.dynamodb import from_item, to_item
from tidewatch.aws.errors import get_error_code
from tidewatch.traffic.errors import TableMissing

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

MAX_NUMBER = 10**9
"""The largest number after a gap that is accepted, whatever the record of the copies contains."""


class HashChain:
    """The items of one partition of the ledger's table that were read so far. Not thread-safe.

    `copied_up_to` returns the last copied number of a partition. A gap before that number means that somebody removed
    items, and the chain continues after it. Items after any other gap were put ahead and are set aside.
    """

    def __init__(
        self, dynamodb: DynamoDBClient, table: str, key: str, copied_up_to: Callable[[str], int] | None = None
    ) -> None:
        self._dynamodb = dynamodb
        self._table = table
        self.key = key
        self._copied_up_to = copied_up_to
        self.last_number = 0
        """The number of the last item that was read or added."""
        self.canonical_texts: dict[int, str] = {}
        """The items that were read or added, as the texts that are hashed."""
        self.broken_numbers: list[int] = []
        """The numbers of items that do not follow the one before them."""
        self.stray_numbers: dict[str, None] = {}
        """The numbers, as the table spells them, of items outside the chain: not whole, less than 1, or ahead of the
        next.

        Of the items ahead it has only the first.
        """
        self._read_up_to = ""
        """The number up to which the partition was read; "" at the beginning."""

    def forget(self) -> None:
        """Forgets all items, so that the next read finds what was changed since."""
        self.last_number, self._read_up_to = 0, ""
        self.canonical_texts.clear()
        self.broken_numbers.clear()
        self.stray_numbers.clear()

    def read(self) -> Iterator[dict[str, Any]]:
        """Yields the values of the items that were added since the last read, in order. A missing table has none."""
        condition = " AND #sequence > :number" if self._read_up_to else ""
        for raw in self._query(condition, self._read_up_to):
            raw_number: str = raw["sequence"]["N"]
            number = Decimal(raw_number)
            is_integer = number == number.to_integral_value()
            if is_integer and (number == self.last_number + 1 or self._is_copied(number)):
                found = from_item(raw)
                self._accept(int(number), found)
                self._read_up_to = raw_number
                yield found
                continue
            self.stray_numbers[raw_number] = None
            if number < self.last_number + 1:
                self._read_up_to = raw_number
            elif is_integer:
                # All items after this one are ahead too.
                return

    def read_stored_digest(self, number: int) -> str:
        """Returns the SHA-256 of an item as the table holds it now, or "" if it does not exist."""
        return next(
            (_hash_text(to_canonical_json(from_item(raw))) for raw in self._query(" AND #sequence = :number", number)),
            "",
        )

    def add(self, body: Mapping[str, object]) -> int | None:
        """Adds an item after the last one that was read.

        Returns its number, or None if another writer took that number. Raises TableMissing.
        """
        number = self.last_number + 1
        new_item = to_item({"stack": self.key, **body, "sequence": number, "previous": self._last_digest or None})
        try:
            self._dynamodb.put_item(
                TableName=self._table,
                Item=new_item,
                ConditionExpression="attribute_not_exists(#sequence)",
                ExpressionAttributeNames={"#sequence": "sequence"},
            )
        except Exception as error:
            if get_error_code(error) == "ConditionalCheckFailedException":
                return None
            if get_error_code(error) == "ResourceNotFoundException":
                raise TableMissing(
                    f"The ledger table {self._table} is missing; `pulumi up --refresh` creates it again."
                ) from error
            raise
        self._accept(number, from_item(new_item))
        self._read_up_to = str(number)
        return number

    def get_digest(self, number: int) -> str:
        """Returns the SHA-256 of an item in hex, or "" if it does not exist."""
        text = self.canonical_texts.get(number)
        return "" if text is None else _hash_text(text)

    @property
    def _last_digest(self) -> str:
        return self.get_digest(self.last_number)

    def _query(self, condition: str, number: object) -> Iterator[dict[str, Any]]:
        """Yields the items whose number meets the condition, in order."""
        names, expression_values, start = {"#stack": "stack"}, {":key": {"S": self.key}}, dict[str, Any]()
        if condition:
            names["#sequence"] = "sequence"
            expression_values[":number"] = {"N": str(number)}
        while self._table:
            try:
                page: Any = self._dynamodb.query(
                    TableName=self._table,
                    KeyConditionExpression=f"#stack = :key{condition}",
                    ExpressionAttributeNames=names,
                    ExpressionAttributeValues=expression_values,
                    ConsistentRead=True,
                    **start,
                )
            except Exception as error:
                if get_error_code(error) == "ResourceNotFoundException":
                    return
                raise
            yield from page["Items"]
            if not (after := page.get("LastEvaluatedKey")):
                return
            start = {"ExclusiveStartKey": after}

    def _is_copied(self, number: Decimal) -> bool:
        """Whether an item after a gap was copied, so that it was in the chain before the gap.

        False if that is unknown.
        """
        if self._copied_up_to is None or not self.last_number + 1 < number <= MAX_NUMBER:
            return False
        with suppress(Exception):
            return number <= self._copied_up_to(self.key)
        return False

    def _accept(self, number: int, found: Mapping[str, Any]) -> None:
        if number != self.last_number + 1 or found.get("previous", "") != self._last_digest:
            self.broken_numbers.append(number)
        self.stray_numbers.pop(str(number), None)
        self.last_number = number
        self.canonical_texts[number] = to_canonical_json(found)


def to_canonical_json(found: Mapping[str, Any]) -> str:
    """Returns an item's values as JSON that does not depend on the order and number format of the table."""
    return json.dumps(found, sort_keys=True, separators=(",", ":"), default=str)


def _hash_text(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
