"""The request for a rollback, and the result of a call."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from tidewatch.text import MAX_LENGTH, sanitize
from tidewatch.traffic.models import NO_RECEIPT, Receipt

Trigger = Literal["alarm", "operator", "event", "sweep"]
DEFAULT_REASON = "An operator requested it."
"""The reason of an operator who gave none."""
MAX_SHORT_LENGTH = 300
"""The largest number of characters kept of a requester's name and of an alarm's ARN and time."""


@dataclass(frozen=True)
class RollbackRequest:
    """Who requests a rollback, and why. Alarms and operators open incidents; events and the sweep advance open ones."""

    trigger: Trigger
    reason: str
    requested_at: datetime
    requested_by: str = ""
    alarm_arn: str = ""
    alarm_at: str = ""
    """The alarm's state timestamp, ISO 8601. Together with the ARN it identifies a repeated delivery."""

    def __post_init__(self) -> None:
        """Sanitizes the texts: callers choose them freely, items have a bounded size and people read them."""
        for key in ("reason", "requested_by", "alarm_arn", "alarm_at"):
            object.__setattr__(
                self, key, sanitize(getattr(self, key), MAX_LENGTH if key == "reason" else MAX_SHORT_LENGTH)
            )


@dataclass(frozen=True)
class RollbackResult:
    """What a call found and did."""

    incident: str
    state: str
    """pending, flipping, rolled_back, closed, blocked, advised, or no_incident."""
    message: str
    target: str
    receipt: Receipt = NO_RECEIPT
    notes: tuple[str, ...] = field(default_factory=tuple[str, ...])
    out_of_band_incident: str = ""
    """The incident that this call opened for an out-of-band change."""

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
