"""Windows are sums of hours, and severity is what lasts in them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from tidewatch.capture.accounting import Accounting
from tidewatch.drift.errors import InvalidProfile
from tidewatch.drift.profile import Profile
from tidewatch.drift.statistics import DriftSeverity, FeatureVerdict, ModelVerdict, Thresholds, Verdict, assess_severity
from tidewatch.drift.statistics.verdict import find_worst
from tidewatch.drift.statistics.windows import HOUR, WindowLength, build_week_before, build_window
from tidewatch.drift.training.reference_builder import build_reference

REFERENCE = build_reference({"x": np.arange(1000.0)})
LAST = datetime(2013, 5, 8, 17, tzinfo=UTC)


def hour(rows: int) -> Profile:
    counts = np.zeros(REFERENCE.features[0].width, np.int64)
    counts[5] = rows
    return Profile(REFERENCE.digest, Accounting(rows, rows), rows, (counts,))


def hours(back: Sequence[int]) -> dict[datetime, Profile]:
    return {LAST - HOUR * each: hour(abs(each) + 1) for each in back}


@pytest.mark.parametrize(
    ("span", "length"), [(WindowLength.HOUR, 1), (WindowLength.DAY, 24), (WindowLength.THREE_DAYS, 72)]
)
def test_a_window_is_the_sum_of_the_hours_up_to_its_last(span: WindowLength, length: int) -> None:
    found = build_window(REFERENCE, hours(range(-5, 100)), LAST, span)
    assert found.profile.rows == sum(range(1, length + 1))
    assert (found.start, found.end) == (LAST - HOUR * (length - 1), LAST + HOUR)
    assert found.missing_hours == ()


def test_missing_hours_are_told_in_their_order() -> None:
    found = build_window(REFERENCE, hours([0, 1, 5, *range(7, 24)]), LAST, WindowLength.DAY)
    assert found.missing_hours == tuple(LAST - HOUR * back for back in (6, 4, 3, 2))


def test_a_window_without_an_hour_is_empty() -> None:
    found = build_window(REFERENCE, {}, LAST, WindowLength.HOUR)
    assert found.profile == Profile.empty(REFERENCE)
    assert found.missing_hours == (LAST,)


def test_the_week_before_is_the_same_weekday_and_hour() -> None:
    found = build_week_before(REFERENCE, {LAST - timedelta(days=7): hour(9)}, LAST, WindowLength.DAY)
    assert (found.end - HOUR).weekday() == LAST.weekday()
    assert found.profile.rows == 9
    assert len(found.missing_hours) == 23


@pytest.mark.parametrize("moment", [LAST.replace(minute=5), LAST.replace(tzinfo=None)])
def test_a_moment_that_is_no_hour_is_refused(moment: datetime) -> None:
    with pytest.raises(ValueError, match="is not the start of an hour"):
        build_window(REFERENCE, {}, moment, WindowLength.HOUR)


def test_hours_against_another_reference_are_refused() -> None:
    with pytest.raises(InvalidProfile):
        build_window(REFERENCE, {LAST: Profile.empty(build_reference({"x": np.arange(9.0)}))}, LAST, WindowLength.HOUR)


OK, DRIFT, WARNING, INSUFFICIENT, INVALID = (
    Verdict.OK,
    Verdict.DRIFT,
    Verdict.WARNING,
    Verdict.INSUFFICIENT,
    Verdict.INVALID,
)


def model(*verdicts: Verdict, invalid: bool = False) -> ModelVerdict:
    features = tuple(FeatureVerdict(f"f{at}", "numeric", verdict) for at, verdict in enumerate(verdicts))
    return ModelVerdict(INVALID if invalid else find_worst(verdicts), features, 1_000, Accounting())


def drifting(count: int, of: int, others: Verdict = OK) -> ModelVerdict:
    return model(*[DRIFT] * count, *[others] * (of - count))


@pytest.mark.parametrize(
    ("count", "of", "asked"),
    [
        (0, 10, DriftSeverity.NONE),
        (1, 10, DriftSeverity.INFORM),
        (1, 1, DriftSeverity.INFORM),
        (2, 25, DriftSeverity.INFORM),
        (2, 20, DriftSeverity.TICKET),
        (3, 30, DriftSeverity.TICKET),
        (3, 10, DriftSeverity.PAGE),
        (10, 10, DriftSeverity.PAGE),
    ],
)
def test_severity_is_by_the_share_of_features_that_drift_over_three_days(
    count: int, of: int, asked: DriftSeverity
) -> None:
    assert assess_severity(drifting(count, of), []) is asked


def test_the_shares_are_of_the_thresholds() -> None:
    assert assess_severity(drifting(2, 10), [], Thresholds(ticket_share=0.01, page_share=0.2)) is DriftSeverity.PAGE


def test_features_without_a_verdict_do_not_dilute_the_share() -> None:
    assert assess_severity(drifting(2, 20, INSUFFICIENT), []) is DriftSeverity.PAGE


def test_warnings_ask_for_nothing() -> None:
    assert assess_severity(model(*[WARNING] * 10), [model(*[WARNING] * 10)] * 5) is DriftSeverity.NONE


def test_three_hours_one_after_another_are_enough_and_two_are_not() -> None:
    calm, bad = drifting(0, 10), drifting(4, 10)
    assert assess_severity(calm, [calm, bad, bad]) is DriftSeverity.NONE
    assert assess_severity(calm, [calm, bad, bad, bad]) is DriftSeverity.PAGE
    assert assess_severity(calm, [bad, bad, bad, calm]) is DriftSeverity.NONE
    assert assess_severity(calm, [bad, bad, calm, bad]) is DriftSeverity.NONE


def test_hours_without_a_verdict_do_not_interrupt() -> None:
    calm, bad, thin = drifting(0, 10), drifting(4, 10), model(*[INSUFFICIENT] * 10)
    assert assess_severity(calm, [bad, thin, bad, thin, thin, bad, thin]) is DriftSeverity.PAGE


def test_hours_longer_than_a_day_ago_do_not_count() -> None:
    calm, bad, thin = drifting(0, 10), drifting(4, 10), model(*[INSUFFICIENT] * 10)
    assert assess_severity(calm, [bad, bad, bad, *[thin] * 22]) is DriftSeverity.NONE
    assert assess_severity(calm, [bad, bad, bad, *[thin] * 21]) is DriftSeverity.PAGE


def test_each_feature_must_last_itself() -> None:
    calm = drifting(0, 10)
    turns = [model(*[DRIFT if at == turn else OK for at in range(10)]) for turn in range(3)]
    assert assess_severity(calm, turns) is DriftSeverity.NONE


def test_an_invalid_feature_weighs_like_a_drifting_one() -> None:
    assert assess_severity(model(INVALID, DRIFT, *[OK] * 8), []) is DriftSeverity.TICKET


def test_records_that_cannot_be_read_are_a_ticket_at_least() -> None:
    calm, blind = drifting(0, 10), model(*[INSUFFICIENT] * 10, invalid=True)
    assert assess_severity(blind, []) is DriftSeverity.TICKET
    assert assess_severity(calm, [blind] * 3) is DriftSeverity.TICKET
    assert assess_severity(calm, [blind] * 2) is DriftSeverity.NONE
    assert assess_severity(model(*[DRIFT] * 5, invalid=True), []) is DriftSeverity.PAGE
