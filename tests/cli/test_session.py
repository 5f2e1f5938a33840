"""Clients of a stack: their region, and the time where the stack is."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cli.aws import Session
from simulator.clock import SharedClock
from tidewatch import clock


@pytest.fixture(autouse=True)
def _account(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)


def test_without_a_stack_it_is_this_machine() -> None:
    session = Session("")
    assert (session.region, session.simulated) == ("eu-west-1", False)
    assert session.client("sns").meta.region_name == "eu-west-1"
    assert session.client("pricing", "us-east-1").meta.region_name == "us-east-1"
    assert abs((session.now() - clock.current().now()).total_seconds()) < 60


def test_a_stack_names_its_region() -> None:
    session = Session("dev")
    assert session.region == session.client("sns").meta.region_name == "us-east-1"


def test_a_rehearsal_has_its_own_place_and_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "out" / "rehearsal"
    environment = {
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "rehearsal",
        "AWS_SECRET_ACCESS_KEY": "rehearsal",
    }
    moved = SharedClock.create(home / "simulator" / "clock")
    moved.advance_to(datetime(2031, 1, 1, tzinfo=UTC))
    (home / "simulator.json").write_text(json.dumps(environment))
    monkeypatch.setattr("cli.aws.ROOT", tmp_path)
    session = Session("rehearsal")
    assert (session.region, session.simulated) == ("us-east-1", True)
    assert session.now().year == 2031
    assert session.client("ecr", "us-west-2").meta.endpoint_url == "http://127.0.0.1:9"
