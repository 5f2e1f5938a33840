"""How times are said: roughly where they were computed, exactly where they were declared."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tidewatch.duration_format import format_duration, format_period


@pytest.mark.parametrize(
    ("length", "said"),
    [
        (timedelta(days=9, hours=8), "9.3 days"),
        (timedelta(hours=50), "2.1 days"),
        (timedelta(days=1), "1 day"),
        (timedelta(hours=6), "6 hours"),
        (timedelta(minutes=61), "1 hour"),
        (timedelta(minutes=5), "5 minutes"),
        (timedelta(seconds=26), "26 seconds"),
    ],
)
def test_a_time_is_told_to_a_tenth_of_its_largest_unit(length: timedelta, said: str) -> None:
    assert format_duration(length) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (86_400, "24 hours"),
        (3600, "1 hour"),
        (5400, "90 minutes"),
        (60, "1 minute"),
        (90, "90 seconds"),
        (10, "10 seconds"),
        (1, "1 second"),
    ],
)
def test_a_period_is_told_exactly(seconds: int, said: str) -> None:
    assert format_period(seconds) == said
