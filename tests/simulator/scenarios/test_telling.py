"""What is told of a game day: who kept an alarm quiet, by name."""

from __future__ import annotations

import pytest

from simulator.scenarios.telling import _kept_quiet, _overlap  # pyright: ignore[reportPrivateUsage]

KEYS = {"t-server-errors-1": "server-errors-green", "t-guardrail-2": "guardrail-green", "t-late-3": "drift-late"}
VOICE = {"ActionsSuppressor": "arn:aws:cloudwatch:us-east-1:1:alarm:t-quiet"}
FOUND = {"t-quiet": {"AlarmRule": 'ALARM("t-guardrail-2") OR ALARM("t-late-3")'}}


def test_who_said_it_instead_is_named() -> None:
    meanwhile = [("t-guardrail-2", 60.0, None), ("t-server-errors-1", 60.0, 90.0)]
    assert _kept_quiet(VOICE, FOUND, meanwhile, KEYS) == "nobody: guardrail-green said it"


def test_a_single_alarm_may_be_the_suppressor() -> None:
    voice = {"ActionsSuppressor": "t-late-3"}
    assert _kept_quiet(voice, {}, [("t-late-3", 1.0, 2.0)], KEYS) == "nobody: drift-late said it"


def test_where_none_is_known_it_is_another() -> None:
    assert _kept_quiet({}, FOUND, [("t-guardrail-2", 60.0, None)], KEYS) == "nobody: another said it"


@pytest.mark.parametrize(
    ("one", "other", "together"),
    [((0, 5), (5, None), True), ((0, 5), (6, None), False), ((7, None), (0, 6), False), ((2, 3), (0, 9), True)],
)
def test_stays_meet(one: tuple[float, float | None], other: tuple[float, float | None], together: bool) -> None:
    assert _overlap(one, other) is together
