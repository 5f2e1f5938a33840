"""What is promised of ratios: in every turn, with room."""

from __future__ import annotations

import pytest

from bench.promises import Kept, Ratio


@pytest.mark.parametrize(
    ("runs", "least", "most"),
    [
        ((1.3, 1.25), Kept.PROMISED, Kept.MISSED),
        ((1.3, 1.1), Kept.NEAR, Kept.MISSED),
        ((1.3, 0.9), Kept.MISSED, Kept.MISSED),
        ((0.8, 0.7), Kept.MISSED, Kept.PROMISED),
        ((0.8, 0.95), Kept.MISSED, Kept.NEAR),
    ],
)
def test_a_promise_holds_in_every_turn_with_room(runs: tuple[float, ...], least: Kept, most: Kept) -> None:
    assert (Ratio(runs).at_least(1.0), Ratio(runs).at_most(1.0)) == (least, most)


def test_a_ratio_is_of_each_turn_and_shows_its_spread() -> None:
    ratio = Ratio.of([2.0, 9.0, 4.0], [1.0, 3.0, 1.0])
    assert ratio.runs == (2.0, 3.0, 4.0)
    assert str(ratio) == "3.00 (2.00 to 4.00)"
