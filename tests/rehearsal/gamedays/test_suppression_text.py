"""The text of a suppression: which alarms suppressed another, by name."""

from __future__ import annotations

import pytest

from rehearsal.gamedays.alarm_spans import _has_overlap, explain_suppression

KEYS = {"t-server-errors-1": "server-errors-green", "t-guardrail-2": "guardrail-green", "t-late-3": "drift-late"}
VOICE = {"ActionsSuppressor": "arn:aws:cloudwatch:us-east-1:1:alarm:t-quiet"}
FOUND = {"t-quiet": {"AlarmRule": 'ALARM("t-guardrail-2") OR ALARM("t-late-3")'}}


def test_who_said_it_instead_is_named() -> None:
    meanwhile = [("t-guardrail-2", 60.0, None), ("t-server-errors-1", 60.0, 90.0)]
    assert explain_suppression(VOICE, FOUND, meanwhile, KEYS) == "nobody: it is suppressed by guardrail-green"


def test_a_single_alarm_may_be_the_suppressor() -> None:
    voice = {"ActionsSuppressor": "t-late-3"}
    assert explain_suppression(voice, {}, [("t-late-3", 1.0, 2.0)], KEYS) == "nobody: it is suppressed by drift-late"


def test_where_none_is_known_it_is_another() -> None:
    assert (
        explain_suppression({}, FOUND, [("t-guardrail-2", 60.0, None)], KEYS) == "nobody: it is suppressed by another"
    )


@pytest.mark.parametrize(
    ("one", "other", "together"),
    [((0, 5), (5, None), True), ((0, 5), (6, None), False), ((7, None), (0, 6), False), ((2, 3), (0, 9), True)],
)
def test_stays_meet(one: tuple[float, float | None], other: tuple[float, float | None], together: bool) -> None:
    assert _has_overlap(one, other) is together
