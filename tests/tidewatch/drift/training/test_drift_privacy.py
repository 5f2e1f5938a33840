"""A reference holds no value of the training that few rows share, and judges as one that holds them all."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import pytest

from tidewatch.drift.counting.binning import CategoryBinner
from tidewatch.drift.counting.table_counter import count_table
from tidewatch.drift.profile import Profile
from tidewatch.drift.reference import CategoryFeature, NumericFeature, Reference, decode_reference
from tidewatch.drift.statistics import judge_profile
from tidewatch.drift.tables import ArrayTable
from tidewatch.drift.training.disclosure import render_card_section
from tidewatch.drift.training.reference_builder import (
    MAX_CLEAR_VALUES,
    MIN_CLEAR_ROWS,
    build_reference,
)

RNG = np.random.default_rng(12)
EMAILS = [f"user{at}@example.com" for at in range(1_500)]
SALARIES = np.append(np.round(RNG.lognormal(11, 0.4, 4_999), 2), 1_234_567.89)
CITIES = RNG.choice([f"city {at}" for at in range(300)], 5_000, p=np.arange(300, 0, -1) / 45_150).tolist()
PLANS = [*RNG.choice(["basic", "pro"], 4_990).tolist(), *["the one of Ann Lee"] * 10]


def table(seed: int = 0) -> dict[str, Any]:
    drawn = np.random.default_rng(seed).permutation(5_000)
    emails = [EMAILS[at % 1_500] for at in range(5_000)]
    return {"email": [emails[at] for at in drawn], "city": [CITIES[at] for at in drawn],
            "plan": [PLANS[at] for at in drawn], "salary": SALARIES[drawn]}  # fmt: skip


def in_clear(reference: Reference, columns: dict[str, Sequence[str]]) -> Reference:
    """The same reference as it would have been with every value in clear."""
    return msgspec.structs.replace(reference, features=tuple(
        _clear(one, columns[one.name]) if isinstance(one, CategoryFeature) else one for one in reference.features
    ))  # fmt: skip


def _clear(feature: CategoryFeature, values: Sequence[str]) -> CategoryFeature:
    bins = CategoryBinner(feature)
    named: dict[int, list[str]] = {}
    for value in sorted(set(values)):
        named.setdefault(bins.bin(value), []).append(value)
    every = range(len(feature.values))
    others = [value for at in range(len(every), feature.width - 2) for value in named.get(at, ())]
    return msgspec.structs.replace(
        feature, values=tuple(named[at][0] for at in every), other_values=tuple(sorted(others))
    )


def profile(reference: Reference, columns: dict[str, Any]) -> Profile:
    return count_table(ArrayTable(columns), reference, "a test").profile


def test_nothing_that_few_rows_share_stands_in_the_reference() -> None:
    text = build_reference(table()).encode().decode()
    assert not any(email in text for email in EMAILS)
    assert "Ann Lee" not in text
    assert "1234567" not in text
    assert not any(f'"{city}"' in text for city in set(CITIES)), "a column of 300 values reveals too much"
    assert '"basic"' in text
    assert '"pro"' in text


@pytest.mark.parametrize("times", [MIN_CLEAR_ROWS - 1, MIN_CLEAR_ROWS])
@pytest.mark.parametrize("values", [MAX_CLEAR_VALUES, MAX_CLEAR_VALUES + 1])
def test_values_are_kept_in_clear_where_they_are_few_and_frequent(times: int, values: int) -> None:
    (feature,) = build_reference({"c": [f"v{at}" for at in range(values) for _ in range(times)]}).features
    assert isinstance(feature, CategoryFeature)
    kept = [not feature.is_hashed(each) for each in (*feature.values, *feature.other_values)]
    assert kept == [times >= MIN_CLEAR_ROWS and values <= MAX_CLEAR_VALUES] * values


def test_bounds_are_kept_where_many_rows_share_them_and_else_rounded_outwards() -> None:
    numbers = {"flag": np.repeat([0.0, 1.0], 50), "salary": np.append(np.linspace(20_123, 90_000, 99), 1_234_567.89)}
    flag, salary = build_reference(numbers).features
    assert isinstance(flag, NumericFeature)
    assert isinstance(salary, NumericFeature)
    assert (flag.minimum, flag.maximum) == (0, 1)
    assert (salary.minimum, salary.maximum) == (20_000, 1_240_000)


def test_hashed_values_are_judged_as_those_in_clear() -> None:
    trained = table()
    hidden = build_reference(trained)
    clear = in_clear(hidden, trained)
    assert decode_reference(clear.encode(), "a reference in clear") == clear
    now = table(seed=1)
    now["email"] = [*now["email"][:4_000], *(f"new{at}@example.com" for at in range(1_000))]
    now["city"] = [*now["city"][:3_500], *["city 7"] * 1_500]
    now["plan"] = [*now["plan"][:4_500], *["the one of Ann Lee"] * 500]
    ours, theirs = (judge_profile(each, profile(each, now)) for each in (hidden, clear))
    assert [(each.verdict, each.psi, each.p_value, each.unseen_rate) for each in ours.features] == [
        (each.verdict, each.psi, each.p_value, each.unseen_rate) for each in theirs.features
    ]
    assert {each.name for each in ours.features if each.verdict == "drift"} == {"city", "email", "plan"}
    told = json.dumps([each.reasons for each in ours.features])
    assert "(hashed " in told
    assert "Ann Lee" not in told


def test_a_value_that_reads_like_a_hash_is_none() -> None:
    (feature,) = build_reference({"c": ["a"] * 30 + ["rare"]}).features
    assert isinstance(feature, CategoryFeature)
    forged = feature.values[1]
    bins = CategoryBinner(feature)
    assert [bins.bin(value) for value in ("a", "rare", forged, None)] == [0, 1, 3, 4]


def test_the_card_says_what_the_reference_holds() -> None:
    said = render_card_section(build_reference({**table(), "<b>": ["x"] * 5_000}))
    assert "- email: 0 values in clear, 1,500 hashed\n" in said
    assert "- plan: 2 values in clear, 1 hashed\n" in said
    assert "<b>" not in said
