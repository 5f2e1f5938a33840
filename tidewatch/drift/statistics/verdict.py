"""Verdicts on a window's profile: a change counts only if it is large and unlikely to be chance."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, TypeAlias

from tidewatch.arrays import Counts
from tidewatch.capture.accounting import Accounting
from tidewatch.drift.errors import InvalidProfile
from tidewatch.drift.profile import Profile
from tidewatch.drift.reference import CategoryFeature, Feature, Reference
from tidewatch.drift.statistics import comparisons
from tidewatch.drift.statistics.comparisons import ROUNDING_TOLERANCE, Comparison, DistributionComparison
from tidewatch.drift.statistics.hypothesis_tests import benjamini_hochberg

FeatureKind: TypeAlias = Literal["numeric", "category", "score"]


class Verdict(StrEnum):
    """The verdicts, from the least to the worst."""

    INSUFFICIENT = "insufficient data"
    OK = "ok"
    WARNING = "warning"
    DRIFT = "drift"
    INVALID = "invalid"


VERDICT_RANK = {verdict: rank for rank, verdict in enumerate(Verdict)}


def find_worst(verdicts: Iterable[Verdict]) -> Verdict:
    """Returns the worst of the verdicts, or insufficient data if there are none."""
    return max(verdicts, key=VERDICT_RANK.__getitem__, default=Verdict.INSUFFICIENT)


@dataclass(frozen=True)
class Thresholds:
    """The limits from which on a change counts. Raises ValueError on invalid ones."""

    psi_warn: float = 0.1
    """The effect size of a distribution."""
    psi_drift: float = 0.2
    share_warn: float = 0.05
    """The share of values, 0 to 1, that a category or one of a number's fine bins gains or loses, or that moves among
    the values other than the commonest number. Either this or PSI is enough."""
    share_drift: float = 0.10
    rate_warn: float = 0.02
    """The change of the share of missing rows, or of unseen values above the expected."""
    rate_drift: float = 0.05
    false_discovery_rate: float = 0.001
    """For all tests of a model's features together. If nothing drifts, it is the probability that any test is
    significant."""
    minimum_rows: int = 50
    """With fewer rows there is no verdict."""
    invalid_share: float = 0.25
    """The rejected share of the records read."""
    ticket_share: float = 0.10
    """The share of the features with a verdict that drift; see windows.assess_severity."""
    page_share: float = 0.30
    """The same for a page."""

    def __post_init__(self) -> None:
        for lower, upper in (
            ("psi_warn", "psi_drift"),
            ("share_warn", "share_drift"),
            ("rate_warn", "rate_drift"),
            ("ticket_share", "page_share"),
        ):
            if not 0 < getattr(self, lower) <= getattr(self, upper):
                raise ValueError(f"{lower} must be above 0 and at most {upper}.")
        for name in ("false_discovery_rate", "invalid_share"):
            if not 0 < getattr(self, name) <= 1:
                raise ValueError(f"{name} must be above 0 and at most 1.")
        if self.minimum_rows < 1:
            raise ValueError("minimum_rows must be at least 1.")

    @property
    def minimum_values(self) -> int:
        """With fewer values nothing is compared: a mostly empty column has few values in enough rows."""
        return max(self.minimum_rows // 5, 1)

    def classify_effect(self, comparison: Comparison) -> Verdict:
        """Returns how large a change is, without its evidence: ok, warning or drift."""
        if self._has_effect(comparison, self.psi_drift, self.share_drift, self.rate_drift):
            return Verdict.DRIFT
        if self._has_effect(comparison, self.psi_warn, self.share_warn, self.rate_warn):
            return Verdict.WARNING
        return Verdict.OK

    @staticmethod
    def _has_effect(comparison: Comparison, psi: float, share: float, rate: float) -> bool:
        pairs = ((comparison.psi, psi), (comparison.share, share), (comparison.rate, rate))
        return any(found >= limit - ROUNDING_TOLERANCE for found, limit in pairs)


@dataclass(frozen=True)
class FeatureVerdict:
    """A feature's verdict and its evidence.

    The statistics of the distribution are None if there were too few values to compare.
    """

    name: str
    kind: FeatureKind
    verdict: Verdict
    psi: float | None = None
    ks: float | None = None
    """None also for categories."""
    p_value: float | None = None
    """Of KS for numbers, of hypothesis_tests.category_p_value for categories, before the correction for many tests."""
    js: float | None = None
    kl: float | None = None
    missing_rate: float | None = None
    """Of all rows; None without any."""
    unseen_rate: float | None = None
    """Of the values; None without any, and for open categories."""
    values: int = 0
    """The rows with a value."""
    reasons: tuple[str, ...] = ()
    """The reasons for a verdict other than ok, as sentences."""


@dataclass(frozen=True)
class ModelVerdict:
    """The worst of its features' verdicts, or invalid if too many records could not be read."""

    verdict: Verdict
    features: tuple[FeatureVerdict, ...]
    """One for each of the reference's `measured_features`, in their order."""
    rows: int
    """The rows of the verdict."""
    records: Accounting
    """The accounting of the records."""

    @property
    def drifting_count(self) -> int:
        """The number of features with the verdict drift."""
        return sum(feature.verdict is Verdict.DRIFT for feature in self.features)


@dataclass(frozen=True)
class _FeatureCase:
    """A feature before its verdict."""

    feature: Feature
    kind: FeatureKind
    counts: Counts
    final_verdict: Verdict | None = None
    """The verdict, if no test is needed."""
    reason: str = ""
    """The reason for `final_verdict` or `default_verdict`."""
    distribution: DistributionComparison | None = None
    tests: tuple[Comparison, ...] = ()
    """The tests that can be made."""
    default_verdict: Verdict = Verdict.OK
    """The verdict if no test is significant."""

    def conclude(self, verdict: Verdict, reasons: tuple[str, ...]) -> FeatureVerdict:
        rows, values, found = int(self.counts.sum()), int(self.counts[:-1].sum()), self.distribution
        has_unseen_rate = _has_unseen_test(self.feature, values)
        return FeatureVerdict(
            name=self.feature.name,
            kind=self.kind,
            verdict=verdict,
            psi=found and found.psi,
            ks=found and found.ks,
            p_value=found and found.p_value,
            js=found and found.js,
            kl=found and found.kl,
            missing_rate=int(self.counts[-1]) / rows if rows else None,
            unseen_rate=comparisons.count_unseen(self.feature, self.counts) / values if has_unseen_rate else None,
            values=values,
            reasons=reasons,
        )


def judge_profile(
    reference: Reference,
    profile: Profile,
    thresholds: Thresholds | None = None,
    absent_columns: frozenset[str] = frozenset(),
) -> ModelVerdict:
    """Returns the verdict on a window.

    Each feature has up to four tests: its distribution, that of its numbers other than the commonest, its missing rate
    and its unseen rate. A test counts if its change is large (`thresholds`) and Benjamini-Hochberg rejects it, over all
    tests of all features at once. A feature's verdict is the worst of its tests. It is `insufficient data` with fewer
    than minimum_rows, or if training or production has too few values to compare and no other test counts. It is
    `invalid` if its column is in `absent_columns` (columns that a table lacks; the score is only not judged then) or
    caused the rejection of too many records. Raises InvalidProfile for a profile against another reference.
    """
    limits = thresholds or Thresholds()
    if profile.reference_digest != reference.digest:
        raise InvalidProfile(
            f"a profile against the reference {profile.reference_digest[:12]} cannot be compared with "
            f"{reference.digest[:12]}: their bins differ; count the records against this reference"
        )
    cases = [
        _build_case(feature, _classify_feature(feature, reference), counts, profile, limits, absent_columns)
        for feature, counts in zip(reference.measured_features, profile.counts, strict=True)
    ]
    p_values = [test.p_value for case in cases for test in case.tests]
    significant = iter(benjamini_hochberg(p_values, limits.false_discovery_rate)[0].tolist())
    features = tuple(_conclude_feature(case, [next(significant) for _ in case.tests], limits) for case in cases)
    return ModelVerdict(
        _conclude_model(features, profile.accounting, limits), features, profile.rows, profile.accounting
    )


def _classify_feature(feature: Feature, reference: Reference) -> FeatureKind:
    if feature is reference.score:
        return "score"
    return "category" if isinstance(feature, CategoryFeature) else "numeric"


def _build_case(
    feature: Feature,
    kind: FeatureKind,
    counts: Counts,
    profile: Profile,
    limits: Thresholds,
    absent_columns: frozenset[str],
) -> _FeatureCase:
    read, rejected = profile.accounting.read, profile.accounting.rejected_by_column.get(feature.name, 0)
    if feature.name in absent_columns and kind == "score":
        # The answers may be stored elsewhere. The features can be judged without them.
        return _FeatureCase(
            feature, kind, counts, Verdict.INSUFFICIENT, "the data has no such column: answers are not compared"
        )
    if feature.name in absent_columns:
        return _FeatureCase(feature, kind, counts, Verdict.INVALID, "the data has no such column")
    if rejected and rejected >= limits.invalid_share * read:
        because = f"{rejected} of {read} records were rejected for this column"
        return _FeatureCase(feature, kind, counts, Verdict.INVALID, because)
    if profile.rows < limits.minimum_rows:
        because = f"{profile.rows} rows, but a verdict needs {limits.minimum_rows}"
        return _FeatureCase(feature, kind, counts, Verdict.INSUFFICIENT, because)
    if kind == "score" and not counts.any():
        because = "no answer was captured, so the score is not compared"
        return _FeatureCase(feature, kind, counts, Verdict.INSUFFICIENT, because)
    return _build_tested_case(feature, kind, counts, limits)


def _build_tested_case(feature: Feature, kind: FeatureKind, counts: Counts, limits: Thresholds) -> _FeatureCase:
    values, trained = int(counts[:-1].sum()), feature.total
    tests = (comparisons.compare_missing_rates(feature, counts),)
    if _has_unseen_test(feature, values):
        tests += (comparisons.compare_unseen_rates(feature, counts),)
    is_thin = [side < limits.minimum_values for side in (values, trained)]
    if any(is_thin):
        default_verdict = Verdict.OK if all(is_thin) else Verdict.INSUFFICIENT
        because = f"{values} values now and {trained} in training are too few to compare"
        return _FeatureCase(feature, kind, counts, reason=because, tests=tests, default_verdict=default_verdict)
    found = comparisons.compare_distributions(feature, counts)
    others = comparisons.compare_uncommon_values(feature, counts, limits.minimum_values)
    tests = (found.comparison, *(() if others is None else (others,)), *tests)
    return _FeatureCase(feature, kind, counts, distribution=found, tests=tests)


def _has_unseen_test(feature: Feature, values: int) -> bool:
    return bool(values and feature.total) and not (isinstance(feature, CategoryFeature) and feature.is_open)


def _conclude_feature(case: _FeatureCase, significant: list[bool], limits: Thresholds) -> FeatureVerdict:
    if case.final_verdict is not None:
        return case.conclude(case.final_verdict, (case.reason,))
    sizes = [
        limits.classify_effect(test) if is_significant else Verdict.OK
        for test, is_significant in zip(case.tests, significant, strict=True)
    ]
    sentences = tuple(test.sentence for test, size in zip(case.tests, sizes, strict=True) if size is not Verdict.OK)
    if sentences:
        return case.conclude(find_worst(sizes), sentences)
    return case.conclude(case.default_verdict, () if case.default_verdict is Verdict.OK else (case.reason,))


def _conclude_model(features: tuple[FeatureVerdict, ...], records: Accounting, limits: Thresholds) -> Verdict:
    rejected = records.read - records.parsed
    if rejected and rejected >= limits.invalid_share * records.read:
        return Verdict.INVALID
    return find_worst(feature.verdict for feature in features)
