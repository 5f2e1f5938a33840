"""A lease in the control table: the right to do for a short time what only one may do at a time."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from tidewatch.aws.dynamodb import to_item
from tidewatch.aws.errors import get_error_code
from tidewatch.clock import Clock

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


CLOCK_SKEW_SECONDS = 30.0
"""By which the clocks of two holders may differ."""


@dataclass(frozen=True)
class Lease:
    """Held by `holder` until it expires, or until it is given back."""

    holder: str
    expires: datetime


@dataclass(frozen=True)
class LeaseTable:
    """The leases of one stack, each an item of the control table under `lease#NAME`.

    They are taken by a conditional put, so that one who died holds the others up for the lease's time and no longer.
    Nobody is believed to hold one for longer than it lasts, whatever the item says: one that does not end, or that
    tells its end in another form, is nobody's.
    """

    dynamodb: DynamoDBClient
    table: str
    key: str
    clock: Clock

    def acquire(self, name: str, seconds: float) -> Lease | None:
        """The lease, or None while another holds it. Raises what the client raises, a missing table included."""
        now = self.clock.now()
        lease = Lease(uuid.uuid4().hex, now + timedelta(seconds=seconds))
        body = {"holder": lease.holder, "expires": lease.expires.timestamp()}
        try:
            self.dynamodb.put_item(
                TableName=self.table,
                Item=to_item({"endpoint": self.key, "key": f"lease#{name}", **body}),
                ConditionExpression="attribute_not_exists(#expires) OR NOT attribute_type(#expires, :number) "
                "OR #expires < :now OR #expires > :longest",
                ExpressionAttributeNames={"#expires": "expires"},
                ExpressionAttributeValues=to_item(
                    {
                        ":number": "N",
                        ":now": now.timestamp(),
                        ":longest": now.timestamp() + seconds + CLOCK_SKEW_SECONDS,
                    }
                ),
            )
        except Exception as error:
            if get_error_code(error) == "ConditionalCheckFailedException":
                return None
            raise
        return lease

    def release(self, name: str, lease: Lease) -> None:
        """Gives the lease back; nothing happens where it expired and another has it now."""
        try:
            self.dynamodb.delete_item(
                TableName=self.table,
                Key={"endpoint": {"S": self.key}, "key": {"S": f"lease#{name}"}},
                ConditionExpression="#holder = :holder",
                ExpressionAttributeNames={"#holder": "holder"},
                ExpressionAttributeValues={":holder": {"S": lease.holder}},
            )
        except Exception as error:
            if get_error_code(error) != "ConditionalCheckFailedException":
                raise
