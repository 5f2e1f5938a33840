"""Of a rollback's calls, the one whose own time is reported."""

from __future__ import annotations

import pytest

from rehearsal.gamedays.outcome import find_longest_own_seconds


@pytest.mark.parametrize(
    ("timings", "own_seconds"),
    [
        ([(0.9, 0.0), (0.3, 0.2), (0.4, 0.1)], 0.4),
        ([(0.9, 0.0), (0.3, 0.0)], 0.9),
        ([], 0.0),
    ],
)
def test_a_rollback_on_a_slow_machine_that_never_had_to_wait_has_own_seconds_too(
    timings: list[tuple[float, float]], own_seconds: float
) -> None:
    calls = [{"own_seconds": own, "slept_seconds": slept} for own, slept in timings]
    assert find_longest_own_seconds(calls) == own_seconds
