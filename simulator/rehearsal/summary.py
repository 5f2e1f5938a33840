"""What a rehearsal showed, in numbers: out/rehearsal/summary.json."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from simulator.rehearsal.hours import Watched
from simulator.rehearsal.months import Drift
from simulator.report.values import Outcome


@dataclass(frozen=True)
class Deploy:
    """Resources made by the program, wall seconds of the `up`s that made them, and what a second one changed."""

    created: int
    seconds: float
    changed_on_second_up: int


@dataclass(frozen=True)
class Model:
    """A published version and its area under the ROC curve on April's flights; None where none was measured here."""

    version: str
    auc: float | None
    sha256: str

    def told(self) -> str:
        measured = "" if self.auc is None else f"AUC {self.auc:.3f}, "
        return f"{self.version}: {measured}sha256 {self.sha256[:12]}"


@dataclass(frozen=True)
class Observed:
    """Shares by slot: as declared, and as `requests` untargeted requests were answered."""

    declared: dict[str, float]
    observed: dict[str, float]
    requests: int


@dataclass(frozen=True)
class Receipt:
    """Seconds from the request, by the rehearsal's clock: the platform's stated seconds are in them."""

    api_accepted_s: float | None
    weights_observed_s: float | None
    traffic_observed_s: float | None


@dataclass(frozen=True)
class RolledBack:
    """The rollback, and its time apart: the platform's stated seconds and our own measured ones."""

    incident: str
    receipt: Receipt
    requests_to_rolled_back_variant_after: int
    platform_stated_s: float
    own_s: float
    command_wall_s: float
    changed_by_next_up: int


@dataclass(frozen=True)
class Latch:
    """Whether raising the rolled-back version again was refused, and let through once acknowledged."""

    refused: bool
    message: str
    accepted_after_acknowledgement: bool


@dataclass(frozen=True)
class OutOfBand:
    """Whether weights changed behind everybody's back were found, and what `up` said."""

    found: bool
    message: str


@dataclass(frozen=True)
class GameDay:
    """The rollback that an alarm made: seconds from the first bad datapoint, by the rehearsal's clock; the platform's
    stated ones and our own measured ones apart. report: the page with its timeline."""

    scenario: str
    passed: bool
    seen: str
    detect_s: float | None
    flip_s: float | None
    recover_s: float | None
    platform_stated_s: float | None
    own_s: float | None
    report: str

    @classmethod
    def of(cls, outcome: Outcome, report: str) -> GameDay:
        return cls(
            outcome.scenario,
            outcome.passed,
            outcome.seen,
            _rounded(outcome.detect_s),
            _rounded(outcome.flip_s),
            _rounded(outcome.recover_s),
            _rounded(outcome.platform_s),
            _rounded(outcome.own_s),
            report,
        )


@dataclass
class Summary:
    """Filled act by act."""

    deploy: Deploy | None = None
    models: list[Model] = field(default_factory=list)
    canary: Observed | None = None
    promotion: Observed | None = None
    rollback: RolledBack | None = None
    latch: Latch | None = None
    out_of_band: OutOfBand | None = None
    game_day: GameDay | None = None
    drift: Drift | Watched | None = None

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(dataclasses.asdict(self), indent=2) + "\n")

    def rows(self) -> dict[str, str]:
        """The table at the end, by heading."""
        return {title: text for title, text in self._told() if text}

    def _told(self) -> list[tuple[str, str]]:
        return [
            ("deploy", _deploy(self.deploy)),
            ("models", "; ".join(one.told() for one in self.models)),
            ("canary", _observed(self.canary)),
            ("promotion", _observed(self.promotion)),
            ("rollback", _rolled_back(self.rollback)),
            ("latch", _latch(self.latch)),
            ("out of band", self.out_of_band.message if self.out_of_band else ""),
            ("game day", _game_day(self.game_day)),
            ("drift", self.drift.told() if self.drift else ""),
        ]


def _deploy(deploy: Deploy | None) -> str:
    if deploy is None:
        return ""
    second = deploy.changed_on_second_up
    return f"{deploy.created} resources in {deploy.seconds:.1f} s; a second up changed {second or 'nothing'}"


def _observed(seen: Observed | None) -> str:
    if seen is None:
        return ""
    shares = ", ".join(f"{s} {seen.observed.get(s, 0):.1%} (declared {d:.1%})" for s, d in seen.declared.items())
    return f"{shares} of {seen.requests} requests"


def _rolled_back(done: RolledBack | None) -> str:
    if done is None:
        return ""
    receipt: Any = done.receipt
    traffic = f"; traffic observed after {receipt.traffic_observed_s:.0f} s" if receipt.traffic_observed_s else ""
    return (
        f"{done.incident}: weights observed after {receipt.weights_observed_s:.1f} s, of which "
        f"{done.platform_stated_s:.0f} s are the platform's (simulated, as stated) and the rest ours (with what it "
        f"wrote afterwards, the function worked {done.own_s:.2f} s){traffic}"
        f"{', once a whole minute was in CloudWatch and a sweep had read it' if traffic else ''}; "
        f"{done.requests_to_rolled_back_variant_after} requests reached the rolled-back variant afterwards"
    )


def _latch(latch: Latch | None) -> str:
    if latch is None:
        return ""
    after = "let through" if latch.accepted_after_acknowledgement else "still refused"
    return f"{'refused' if latch.refused else 'NOT refused'}, and {after} once acknowledged"


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)


def _game_day(day: GameDay | None) -> str:
    if day is None:
        return ""
    return (
        f"{day.scenario}: {day.seen}; from the first bad datapoint alarm after {day.detect_s:.0f} s, flipped after "
        f"{day.flip_s:.0f} s; of these {day.platform_stated_s:.0f} s are the platform's (simulated, as stated), "
        f"{day.own_s:.2f} s ours, the rest the minutes that the alarm evaluates; drawn: {day.report}"
    )
