"""Binning without a search gives what a search gives."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewatch.arrays import Floats
from tidewatch.drift.counting.binning import Binner, CategoryBinner, NumericGrid
from tidewatch.drift.reference import POOLS, CategoryFeature, NumericFeature, hash_value
from tidewatch.drift.training.reference_builder import build_reference

FINITE = st.floats(-1e308, 1e308)
LARGEST = 1.7976931348623157e308
NASTY = [0.0, -0.0, 5e-324, -5e-324, 2.2e-308, 1e-300, 1.0, 1 + 2**-52, -1e300, LARGEST, -LARGEST]


def numeric(values: Floats) -> NumericFeature:
    feature = build_reference({"x": values}).features[0]
    assert isinstance(feature, NumericFeature)
    return feature


def search_bins(feature: NumericFeature, values: Floats) -> list[int]:
    at = np.searchsorted(np.array(feature.edges), values[~np.isnan(values)], "right")
    return [*np.bincount(at, minlength=len(feature.counts)).tolist(), int(np.isnan(values).sum())]


def list_edge_neighbors(feature: NumericFeature) -> Floats:
    edges = np.array(feature.edges)
    return np.concatenate([edges, np.nextafter(edges, -np.inf), np.nextafter(edges, np.inf)])


@given(st.lists(FINITE, min_size=1, max_size=60), st.lists(FINITE, max_size=60))
def test_any_numbers_fall_where_a_search_puts_them(training: list[float], served: list[float]) -> None:
    feature = numeric(np.array(training))
    values = np.array([*served, *training, *NASTY, np.nan])
    values = np.concatenate([values, list_edge_neighbors(feature)])
    assert NumericGrid([feature]).count(values.reshape(-1, 1))[0].tolist() == search_bins(feature, values)


@pytest.mark.parametrize("shape", ["normal", "lognormal", "tied", "far", "two"])
def test_many_numbers_fall_where_a_search_puts_them(shape: str) -> None:
    rng = np.random.default_rng(3)
    drawn = {
        "normal": rng.normal(size=20_000),
        "lognormal": rng.lognormal(0, 3, 20_000),
        "tied": rng.integers(0, 7, 20_000).astype(float),
        "far": np.append(rng.normal(size=20_000), [1e12, -1e12]),
        "two": rng.choice([0.0, 1e-9], 20_000),
    }[shape]
    feature = numeric(drawn)
    values = np.concatenate([drawn * 1.1, list_edge_neighbors(feature), np.full(5, np.nan)])
    assert NumericGrid([feature]).count(values.reshape(-1, 1))[0].tolist() == search_bins(feature, values)


def test_columns_do_not_mix() -> None:
    rng = np.random.default_rng(4)
    matrix = rng.normal(size=(3000, 4)) * [1, 10, 100, 0]
    matrix[::7, 2] = np.nan
    features = [numeric(matrix[:, at]) for at in range(4)]
    counts = NumericGrid(features).count(matrix * 1.2)
    assert [each.tolist() for each in counts] == [
        search_bins(feature, matrix[:, at] * 1.2) for at, feature in enumerate(features)
    ]


@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_infinity_has_no_bin(value: float) -> None:
    with pytest.raises(ValueError, match="Infinity has no bin"):
        NumericGrid([numeric(np.arange(9.0))]).count(np.array([[1.0], [value]]))


def test_a_matrix_of_another_width_is_refused() -> None:
    with pytest.raises(ValueError, match="not the shape for 1 features"):
        NumericGrid([numeric(np.arange(9.0))]).count(np.zeros((3, 2)))


def test_a_feature_without_any_value_counts_every_number_as_out_of_range() -> None:
    feature = numeric(np.full(5, np.nan))
    assert NumericGrid([feature]).count(np.array([[1.0], [np.nan], [2.0]]))[0].tolist() == [2, 1]


def test_categories_fall_into_their_own_bin_other_unseen_or_missing() -> None:
    values = ["a"] * 3 + [f"v{at:02d}" for at in range(60)]
    feature = build_reference({"c": values}).features[0]
    assert isinstance(feature, CategoryFeature)
    counts = CategoryBinner(feature).count(["a", "v59", "v00", "new", None, None])
    assert counts[feature.values.index(hash_value("a", feature.salt))] == 1
    assert int(counts[-2 - POOLS : -2].sum()) == 1
    assert counts[-2:].tolist() == [1, 2]


@given(st.lists(st.none() | st.sampled_from(["a", "b", "v00", "v59", "new", "other", ""]), max_size=30))
@pytest.mark.parametrize("rare", [0, 60])
def test_values_counted_together_are_counted_as_one_by_one(rare: int, values: list[str | None]) -> None:
    """With rare values the reference holds hashes, without them it holds the values themselves."""
    feature = build_reference({"c": [*["a"] * 30, *["b"] * 30, *(f"v{at:02d}" for at in range(rare))]}).features[0]
    assert isinstance(feature, CategoryFeature)
    bins = CategoryBinner(feature)
    one_by_one = np.bincount([bins.bin(value) for value in values], minlength=feature.width)
    assert bins.count(values).tolist() == one_by_one.tolist()


def test_a_binner_counts_in_the_order_of_a_profile() -> None:
    reference = build_reference({"c": ["x", "y"], "n": np.array([1.0, 2.0])}, score=("p", np.array([0.1, 0.9])))
    counts = Binner(reference).count(np.array([[2.0]]), [["y"]], np.array([0.5]))
    assert [len(each) for each in counts] == [one.width for one in reference.measured_features]
    assert [int(each.sum()) for each in counts] == [1, 1, 1]
