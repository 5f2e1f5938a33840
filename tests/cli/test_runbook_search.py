"""The runbook of an alarm, found by whatever name a page gives the alarm."""

from __future__ import annotations

import pytest

from cli.errors import UserError
from cli.runbook_search import RunbookMatch, find_runbook, runbooks_by_alarm
from tests.stacks.deployed_program import DeployedProgram


@pytest.mark.parametrize(
    ("asked", "key", "variant"),
    [
        ("server-errors", "server-errors", ""),
        ("server-errors-blue", "server-errors", "blue"),
        ("flights-server-errors-blue-3fa9c1d", "server-errors", "blue"),
        ("arn:aws:cloudwatch:us-east-1:123456789012:alarm:flights-latency-green-3fa9c1d", "latency", "green"),
        ("flights-guardrail-latency-green-3fa9c1d", "guardrail-latency", "green"),
        ("flights-guardrail-model-errors-green-3fa9c1d", "guardrail-errors", "green"),
        ("flights-guardrail-green-3fa9c1d", "guardrail-errors", "green"),
        ("flights-guardrail-metric-latency-green-3fa9c1d", "guardrail-metric", "green"),
        ("drift-watch-many-features-drift-3fa9c1d", "many-features-drift", ""),
        ("flights-availability-burn-fast-3fa9c1d", "availability", ""),
        ("flights-latency-burn-fast-3fa9c1d", "latency-objective", ""),
        ("latency-objective.md", "latency-objective", ""),
        ("FLIGHTS-Disk-Blue-3FA9C1D", "disk", "blue"),
        ("unacknowledged", "unacknowledged", ""),
    ],
)
def test_an_alarm_is_found_by_any_of_its_names(asked: str, key: str, variant: str) -> None:
    found = find_runbook(asked)
    assert (found.key, found.variant) == (key, variant)


@pytest.mark.parametrize(
    ("asked", "near"),
    [("sever-erors", "server-errors"), ("flights-undeliverd-3fa9c1d", "undelivered"), ("dsk", "disk")],
)
def test_an_unknown_name_gets_the_nearest(asked: str, near: str) -> None:
    with pytest.raises(UserError, match=f"no alarm is called {asked}, did you mean {near}"):
        find_runbook(asked)


def test_a_page_is_found_again_with_a_variant() -> None:
    for page in set(runbooks_by_alarm().values()):
        assert find_runbook(f"{page}-green") == RunbookMatch(page, f"{page}-green", "green")


def test_every_alarm_of_the_stack_leads_to_one_page_by_its_key_and_by_its_name(
    operated_canary: DeployedProgram,
) -> None:
    named = operated_canary.outputs()["alarms"]["names"]
    assert named
    for key, name in named.items():
        assert find_runbook(name).key == find_runbook(key).key
        assert find_runbook(name).variant == find_runbook(key).variant
        assert key.startswith(find_runbook(key).variant or key) or key.endswith(f"-{find_runbook(key).variant}")
