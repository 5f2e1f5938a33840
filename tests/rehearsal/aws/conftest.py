"""An account in the simulator, within the test's own process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rehearsal.aws import create_local_control, simulate_aws
from tests.rehearsal.aws.account import Account, variant


@pytest.fixture
def account() -> Iterator[Account]:
    with simulate_aws() as clock:
        yield Account(clock, create_local_control())


@pytest.fixture
def endpoint(account: Account) -> Account:
    """An account whose endpoint `flights` serves blue and green, 95 to 5, from the configuration `first`."""
    account.model("one")
    account.config("first", variant("blue", 95), variant("green", 5))
    account.config("second", variant("blue", 95), variant("green", 5))
    account.serving()
    return account
