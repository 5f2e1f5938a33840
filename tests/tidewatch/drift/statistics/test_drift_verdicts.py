"""What makes a feature, and with it a model, ok, warning, drift, insufficient data or invalid."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from tidewatch.arrays import Counts, Floats
from tidewatch.capture.accounting import Accounting
from tidewatch.capture.reject_reasons import RejectReason
from tidewatch.drift.counting.binning import CategoryBinner, NumericGrid
from tidewatch.drift.errors import InvalidProfile
from tidewatch.drift.profile import Profile
from tidewatch.drift.reference import CategoryFeature, Reference
from tidewatch.drift.statistics import FeatureVerdict, ModelVerdict, Thresholds, Verdict, judge_profile
from tidewatch.drift.statistics.comparisons import compare_unseen_rates
from tidewatch.drift.statistics.verdict import find_worst
from tidewatch.drift.training.reference_builder import build_reference

Column = Floats | Sequence[str | None]
RNG = np.random.default_rng(11)
NORMAL = RNG.standard_normal(10_000)
PLAN = ["a"] * 5_000 + ["b"] * 3_000 + ["c"] * 2_000
NOTHING = np.full(10_000, np.nan)


def profile(reference: Reference, columns: Mapping[str, Column], accounting: Accounting | None = None) -> Profile:
    """What production's columns count to; all of them have the same length."""
    counts: list[Counts] = []
    for feature in reference.measured_features:
        values = columns[feature.name]
        if isinstance(feature, CategoryFeature):
            counts.append(CategoryBinner(feature).count([None if each is None else str(each) for each in values]))
        else:
            counts.append(NumericGrid([feature]).count(np.asarray(values, np.float64).reshape(-1, 1))[0])
    rows = len(next(iter(columns.values())))
    return Profile(reference.digest, accounting or Accounting(rows, rows), rows, tuple(counts))


def one(training: Column, now: Column, **thresholds: float) -> FeatureVerdict:
    """The verdict on a model's only feature."""
    reference = build_reference({"x": training})
    limits = Thresholds(**thresholds)  # type: ignore[arg-type]
    model = judge_profile(reference, profile(reference, {"x": now}), limits)
    assert model.verdict is model.features[0].verdict
    return model.features[0]


def add_gaps(values: Floats, missing: int) -> Floats:
    return np.concatenate([np.full(missing, np.nan), values[missing:]])


def test_a_sample_of_the_training_is_ok_and_needs_no_reason() -> None:
    found = one(NORMAL, NORMAL[::7])
    assert (found.verdict, found.reasons) == (Verdict.OK, ())
    assert found.psi is not None
    assert found.psi < 0.05
    assert found.kind == "numeric"
    assert found.values == len(NORMAL[::7])


def test_a_shift_is_drift_and_says_what_moved() -> None:
    found = one(NORMAL, NORMAL[:2_000] + 1)
    assert found.verdict is Verdict.DRIFT
    assert found.ks == pytest.approx(0.38, abs=0.03)
    assert found.p_value == pytest.approx(0, abs=1e-50)
    assert "in training" in found.reasons[0]
    assert "are now (PSI" in found.reasons[0]


def test_a_bin_that_changed_is_said_to_be_one_of_many() -> None:
    numbers = np.arange(1_000.0)
    found = one(numbers, np.concatenate([numbers, np.full(200, 500.0)]))
    assert re.search(r"; one of 1,000 narrow bins by 16\.\d points\)", found.reasons[0])


def test_a_change_between_the_limits_is_a_warning() -> None:
    found = one(NORMAL, NORMAL[:5_000] + 0.38)
    assert found.psi is not None
    assert 0.1 < found.psi < 0.2
    assert found.verdict is Verdict.WARNING


def test_evidence_without_a_large_change_is_ok() -> None:
    found = one(NORMAL, np.tile(NORMAL, 10) + 0.1)
    assert found.p_value is not None
    assert found.p_value < 1e-10
    assert found.verdict is Verdict.OK


def test_a_large_change_without_evidence_is_ok() -> None:
    found = [one(NORMAL, np.random.default_rng(seed).standard_normal(50)) for seed in range(40)]
    assert max(each.psi or 0 for each in found) > 0.2
    assert {each.verdict for each in found} == {Verdict.OK}


def test_a_change_of_spread_is_drift_in_a_window_of_500() -> None:
    assert one(NORMAL, RNG.standard_normal(500) * 1.8).verdict is Verdict.DRIFT


def test_a_rare_flag_set_more_often_is_found_in_a_window_of_500() -> None:
    flag, now = (np.arange(10_000) % 50 == 0).astype(float), (np.arange(500) % 8 == 0).astype(float)
    assert one(flag, now).verdict in (Verdict.WARNING, Verdict.DRIFT)


@pytest.mark.parametrize(
    ("now", "verdict"),
    [
        (["a"] * 2_500 + ["b"] * 1_500 + ["c"] * 1_000, Verdict.OK),
        (["a"] * 2_300 + ["b"] * 1_800 + ["c"] * 900, Verdict.WARNING),
        (["a"] * 2_100 + ["b"] * 2_100 + ["c"] * 800, Verdict.DRIFT),
    ],
    ids=["as in training", "6 points", "12 points"],
)
def test_a_category_drifts_by_the_share_it_gains(now: list[str], verdict: Verdict) -> None:
    found = one(PLAN, now)
    assert found.verdict is verdict
    assert found.psi is not None
    assert found.psi < 0.1
    assert found.ks is None
    assert found.kind == "category"


def test_a_category_says_which_value_moved() -> None:
    found = one(PLAN, ["a"] * 2_100 + ["b"] * 2_100 + ["c"] * 800)
    assert '"b" went from 30.0% to 42.0%' in found.reasons[0]


def test_a_rare_category_that_fills_a_small_window_is_drift() -> None:
    training = ["a"] * 9_700 + ["b"] * 200 + ["c"] * 100
    assert one(training, ["b"] * 30 + ["a"] * 30).verdict is Verdict.DRIFT


def test_ten_thousand_categories_that_stay_as_they_are_are_ok() -> None:
    rng = np.random.default_rng(12)
    for rows in (2_000, 20_000):
        ids = [f"id{at}" for at in rng.integers(0, 10_000, rows)]
        assert one(ids, [f"id{at}" for at in rng.integers(0, 10_000, 5_000)]).verdict is Verdict.OK


@pytest.mark.parametrize("rows", [2_000, 40_000])
def test_one_of_ten_thousand_categories_taking_over_is_drift(rows: int) -> None:
    rng = np.random.default_rng(13)
    ids = [f"id{at}" for at in rng.integers(0, 10_000, rows)]
    ((often, _),) = Counter(ids).most_common(1)
    assert one(ids, [often] * 200 + [f"id{at}" for at in rng.integers(0, 10_000, 800)]).verdict is Verdict.DRIFT


@pytest.mark.parametrize(("missing", "verdict"), [(115, "ok"), (160, "warning"), (400, "drift"), (0, "ok")])
def test_missing_values_count_by_the_points_they_change(missing: int, verdict: str) -> None:
    found = one(add_gaps(NORMAL, 100), add_gaps(NORMAL[:5_000], missing))
    assert found.verdict == verdict
    assert found.missing_rate == missing / 5_000


def test_missing_values_that_come_back_are_drift_too() -> None:
    found = one(add_gaps(NORMAL, 2_000), NORMAL[:1_000])
    assert found.verdict is Verdict.DRIFT
    assert found.reasons == ("20.0% of the rows had no value in training, 0.0% have none now",)


def test_two_points_are_two_points_whatever_floating_point_makes_of_them() -> None:
    assert one(add_gaps(NORMAL, 100), add_gaps(NORMAL[:5_000], 150)).verdict is Verdict.WARNING


def test_unseen_categories_are_drift() -> None:
    found = one(PLAN, [*PLAN[::2], *["d"] * 500])
    assert found.verdict is Verdict.DRIFT
    assert found.unseen_rate == pytest.approx(500 / 5_500)
    assert any("never seen" in sentence for sentence in found.reasons)


def test_as_many_unseen_categories_as_training_lets_expect_are_ok() -> None:
    rng = np.random.default_rng(14)
    ids = [f"id{at}" for at in rng.zipf(1.4, 3_000)]
    found = one(ids, [f"id{at}" for at in rng.zipf(1.4, 3_000)])
    assert found.unseen_rate is not None
    assert found.unseen_rate > 0.05
    assert found.verdict is Verdict.OK


@pytest.mark.parametrize(("rows", "count"), [(300, 75), (1_000, 250), (1_000, 333)])
def test_the_luck_of_which_values_training_saw_is_no_drift(rows: int, count: int) -> None:
    """By chance a training of few rows a value misses values that many rows have, and says little of how many."""
    rng = np.random.default_rng(25)
    alarms = 0
    for _ in range(200):
        tallies = rng.multinomial(rows, np.full(count, 1 / count))
        (feature,) = build_reference({"x": np.repeat(np.arange(count).astype(str), tallies).tolist()}).features
        new = int(rng.binomial(10_000, (tallies == 0).mean()))
        change = compare_unseen_rates(feature, np.array([10_000 - new, *[0] * (feature.width - 3), new, 0]))
        alarms += change.rate >= 0.02 and change.p_value < 0.0005
    assert alarms <= 1


def test_fewer_unseen_categories_than_expected_are_no_change() -> None:
    ids = [f"id{at}" for at in np.random.default_rng(15).zipf(1.6, 3_000)]
    assert one(ids, ids).verdict is Verdict.OK


def test_an_open_category_has_no_unseen_rate() -> None:
    ids = [f"id{at}" for at in range(6_000)]
    found = one(ids, [f"new{at}" for at in range(1_000)])
    assert found.unseen_rate is None


def test_numbers_outside_the_trainings_range_are_unseen() -> None:
    found = one(NORMAL, np.concatenate([NORMAL[:900], np.full(100, 50.0)]))
    assert found.unseen_rate == pytest.approx(0.1)
    assert found.verdict is Verdict.DRIFT
    assert any("outside the training's" in sentence for sentence in found.reasons)


def test_a_small_training_does_not_make_the_tails_unseen() -> None:
    rng = np.random.default_rng(16)
    found = [one(rng.standard_t(2, 60), rng.standard_t(2, 5_000)) for _ in range(60)]
    assert np.mean([each.unseen_rate or 0 for each in found]) > 0.02
    assert {each.verdict for each in found} == {Verdict.OK}


def test_a_constant_that_stays_is_ok_and_one_that_changes_is_drift() -> None:
    assert one(np.full(1_000, 7.0), np.full(60, 7.0)).verdict is Verdict.OK
    assert one(np.full(1_000, 7.0), np.full(60, 8.0)).verdict is Verdict.DRIFT
    assert one(["x"] * 1_000, ["x"] * 60).verdict is Verdict.OK
    assert one(["x"] * 1_000, ["y"] * 60).verdict is Verdict.DRIFT


def test_fewer_rows_than_the_minimum_are_insufficient() -> None:
    found = one(NORMAL, NORMAL[:49] + 5)
    assert found.verdict is Verdict.INSUFFICIENT
    assert found.reasons == ("49 rows, but a verdict needs 50",)
    assert found.psi is found.ks is found.p_value is None


def test_fifty_rows_are_enough() -> None:
    assert one(NORMAL, NORMAL[:50]).verdict is Verdict.OK
    assert one(NORMAL, NORMAL[:50] + 3).verdict is Verdict.DRIFT
    assert one(add_gaps(NORMAL, 4_000), add_gaps(NORMAL[:50], 20)).verdict is Verdict.OK


def test_a_column_without_values_in_training_and_now_is_ok() -> None:
    found = one(NOTHING, NOTHING[:500])
    assert (found.verdict, found.missing_rate, found.unseen_rate) == (Verdict.OK, 1.0, None)
    assert one([None] * 900, [None] * 100).verdict is Verdict.OK


def test_a_column_that_went_or_came_is_drift() -> None:
    assert one(NORMAL, NOTHING[:500]).verdict is Verdict.DRIFT
    assert one(NOTHING, NORMAL[:500]).verdict is Verdict.DRIFT
    assert one(PLAN, [None] * 500).verdict is Verdict.DRIFT
    assert one([None] * 1_000, PLAN[::20]).verdict is Verdict.DRIFT


def test_too_few_values_to_compare_are_insufficient() -> None:
    found = one(add_gaps(NORMAL, 9_500), add_gaps(NORMAL[:60], 57))
    assert found.verdict is Verdict.INSUFFICIENT
    assert "3 values now and 500 in training" in found.reasons[0]


def test_too_few_values_on_both_sides_are_ok() -> None:
    assert one(add_gaps(NORMAL, 9_995), add_gaps(NORMAL[:60], 59)).verdict is Verdict.OK


def test_an_open_thresholds_verdict_follows_them() -> None:
    assert one(NORMAL, NORMAL[:5_000] + 0.38, psi_drift=0.12).verdict is Verdict.DRIFT
    assert one(NORMAL, NORMAL[:5_000] + 0.38, psi_warn=0.5, psi_drift=0.5).verdict is Verdict.OK
    assert one(NORMAL, NORMAL[:20] + 5, minimum_rows=20).verdict is Verdict.DRIFT


@pytest.mark.parametrize(
    "nonsense", [{"psi_warn": 0.3}, {"rate_warn": 0}, {"false_discovery_rate": 2}, {"minimum_rows": 0}]
)
def test_thresholds_that_cannot_be_meant_are_refused(nonsense: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must be"):
        Thresholds(**nonsense)  # type: ignore[arg-type]


def many(**now: Column) -> ModelVerdict:
    """A model of two numbers, a category and a score, and 1,000 rows; what is not given stays as in training."""
    reference = build_reference({"x": NORMAL, "y": NORMAL, "plan": PLAN}, score=("score", np.abs(NORMAL)))
    usual: dict[str, Column] = {"x": NORMAL[:1_000], "y": NORMAL[:1_000], "plan": PLAN[::10]}
    return judge_profile(reference, profile(reference, {**usual, "score": np.abs(NORMAL[:1_000]), **now}))


def test_a_models_verdict_is_its_worst_features() -> None:
    assert many().verdict is Verdict.OK
    model = many(x=NORMAL[:1_000] + 3)
    assert model.verdict is Verdict.DRIFT
    assert model.drifting_count == 1
    assert [each.verdict for each in model.features] == ["drift", "ok", "ok", "ok"]


def test_features_come_in_the_references_order_and_the_score_last() -> None:
    assert [(each.name, each.kind) for each in many().features] == [
        ("x", "numeric"),
        ("y", "numeric"),
        ("plan", "category"),
        ("score", "score"),
    ]


def test_a_drifting_score_alone_makes_the_model_drift() -> None:
    model = many(score=np.abs(NORMAL[:1_000]) + 2)
    assert (model.verdict, model.features[3].verdict) == (Verdict.DRIFT, Verdict.DRIFT)


def test_insufficient_data_of_one_feature_does_not_hide_the_others() -> None:
    assert find_worst([Verdict.INSUFFICIENT, Verdict.OK]) is Verdict.OK
    assert find_worst([Verdict.WARNING, Verdict.OK, Verdict.DRIFT]) is Verdict.DRIFT
    assert find_worst([Verdict.DRIFT, Verdict.INVALID]) is Verdict.INVALID
    assert find_worst([]) is Verdict.INSUFFICIENT


def rejecting(parsed: int, rejected: int, column: str | None = None) -> ModelVerdict:
    reference = build_reference({"x": NORMAL, "y": NORMAL})
    columns = {} if column is None else {column: rejected}
    account = Accounting(parsed + rejected, parsed, {RejectReason.NOT_A_NUMBER: rejected}, rejected_by_column=columns)
    return judge_profile(reference, profile(reference, {"x": NORMAL[:parsed], "y": NORMAL[:parsed]}, account))


def test_a_column_that_makes_a_quarter_of_the_records_unreadable_is_invalid() -> None:
    model = rejecting(300, 100, "y")
    assert [each.verdict for each in model.features] == [Verdict.OK, Verdict.INVALID]
    assert model.features[1].reasons == ("100 of 400 records were rejected for this column",)
    assert model.verdict is Verdict.INVALID


def test_fewer_rejects_leave_the_verdict_to_the_features() -> None:
    assert rejecting(301, 99, "y").verdict is Verdict.OK
    assert rejecting(400, 99).verdict is Verdict.OK


def test_too_many_unreadable_records_make_the_model_invalid_whatever_was_wrong() -> None:
    assert rejecting(300, 100).verdict is Verdict.INVALID
    assert rejecting(0, 3).verdict is Verdict.INVALID


def test_nothing_read_is_insufficient() -> None:
    model = rejecting(0, 0)
    assert model.verdict is Verdict.INSUFFICIENT
    assert model.features[0].missing_rate is None


def test_a_column_that_a_table_does_not_have_is_invalid() -> None:
    reference = build_reference({"x": NORMAL, "y": NORMAL})
    counted = profile(reference, {"x": NORMAL[:500], "y": NOTHING[:500]})
    model = judge_profile(reference, counted, absent_columns=frozenset({"y"}))
    assert [each.verdict for each in model.features] == [Verdict.OK, Verdict.INVALID]
    assert model.verdict is Verdict.INVALID


def test_a_profile_against_another_reference_is_refused() -> None:
    with pytest.raises(InvalidProfile, match="cannot be compared"):
        judge_profile(build_reference({"x": NORMAL}), Profile.empty(build_reference({"x": NORMAL[:50]})))


def test_the_same_profile_gets_the_same_verdict_in_parts_or_whole() -> None:
    reference = build_reference({"x": NORMAL})
    parts = [profile(reference, {"x": each}) for each in np.array_split(NORMAL[:900] + 1, 3)]
    whole = profile(reference, {"x": NORMAL[:900] + 1})
    assert judge_profile(reference, parts[2] + parts[0] + parts[1]).features == judge_profile(reference, whole).features


@pytest.mark.parametrize(
    ("now", "verdict"), [(0.42, "drift"), (0.4, "drift"), (0.2, "drift"), (0.35, "warning"), (0.31, "ok")]
)
def test_digits_and_words_get_one_verdict_on_the_same_counts(now: float, verdict: str) -> None:
    def flags(share: float, yes: object, no: object, rows: int = 5_000) -> list[object]:
        return [yes] * round(rows * share) + [no] * round(rows * (1 - share))

    digits = one(np.array(flags(0.3, 1.0, 0.0, 20_000)), np.array(flags(now, 1.0, 0.0)))
    words = one(flags(0.3, "true", "false", 20_000), flags(now, "true", "false"))  # type: ignore[arg-type]
    assert digits.verdict == words.verdict == verdict
    assert digits.reasons == tuple(each.replace('"true"', "1").replace('"false"', "0") for each in words.reasons)


@pytest.mark.parametrize("rows", [1_000, 50_000, 1_000_000])
@pytest.mark.parametrize(("new", "verdict"), [(0.015, "ok"), (0.03, "warning"), (0.06, "drift")])
def test_new_values_are_judged_once_whatever_the_training_size(rows: int, new: float, verdict: str) -> None:
    count = round(10_000 * new)
    training = ["a"] * (rows // 2) + ["b"] * (rows // 2)
    found = one(training, ["a", "b"] * ((10_000 - count) // 2) + ["c"] * count)
    assert found.verdict == verdict
    assert len(found.reasons) == (verdict != "ok")


def test_more_training_is_never_less_evidence_of_new_values() -> None:
    now = np.array([4_925, 4_925, 150, 0])
    trained = [
        build_reference({"x": ["a"] * half + ["b"] * half}).features[0] for half in (500, 2_500, 25_000, 500_000)
    ]
    evidence = [compare_unseen_rates(feature, now).p_value for feature in trained]
    assert evidence == sorted(evidence, reverse=True)
    assert evidence[0] < 1e-4


def mostly_zero(zeros: float, rows: int, scale: float = 5.0) -> Floats:
    """A share of zeros, the others at the quantiles of an exponential distribution."""
    others = rows - round(rows * zeros)
    return np.append(np.zeros(rows - others), -scale * np.log((np.arange(others) + 0.5) / others))


ZEROS = mostly_zero(0.7, 20_000)


@pytest.mark.parametrize(
    ("zeros", "verdict"),
    [(0.6, "drift"), (0.65, "warning"), (0.66, "ok"), (0.74, "ok"), (0.75, "warning"), (0.8, "drift"), (1.0, "drift")],
)
def test_zeros_among_other_numbers_count_by_their_share(zeros: float, verdict: str) -> None:
    assert one(ZEROS, mostly_zero(zeros, 5_000)).verdict == verdict


@pytest.mark.parametrize(
    ("scale", "verdict"), [(5.5, "ok"), (2.5, "warning"), (10.0, "warning"), (1.25, "drift"), (20.0, "drift")]
)
def test_numbers_beside_many_zeros_count_by_the_share_of_all_values_that_moved(scale: float, verdict: str) -> None:
    found = one(ZEROS, mostly_zero(0.7, 5_000, scale))
    assert found.verdict == verdict
    if verdict != "ok":
        assert any(sentence.startswith("beside its commonest value, ") for sentence in found.reasons)


def test_a_tenth_of_the_rows_is_not_judged_as_if_it_were_all() -> None:
    training = mostly_zero(0.9, 20_000)
    assert one(training, mostly_zero(0.9, 50_000, 10.0)).verdict is Verdict.OK, "2.5% of all values moved"


def test_a_handful_of_numbers_beside_zeros_moves_nothing() -> None:
    training = mostly_zero(0.96, 20_000)
    assert one(training, mostly_zero(0.96, 5_000, 10.0)).verdict is Verdict.OK


@pytest.mark.parametrize(("share", "verdict"), [(0.02, "ok"), (0.06, "warning"), (0.12, "drift")])
def test_a_default_that_comes_to_stand_for_many_numbers_is_found(share: float, verdict: str) -> None:
    count = round(5_000 * share)
    found = one(NORMAL, np.append(np.zeros(count), NORMAL[count:5_000]))
    assert found.verdict == verdict
    assert all("of its values in training's range" in sentence for sentence in found.reasons)


@pytest.mark.parametrize(("trained", "rows"), [(300, 5_000), (500, 500), (5_000, 500)])
def test_a_default_is_found_in_small_samples_too(trained: int, rows: int) -> None:
    rng = np.random.default_rng(27)
    training, now = rng.normal(50, 10, trained), rng.normal(50, 10, rows)
    now[: round(rows * 0.08)] = float(np.sort(training)[-20])
    assert one(training, now).verdict is not Verdict.OK


def test_a_value_that_leaves_the_range_shows_no_edge_below_it() -> None:
    found = one(ZEROS, np.where(ZEROS == 0, -1.0, ZEROS))
    assert "below 0 in training" in " ".join(found.reasons)


def test_a_constant_that_moved_shows_its_psi_and_is_judged_once() -> None:
    found = one(np.full(5_000, 3.0), np.full(1_000, 4.0))
    assert found.verdict is Verdict.DRIFT
    assert found.psi is not None
    assert found.psi > 5
    assert found.reasons == ("100.0% of its values lie outside the training's 3 to 3",)


def test_values_that_are_all_new_show_their_psi() -> None:
    found = one(["a"] * 500 + ["b"] * 500, ["c"] * 500)
    assert (found.verdict, len(found.reasons)) == (Verdict.DRIFT, 1)
    assert found.psi is not None
    assert found.psi > 5


def stores(count: int, rows: int, seed: int = 5) -> list[str]:
    """Rows of that many stores, all alike."""
    return [f"S{at:05d}" for at in np.random.default_rng(seed).integers(0, count, rows)]


@pytest.mark.parametrize("count", [50, 51, 1_115, 4_000, 6_000])
def test_one_of_many_equal_values_that_takes_over_is_drift(count: int) -> None:
    training = stores(count, 20_000)
    rarest = Counter(training).most_common()[-1][0]
    assert one(training, stores(count, 2_000, 6)).verdict is Verdict.OK
    for taken in (1_000, 400):
        found = one(training, [rarest] * taken + stores(count, 1_000 - taken, 7))
        assert found.verdict is Verdict.DRIFT
