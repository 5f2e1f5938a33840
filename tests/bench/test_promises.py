"""What is promised of ratios: in every turn, with room."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.limits import LimitResult, Ratio, has_missed, time_import


@pytest.mark.parametrize(
    ("runs", "least", "most"),
    [
        ((1.3, 1.25), LimitResult.PROMISED, LimitResult.MISSED),
        ((1.3, 1.1), LimitResult.NEAR, LimitResult.MISSED),
        ((1.3, 0.9), LimitResult.MISSED, LimitResult.MISSED),
        ((0.8, 0.7), LimitResult.MISSED, LimitResult.PROMISED),
        ((0.8, 0.95), LimitResult.MISSED, LimitResult.NEAR),
    ],
)
def test_a_promise_holds_in_every_turn_with_room(
    runs: tuple[float, ...], least: LimitResult, most: LimitResult
) -> None:
    assert (Ratio(runs).check_at_least(1.0), Ratio(runs).check_at_most(1.0)) == (least, most)


def test_a_ratio_is_of_each_turn_and_shows_its_spread() -> None:
    ratio = Ratio.of([2.0, 9.0, 4.0], [1.0, 3.0, 1.0])
    assert ratio.runs == (2.0, 3.0, 4.0)
    assert str(ratio) == "3.00 (2.00 to 4.00)"


def test_only_a_miss_is_a_failure() -> None:
    assert not has_missed(LimitResult.PROMISED, LimitResult.NEAR)
    assert has_missed(LimitResult.PROMISED, LimitResult.MISSED)


def test_an_import_is_measured_where_compiled_modules_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    (tmp_path / "small.py").write_text("")
    assert time_import("small", tmp_path) >= 0
    assert list((tmp_path / "__pycache__").iterdir())
