"""A lease is held by one at a time, until it is given back or runs out."""

from collections.abc import Iterator

import boto3
import pytest

from rehearsal.aws import simulate_aws
from tidewatch.aws.lease import LeaseTable


@pytest.fixture
def leases() -> Iterator[LeaseTable]:
    with simulate_aws() as clock:
        dynamodb = boto3.client("dynamodb", region_name="us-east-1")
        keys = (("stack", "HASH"), ("key", "RANGE"))
        dynamodb.create_table(
            TableName="control",
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind in keys],  # type: ignore[misc]
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name, _ in keys],
        )
        yield LeaseTable(dynamodb, "control", "flights", clock)


def test_it_is_held_by_one_until_given_back(leases: LeaseTable) -> None:
    first = leases.acquire("drift", 60)
    assert first is not None
    assert leases.acquire("drift", 60) is None
    assert leases.acquire("traffic", 60) is not None, "another name is another lease"
    leases.release("drift", first)
    assert leases.acquire("drift", 60) is not None


def test_one_who_died_holds_others_up_for_its_time_only(leases: LeaseTable) -> None:
    first = leases.acquire("drift", 60)
    assert first is not None
    leases.clock.sleep(61)
    second = leases.acquire("drift", 60)
    assert second is not None
    leases.release("drift", first)
    assert leases.acquire("drift", 60) is None, "what expired cannot be given back for another"


def test_a_missing_table_is_the_clients_error(leases: LeaseTable) -> None:
    with pytest.raises(leases.dynamodb.exceptions.ResourceNotFoundException):
        LeaseTable(leases.dynamodb, "nowhere", "flights", leases.clock).acquire("drift", 60)


@pytest.mark.parametrize("expires", [{"N": "9999999999"}, {"S": "tomorrow"}, {"N": "1e100"}, {"NULL": True}, {"L": []}])
def test_what_says_that_it_never_ends_is_nobodys(leases: LeaseTable, expires: dict[str, object]) -> None:
    forged = {"stack": {"S": "flights"}, "key": {"S": "lease#traffic"}, "expires": expires}
    leases.dynamodb.put_item(TableName="control", Item=forged)  # type: ignore[arg-type]
    assert leases.acquire("traffic", 15) is not None


def test_a_holder_whose_clock_is_a_little_ahead_keeps_its_lease(leases: LeaseTable) -> None:
    ahead = leases.clock.now().timestamp() + 15 + 20
    held = {"stack": {"S": "flights"}, "key": {"S": "lease#traffic"}, "expires": {"N": str(ahead)}}
    leases.dynamodb.put_item(TableName="control", Item=held)
    assert leases.acquire("traffic", 15) is None
