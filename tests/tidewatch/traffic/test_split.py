"""The laws of a split."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewatch.traffic import InvalidSplit, Split

VARIANTS = st.text(alphabet="abcdefgh", min_size=1, max_size=3)
WEIGHTS = st.floats(min_value=0, allow_nan=False, allow_infinity=False)
ANY = st.dictionaries(VARIANTS, WEIGHTS, min_size=1, max_size=10).filter(lambda weights: any(weights.values()))
SPLITS = ANY.map(Split.of)


@given(ANY)
def test_shares_sum_to_one_and_none_is_negative_and_one_is_positive(weights: dict[str, float]) -> None:
    split = Split.of(weights)
    assert math.isclose(sum(split.shares.values()), 1, abs_tol=1e-9)
    assert all(share >= 0 for share in split.shares.values())
    assert split.serving
    assert split.shares.keys() == weights.keys()


@given(ANY)
def test_a_variant_without_weight_gets_nothing(weights: dict[str, float]) -> None:
    assert not Split.of(weights).serving & {variant for variant, weight in weights.items() if weight == 0}


@given(st.dictionaries(VARIANTS, st.floats(0.001, 1000), min_size=1), st.floats(0.001, 1000))
def test_only_the_ratio_of_weights_matters(weights: dict[str, float], factor: float) -> None:
    scaled = {variant: weight * factor for variant, weight in weights.items()}
    assert Split.of(weights).is_close_to(Split.of(scaled))


@given(SPLITS)
def test_a_split_survives_json_and_normalizing(split: Split) -> None:
    assert Split.from_json(split.to_json()).is_close_to(split, 1e-9)
    assert Split.of(split.shares).is_close_to(split, 1e-9)
    assert split.round_shares().is_close_to(split)


@given(SPLITS, VARIANTS)
def test_without_a_variant_the_others_keep_their_ratios(split: Split, variant: str) -> None:
    others = split.serving - {variant}
    if not others:
        with pytest.raises(InvalidSplit):
            split.exclude({variant})
        return
    left = split.exclude({variant})
    assert left.get_share(variant) == 0
    rest = sum(split.get_share(other) for other in others)
    assert all(math.isclose(left.get_share(other), split.get_share(other) / rest, abs_tol=1e-6) for other in others)


@given(SPLITS, VARIANTS)
def test_only_sends_everything_to_one_variant(split: Split, variant: str) -> None:
    assert Split.from_single_variant(variant, split.shares).serving == {variant}
    assert Split.from_single_variant(variant).is_close_to(Split.from_single_variant(variant, split.shares))


@given(st.floats(0, 1))
def test_what_a_32_bit_weight_loses_is_no_difference(share: float) -> None:
    assert Split({"blue": share, "green": 1 - share}).is_close_to(Split.of({"blue": share + 1e-8, "green": 1 - share}))


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        ({}, "at least one variant"),
        ({"blue": 0.0, "green": 0.0}, "All weights are zero"),
        ({"blue": -1.0, "green": 2.0}, "blue is -1, which is negative"),
        ({"blue": math.nan}, "finite"),
        ({"blue": math.inf}, "finite"),
    ],
)
def test_what_is_no_split_is_refused_with_a_sentence(weights: dict[str, float], words: str) -> None:
    with pytest.raises(InvalidSplit, match=words):
        Split.of(weights)


def test_shares_that_do_not_sum_to_one_are_refused() -> None:
    with pytest.raises(InvalidSplit, match=r"sum to 0\.9"):
        Split({"blue": 0.5, "green": 0.4})


def test_a_split_reads_like_a_sentence() -> None:
    assert str(Split.of({"blue": 95, "green": 5})) == "blue 95%, green 5%"
