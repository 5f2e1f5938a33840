"""The reference holds any training data, says the same of the same data, and what is none is refused."""

import json
import math
import os
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tidewatch.drift.drift_records import plain_lines, reference
from tidewatch.arrays import Floats
from tidewatch.capture.line_reader import Block
from tidewatch.drift.counting.line_counter import create_counter
from tidewatch.drift.errors import InvalidReference, InvalidTraining
from tidewatch.drift.reference import CategoryFeature, NumericFeature, decode_reference, hash_value
from tidewatch.drift.statistics import judge_profile
from tidewatch.drift.training.reference_builder import (
    MAX_KNOWN_VALUES,
    MAX_NAMED_VALUES,
    build_reference,
)

FUZZ = settings(max_examples=int(os.environ.get("TIDEWATCH_FUZZ_EXAMPLES", "100")), deadline=None, derandomize=True)


def numeric(values: Floats) -> NumericFeature:
    feature = build_reference({"x": values}).features[0]
    assert isinstance(feature, NumericFeature)
    return feature


def category(values: list[str | None]) -> CategoryFeature:
    feature = build_reference({"c": values}).features[0]
    assert isinstance(feature, CategoryFeature)
    return feature


def test_the_same_data_give_the_same_bytes() -> None:
    assert reference().encode() == reference().encode()
    assert reference().digest == reference().digest != reference(seed=2).digest


def test_it_comes_back_from_its_bytes() -> None:
    made = reference(order=["id", "distance", "carrier", "delay"])
    assert decode_reference(made.encode(), "reference.json") == made
    assert decode_reference(made.encode(), "reference.json").digest == made.digest


NUMBERS = st.one_of(st.floats(-1e308, 1e308), st.sampled_from([0.0, 1.0, -0.0, float("nan")]))


@given(st.lists(NUMBERS, min_size=1, max_size=300))
def test_every_value_of_the_training_is_counted_once_and_within_range(values: list[float]) -> None:
    feature = numeric(np.array(values))
    present = [value for value in values if not np.isnan(value)]
    assert feature.total == len(present)
    assert feature.missing == len(values) - len(present)
    assert list(feature.edges) == sorted(set(feature.edges))
    if present:
        assert feature.counts[0] == feature.counts[-1] == 0
        assert feature.minimum is not None
        assert feature.maximum is not None
        assert feature.minimum <= min(present) <= max(present) <= feature.maximum


def test_edges_lie_between_the_order_statistics_around_each_quantile() -> None:
    values = np.random.default_rng(5).normal(size=5_000)
    edges = np.array(numeric(values).edges)[1:-1]
    assert len(edges) == 999
    ordered = np.sort(values)
    below = np.searchsorted(ordered, edges)
    assert (np.abs(below - np.arange(1, 1000) * 5) <= 1).all()


def test_the_ten_bins_hold_about_a_tenth_each() -> None:
    feature = numeric(np.random.default_rng(6).lognormal(size=10_000))
    bounds = [0, *(at + 1 for at in feature.deciles), len(feature.counts)]
    shares = [sum(feature.counts[first:last]) / 10_000 for first, last in pairwise(bounds)]
    assert len(shares) == 10
    assert all(abs(share - 0.1) < 1e-3 for share in shares)


def test_a_constant_column_has_one_bin_within_its_range() -> None:
    feature = numeric(np.full(100, 7.0))
    assert (feature.counts, feature.deciles) == ((0, 100, 0), ())
    assert feature.edges[0] < 7.0 < feature.edges[1]


def test_a_nearly_constant_column_tells_the_rare_value_apart() -> None:
    feature = numeric(np.array([0.0] * 9_999 + [1.0]))
    assert (feature.counts, feature.deciles) == ((0, 9_999, 1, 0), (1,))


def test_a_tie_is_never_cut() -> None:
    values = np.random.default_rng(7).integers(0, 5, 10_000).astype(float)
    feature = numeric(values)
    assert feature.counts == (0, *np.bincount(values.astype(int)).tolist(), 0)


@pytest.mark.parametrize("seed", range(3))
def test_a_value_stays_in_its_bin_as_float32_and_as_text(seed: int) -> None:
    rng = np.random.default_rng(seed)
    drawn = np.concatenate(
        [np.full(300, 0.1), np.round(rng.normal(0, 3, 1_500), 1), np.round(rng.lognormal(size=500), 2)]
    )
    for trained, served in ((drawn, drawn.astype(np.float32)), (drawn.astype(np.float32), drawn)):
        edges = np.array(numeric(trained.astype(np.float64)).edges)
        before = np.searchsorted(edges, trained.astype(np.float64), "right")
        assert (before == np.searchsorted(edges, served.astype(np.float64), "right")).all()


def test_a_column_of_missing_values_only_has_no_bins() -> None:
    feature = numeric(np.full(9, np.nan))
    assert (feature.edges, feature.counts, feature.missing, feature.minimum) == ((), (0,), 9, None)
    assert category([None, None]).missing == 2


def test_minus_zero_is_zero() -> None:
    assert (
        build_reference({"x": np.array([-0.0, 1.0])}).encode() == build_reference({"x": np.array([0.0, 1.0])}).encode()
    )


def test_the_most_frequent_categories_are_named_and_the_others_remembered() -> None:
    values: list[str | None] = [f"v{at:03d}" for at in range(MAX_NAMED_VALUES + 30) for _ in range(100 - at)]
    feature = category([*values, "once", "twice", "twice", None])
    assert feature.values == tuple(f"v{at:03d}" for at in range(MAX_NAMED_VALUES))
    rare = sorted(hash_value(value, feature.salt) for value in ("once", "twice"))
    assert feature.other_values == (*rare, *(f"v{at:03d}" for at in range(MAX_NAMED_VALUES, MAX_NAMED_VALUES + 30)))
    assert (feature.singletons, feature.doubletons, feature.missing, feature.is_open) == (1, 1, 1, False)
    assert feature.total == len(values) + 3


def test_a_column_of_too_many_categories_is_open() -> None:
    feature = category([str(at) for at in range(MAX_KNOWN_VALUES + 1)])
    assert (feature.is_open, feature.other_values, feature.other_rows) == (
        True,
        (),
        MAX_KNOWN_VALUES + 1 - MAX_NAMED_VALUES,
    )


def test_infinity_in_the_training_is_refused_with_the_column() -> None:
    with pytest.raises(InvalidTraining, match=r"'x' holds infinity.* in 3 rows"):
        build_reference({"x": np.array([1.0, np.inf, -np.inf, 1.7976931348623157e308])})


def test_columns_of_different_lengths_and_empty_data_are_refused() -> None:
    with pytest.raises(InvalidTraining, match="different lengths: x 2, y 3"):
        build_reference({"x": np.zeros(2), "y": np.zeros(3)})
    with pytest.raises(InvalidTraining, match="no rows"):
        build_reference({"x": np.zeros(0)})
    with pytest.raises(InvalidTraining, match="is a feature too"):
        build_reference({"x": np.zeros(2)}, score=("x", np.zeros(2)))


def edit_reference(**changes: object) -> bytes:
    return json.dumps({**json.loads(reference().encode()), **changes}).encode()


@pytest.mark.parametrize(("raw", "says"), [
    (b"", "is not a reference"),
    (b"\xff\xfe", "is not a reference"),
    (b"[1]", "is not a reference"),
    (b'{"schema": 1}', "missing required field"),
    (edit_reference(schema=2), "upgrade tidewatch"),
    (edit_reference(columns=["carrier", "delay"]), "'distance' is not a column"),
], ids=["empty", "binary", "list", "bare", "newer", "column"])  # fmt: skip
def test_what_is_no_reference_is_refused_with_what_to_do(raw: bytes, says: str) -> None:
    with pytest.raises(InvalidReference, match=says):
        decode_reference(raw, "reference.json")


def test_a_reference_that_contradicts_itself_is_refused() -> None:
    features = json.loads(reference().encode())["features"]
    features[0]["edges"][3] = features[0]["edges"][2]
    features[1]["counts"].append(1)
    features[2]["counts"].append(1)
    with pytest.raises(InvalidReference, match=r"do not ascend; .*counts for 5 values; .*counts for"):
        decode_reference(edit_reference(features=features), "reference.json")


def _mutants() -> Iterator[tuple[str, Any]]:
    """Each a reference with one value replaced, by where it stands."""
    whole = json.loads(reference().encode())
    numeric, named = (next(f for f in whole["features"] if f["kind"] == kind) for kind in ("numeric", "category"))
    wild: dict[str, tuple[Any, ...]] = {
        "rows": (-1, 0, 2**60, 7, 1.5, "3", None),
        "columns": ([], [""], ["distance"] * 3, ["x" * 2_000], "distance"),
        "features": ([], whole["features"][::-1], whole["features"] * 2),
        "score_output": (10**9, -(10**9), 0.5),
    }
    for key, values in wild.items():
        yield from ((f"{key}={str(value)[:20]}", {**whole, key: value}) for value in values)
    of_feature: dict[str, tuple[Any, ...]] = {
        "counts": ([-1, *numeric["counts"][1:]], [2**70] * len(numeric["counts"]), [], [0] * len(numeric["counts"])),
        "edges": ([math.nan] * 3, [], [1.0], numeric["edges"][::-1], list(range(3_000))),
        "deciles": ([0], [10**6], [-1], [3, 2], list(range(1, 50))),
        "missing": (-1, 2**60, 10**6),
        "minimum": (None, 1e300, "x"),
    }
    for key, values in of_feature.items():
        for value in values:
            changed = [{**f, key: value} if f is numeric else f for f in whole["features"]]
            yield f"numeric {key}={str(value)[:20]}", {**whole, "features": changed}
    of_category: dict[str, tuple[Any, ...]] = {
        "counts": ([-1] * len(named["counts"]), named["counts"][::-1], [], [0] * len(named["counts"])),
        "values": ([], ["x" * 5_000] * len(named["values"]), [named["values"][0]] * len(named["values"])),
        "other_values": ([named["values"][0]], [str(at) for at in range(6_000)]),
        "other_rows": (-1, 5),
        "singletons": (-1, 10**9),
        "doubletons": (-1, 10**9),
        "is_open": (True, "yes"),
    }
    for key, values in of_category.items():
        for value in values:
            changed = [{**f, key: value} if f is named else f for f in whole["features"]]
            yield f"category {key}={str(value)[:20]}", {**whole, "features": changed}


MUTANTS = dict(_mutants())


@pytest.mark.parametrize("which", MUTANTS)
def test_a_reference_that_cannot_be_is_refused_in_a_sentence(which: str) -> None:
    with pytest.raises(InvalidReference, match=r"(contradicts itself|is not a reference).*(again|drift reference`)"):
        decode_reference(json.dumps(MUTANTS[which]).encode(), "reference.json")


@FUZZ
@given(st.data())
def test_a_mutated_reference_is_refused_or_counts(data: st.DataObject) -> None:
    """One that is taken counts and adds up, whatever it holds."""
    whole = json.loads(reference().encode())
    feature = data.draw(st.sampled_from(whole["features"] + [whole["score"]]))
    key = data.draw(st.sampled_from(sorted(feature)))
    held = feature[key]
    wild = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3)
    if isinstance(held, list) and held and data.draw(st.booleans()):
        held[data.draw(st.integers(0, len(held) - 1))] = data.draw(wild)
    else:
        feature[key] = data.draw(wild | st.lists(wild, max_size=3))
    try:
        found = decode_reference(json.dumps(whole).encode(), "reference.json")
    except InvalidReference:
        return
    counting = create_counter(found)
    counting.count(Block(0, b"\n".join(plain_lines(20)) + b"\n", False), "a.jsonl")
    profile = counting.profile()
    assert profile.accounting.read == 20
    judge_profile(found, profile)


@pytest.mark.parametrize("options", [{"score": ("y" * 1001, np.arange(30.0))}, {"order": ["x", "z" * 1001]}, {}])
def test_a_name_that_no_reference_holds_is_refused(options: dict[str, Any]) -> None:
    columns = {"x": np.arange(30.0)} if options else {"x" * 1001: np.arange(30.0)}
    with pytest.raises(InvalidTraining, match=r"has 1,001 characters, over the 1,000 of a reference"):
        build_reference(columns, **options)
    assert decode_reference(build_reference({"x" * 1000: np.arange(30.0)}).encode(), "r.json").rows == 30
