"""The results of a rehearsal in numbers: out/rehearsal/summary.json."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rehearsal.charts.timeline import GameDayOutcome
from rehearsal.demo.drift_summary import YearDriftSummary
from rehearsal.demo.requests_replay import RequestsDriftSummary


@dataclass(frozen=True)
class DeploySummary:
    """The first deployment, and the idempotence of a second `up`."""

    created_count: int
    """Resources that the program created."""
    seconds: float
    """Wall seconds of the runs of `up` that created them."""
    changed_on_second_up: int
    """Resources that a second `up` changed."""


@dataclass(frozen=True)
class ModelSummary:
    """A published version."""

    version: str
    auc: float | None
    """Area under the ROC curve on April's flights; None if it was not measured here."""
    sha256: str

    def summary_line(self) -> str:
        auc_text = "" if self.auc is None else f"AUC {self.auc:.3f}, "
        return f"{self.version}: {auc_text}sha256 {self.sha256[:12]}"


@dataclass(frozen=True)
class ObservedSplit:
    """A split as declared and as observed."""

    declared_shares: dict[str, float]
    """By variant."""
    observed_shares: dict[str, float]
    """By variant, of the answers to untargeted requests."""
    requests: int


@dataclass(frozen=True)
class ReceiptSummary:
    """Seconds from the rollback request, by the rehearsal's clock; they include the platform's stated seconds."""

    api_accepted_s: float | None
    weights_observed_s: float | None
    traffic_observed_s: float | None


@dataclass(frozen=True)
class RollbackSummary:
    """The rollback, with its time split into the platform's stated seconds and our own measured ones."""

    incident: str
    receipt: ReceiptSummary
    requests_to_rolled_back_variant_after: int
    platform_stated_s: float
    own_s: float
    command_wall_s: float
    changed_by_next_up: int


@dataclass(frozen=True)
class QuarantineSummary:
    """Whether `up` refused to raise the rolled-back version and accepted it after the acknowledgement."""

    refused: bool
    message: str
    accepted_after_acknowledgement: bool


@dataclass(frozen=True)
class OutOfBandSummary:
    """Whether the sweep detected an out-of-band change of weights, and the error message of `up`."""

    detected: bool
    message: str


@dataclass(frozen=True)
class PolicySummary:
    """The edit that the policy pack refused; no message where the pack cannot run."""

    refused: bool
    message: str


@dataclass(frozen=True)
class GameDaySummary:
    """The rollback that an alarm started, in seconds from the first bad datapoint, by the rehearsal's clock."""

    scenario: str
    passed: bool
    observed_result: str
    detect_s: float | None
    flip_s: float | None
    recover_s: float | None
    platform_stated_s: float | None
    """Stated seconds of the platform until the flip."""
    own_s: float | None
    """Measured seconds of our own code."""
    report: str
    """The page with the timeline."""

    @classmethod
    def of(cls, outcome: GameDayOutcome, report: str) -> GameDaySummary:
        return cls(
            outcome.scenario,
            outcome.passed,
            outcome.observed_result,
            _round_seconds(outcome.detect_s),
            _round_seconds(outcome.flip_s),
            _round_seconds(outcome.recover_s),
            _round_seconds(outcome.platform_s),
            _round_seconds(outcome.own_s),
            report,
        )


@dataclass
class DemoSummary:
    """The results of the demo; each step fills in its part."""

    deploy: DeploySummary | None = None
    models: list[ModelSummary] = field(default_factory=list)
    policy: PolicySummary | None = None
    canary: ObservedSplit | None = None
    promotion: ObservedSplit | None = None
    rollback: RollbackSummary | None = None
    quarantine: QuarantineSummary | None = None
    out_of_band: OutOfBandSummary | None = None
    game_day: GameDaySummary | None = None
    drift: YearDriftSummary | RequestsDriftSummary | None = None

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(dataclasses.asdict(self), indent=2) + "\n")

    def rows(self) -> dict[str, str]:
        """The rows of the final table, by heading."""
        return {title: text for title, text in self._summary_lines() if text}

    def _summary_lines(self) -> list[tuple[str, str]]:
        return [
            ("deploy", _format_deploy(self.deploy)),
            ("models", "; ".join(model.summary_line() for model in self.models)),
            ("policy", self.policy.message if self.policy else ""),
            ("canary", _format_split(self.canary)),
            ("promotion", _format_split(self.promotion)),
            ("rollback", _format_rollback(self.rollback)),
            ("quarantine", _format_quarantine(self.quarantine)),
            ("out of band", self.out_of_band.message if self.out_of_band else ""),
            ("game day", _format_game_day(self.game_day)),
            ("drift", self.drift.summary_line() if self.drift else ""),
        ]


def _format_deploy(deploy: DeploySummary | None) -> str:
    if deploy is None:
        return ""
    second = deploy.changed_on_second_up
    return f"{deploy.created_count} resources in {deploy.seconds:.1f} s; a second up changed {second or 'nothing'}"


def _format_split(split: ObservedSplit | None) -> str:
    if split is None:
        return ""
    shares = ", ".join(
        f"{s} {split.observed_shares.get(s, 0):.1%} (declared {d:.1%})" for s, d in split.declared_shares.items()
    )
    return f"{shares} of {split.requests} requests"


def _format_rollback(rollback: RollbackSummary | None) -> str:
    if rollback is None:
        return ""
    receipt: Any = rollback.receipt
    traffic = f"; traffic observed after {receipt.traffic_observed_s:.0f} s" if receipt.traffic_observed_s else ""
    return (
        f"{rollback.incident}: weights observed after {receipt.weights_observed_s:.1f} s, of which "
        f"{rollback.platform_stated_s:.0f} s are the platform's (simulated, as stated) and the rest ours (including "
        f"its later writes, the function ran {rollback.own_s:.2f} "
        f"s){traffic}{', once a whole minute was in CloudWatch and a sweep had read it' if traffic else ''}; "
        f"{rollback.requests_to_rolled_back_variant_after} requests reached the rolled-back variant afterwards"
    )


def _format_quarantine(quarantine: QuarantineSummary | None) -> str:
    if quarantine is None:
        return ""
    after = "let through" if quarantine.accepted_after_acknowledgement else "still refused"
    return f"{'refused' if quarantine.refused else 'NOT refused'}, and {after} once acknowledged"


def _round_seconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)


def _format_game_day(game_day: GameDaySummary | None) -> str:
    if game_day is None:
        return ""
    return (
        f"{game_day.scenario}: {game_day.observed_result}; from the first bad datapoint "
        f"alarm after {game_day.detect_s:.0f} s, flipped after {game_day.flip_s:.0f} s; "
        f"of these {game_day.platform_stated_s:.0f} s are the platform's (simulated, as stated), "
        f"{game_day.own_s:.2f} s ours, the rest the minutes that the alarm evaluates; timeline: {game_day.report}"
    )
