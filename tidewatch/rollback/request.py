"""Who asks for a rollback, and what a call of it found and did."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from tidewatch.text import MAX_LENGTH, sanitize
from tidewatch.traffic.models import NO_RECEIPT, Receipt

Trigger = Literal["alarm", "operator", "event", "sweep"]
MAX_SHORT_LENGTH = 300
"""Characters kept of who asks, and of an alarm's ARN and time."""


@dataclass(frozen=True)
class RollbackRequest:
    """Who asks, and why. Alarms and operators open incidents; events and the sweep drive those that are open."""

    trigger: Trigger
    reason: str
    requested_at: datetime
    by: str = ""
    alarm_arn: str = ""
    alarm_at: str = ""
    """The alarm's state timestamp, ISO 8601; with its ARN it tells a repeated delivery."""

    def __post_init__(self) -> None:
        """Whoever may call says what he likes: it is written into items of bounded size and read by people."""
        for key in ("reason", "by", "alarm_arn", "alarm_at"):
            object.__setattr__(
                self, key, sanitize(getattr(self, key), MAX_LENGTH if key == "reason" else MAX_SHORT_LENGTH)
            )


@dataclass(frozen=True)
class RollbackResult:
    """What a call found and did."""

    incident: str
    state: str
    """pending, flipping, observed, closed, blocked, advised, or no_incident."""
    message: str
    target: str
    receipt: Receipt = NO_RECEIPT
    notes: tuple[str, ...] = field(default_factory=tuple[str, ...])
    out_of_band_incident: str = ""
    """An incident that this call opened for a change of traffic nobody announced."""

    def to_json(self) -> dict[str, object]:
        return {
            "incident": self.incident or None,
            "state": self.state,
            "message": self.message,
            "target": self.target,
            "receipt": self.receipt.to_json(),
            "notes": list(self.notes),
            "out_of_band_incident": self.out_of_band_incident or None,
        }
