"""Statistics: how far a window's counts are from their reference, and the verdict on that."""

from __future__ import annotations

from tidewatch.drift.statistics.verdict import FeatureVerdict, ModelVerdict, Thresholds, Verdict, judge_profile
from tidewatch.drift.statistics.windows import DriftSeverity, assess_severity

__all__ = [
    "DriftSeverity",
    "FeatureVerdict",
    "ModelVerdict",
    "Thresholds",
    "Verdict",
    "assess_severity",
    "judge_profile",
]
