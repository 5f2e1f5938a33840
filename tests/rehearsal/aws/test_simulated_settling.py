"""Bringing the account up to its clock: in the order of time, and by one thread at a time."""

from __future__ import annotations

import threading

import pytest

from rehearsal.aws import current_account
from rehearsal.aws.lambda_ import api as lambda_api
from tests.rehearsal.aws.account import BODY, CAPTURE, LAYOUT, Account, variant


def test_a_jump_of_the_clock_writes_due_capture_files_before_it_starts_what_is_scheduled(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    account.client("s3").create_bucket(Bucket="captured")
    account.model("one", LAYOUT)
    account.config("first", variant("blue"), DataCaptureConfig=CAPTURE)
    account.serving()
    arn = account.function("note", "def handler(event, context):\n    pass\n")
    account.let_events(arn)
    account.client("events").put_rule(Name="hourly", ScheduleExpression="rate(1 hour)")
    account.client("events").put_targets(Rule="hourly", Targets=[{"Id": "1", "Arn": arn}])
    found: list[int] = []

    def start(*_: object) -> None:
        found.append(account.client("s3").list_objects_v2(Bucket="captured")["KeyCount"])

    monkeypatch.setattr(lambda_api, "invoke_sequentially", start)
    account.clock.advance(1)
    runtime = account.client("sagemaker-runtime")
    runtime.invoke_endpoint(EndpointName="flights", ContentType="application/json", Body=BODY)
    account.clock.advance(3600)

    assert found == [1]


def test_nobody_goes_on_while_another_thread_is_still_starting_what_is_due(account: Account) -> None:
    del account
    here, inside, leave = current_account(), threading.Event(), threading.Event()

    def slow(*_: object) -> None:
        inside.set()
        leave.wait()

    here.post_settle_hooks.append(slow)
    other = threading.Thread(target=here.settle)
    other.start()
    inside.wait()
    free = here.settle_lock.acquire(blocking=False)
    leave.set()
    other.join()

    assert not free
