"""The head: the drive state of the one incident that is being driven, or was driven last."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any, Literal, get_args

from tidewatch.items import refuse_odd_time, refuse_other_types
from tidewatch.traffic.split import Split
from tidewatch.traffic.values import Receipt

State = Literal["pending", "flipping", "observed", "closed", "blocked"]


@dataclass(frozen=True)
class Head:
    """How far the rollback of an incident has come. `revision` counts its writes: each is conditional on the last."""

    incident: str
    state: State
    target: str
    requested_at: datetime
    trigger: str = ""
    who: str = "rollback"
    by: str = ""
    reason: str = ""
    alarm_arn: str = ""
    alarm_at: str = ""
    before: Split | None = None
    """The split when the incident was claimed."""
    rolled_back: tuple[str, ...] = ()
    """The slots that traffic was taken from."""
    accepted_at: datetime | None = None
    observed_at: datetime | None = None
    traffic_at: datetime | None = None
    abort_tripped: bool = False
    message: str = ""
    notes: tuple[str, ...] = ()
    told: str = ""
    """The last state that was documented and notified."""
    revision: int = 0

    def checked(self) -> Head:
        """Itself, if it is what it says: raises ValueError or TypeError for what no head of ours can be."""
        if self.state not in get_args(State) or not self.incident or not self.target or self.revision < 1:
            raise ValueError("It has a state that there is not, or lacks its incident, target or revision.")
        refuse_other_types(self, "incident", "target")
        if type(self.abort_tripped) is not bool:
            raise TypeError("It has a mark that is neither set nor not.")
        for moment in (self.requested_at, self.accepted_at, self.observed_at, self.traffic_at):
            if moment is not None:
                refuse_odd_time(moment)
        return self

    @property
    def driven(self) -> bool:
        """Whether somebody still has to drive it."""
        return self.state != "closed"

    @property
    def receipt(self) -> Receipt:
        def since(moment: datetime | None) -> float | None:
            return round((moment - self.requested_at).total_seconds(), 3) if moment else None

        return Receipt(since(self.accepted_at), since(self.observed_at), since(self.traffic_at))

    def to_json(self) -> dict[str, object]:
        plain: dict[str, object] = {key: value for key, value in asdict(self).items() if value is not None}
        plain["before"] = self.before.to_json() if self.before else None
        return {key: value.isoformat() if isinstance(value, datetime) else value for key, value in plain.items()}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Head:
        names = [one.name for one in fields(cls)]
        plain: dict[str, Any] = {name: document[name] for name in names if document.get(name) is not None}
        for key in ("requested_at", "accepted_at", "observed_at", "traffic_at"):
            if key in plain:
                plain[key] = datetime.fromisoformat(plain[key])
        for key in ("rolled_back", "notes"):
            plain[key] = tuple(plain.get(key, ()))
            if not all(isinstance(one, str) for one in plain[key]):
                raise TypeError(f"{key} is to hold texts.")
        if "before" in plain:
            plain["before"] = Split.of(plain["before"])
        return cls(**plain)
