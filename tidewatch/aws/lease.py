"""Leases in the control table: the right to do something alone for a short time."""

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
"""The largest difference between the clocks of two holders."""


@dataclass(frozen=True)
class Lease:
    """A lease, held by `holder` until it expires or is released."""

    holder: str
    expires: datetime


@dataclass(frozen=True)
class LeaseTable:
    """The leases of one stack, each an item of the control table under `lease#NAME`.

    A conditional put acquires a lease, so a holder that dies delays the others only until it expires. A lease never
    counts for longer than its duration, whatever the item contains: one with a later or invalid expiry is free.
    """

    dynamodb: DynamoDBClient
    table: str
    key: str
    clock: Clock

    def acquire(self, name: str, seconds: float) -> Lease | None:
        """Returns the lease, or None while another holder has it.

        Raises the client's errors, also for a missing table.
        """
        now = self.clock.now()
        lease = Lease(uuid.uuid4().hex, now + timedelta(seconds=seconds))
        body = {"holder": lease.holder, "expires": lease.expires.timestamp()}
        try:
            self.dynamodb.put_item(
                TableName=self.table,
                Item=to_item({"stack": self.key, "key": f"lease#{name}", **body}),
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
        """Releases the lease. Does nothing if it expired and another holder has it now."""
        try:
            self.dynamodb.delete_item(
                TableName=self.table,
                Key={"stack": {"S": self.key}, "key": {"S": f"lease#{name}"}},
                ConditionExpression="#holder = :holder",
                ExpressionAttributeNames={"#holder": "holder"},
                ExpressionAttributeValues={":holder": {"S": lease.holder}},
            )
        except Exception as error:
            if get_error_code(error) != "ConditionalCheckFailedException":
                raise
