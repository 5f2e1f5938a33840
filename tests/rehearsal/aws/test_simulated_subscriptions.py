"""Subscriptions of a topic while several threads make them, as an `up` does."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from moto.sns.models import sns_backends

from rehearsal.aws import ACCOUNT, REGION
from tests.rehearsal.aws.account import Account


@pytest.fixture
def restless() -> Iterator[None]:
    """Threads that take turns as often as Python lets them."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("restless")
def test_several_are_made_at_once(account: Account) -> None:
    topic = account.client("sns").create_topic(Name="pages")["TopicArn"]
    backend = sns_backends[ACCOUNT][REGION]

    def subscribe(who: int) -> None:
        for number in range(100):
            backend.subscribe(topic, f"{who}-{number}@example.com", "email")

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(subscribe, range(6)))
    assert len(backend.subscriptions) == 600
