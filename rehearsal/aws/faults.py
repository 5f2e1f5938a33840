"""The faults that a rehearsal can inject. A fault waits here until a matching call takes it."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count
from random import Random

KINDS: Mapping[str, frozenset[str]] = {
    "create_fails": frozenset({"endpoint", "reason"}),
    "deployment_fails": frozenset({"endpoint", "reason", "keep_reason"}),
    "change_rolls_back": frozenset({"endpoint", "reason"}),
    "status": frozenset({"endpoint", "status", "reason", "seconds"}),
    "scaling": frozenset({"endpoint", "variant", "instances"}),
    "variant_errors": frozenset({"endpoint", "variant", "rate", "every", "code"}),
    "variant_latency": frozenset({"endpoint", "variant", "seconds", "overhead"}),
    "put_conflict": frozenset({"bucket", "key"}),
    "api": frozenset({"service", "action", "code", "message", "status"}),
    "function_killed": frozenset({"function", "calls"}),
    "function_throttled": frozenset({"function"}),
    "delivered_twice": frozenset({"function"}),
    "capture_stops": frozenset({"endpoint", "variant"}),
    "load": frozenset({"endpoint", "variant", "metric", "percent"}),
}
"""The options of each kind; docs/fidelity.md describes their effects."""

PERSISTENT_KINDS = frozenset({"variant_errors", "variant_latency", "function_throttled", "capture_stops", "load"})
"""Kinds that last until they are cleared; the others are used up after `times`, by default 1."""


HOST_METRICS = frozenset(
    {"CPUUtilization", "MemoryUtilization", "DiskUtilization", "GPUUtilization", "GPUMemoryUtilization"}
)
"""The metrics that the fault `load` can raise."""


class UnknownFault(ValueError):
    """A fault that nothing in the simulator would ever take."""


@dataclass
class Fault:
    """A fault that waits."""

    id: int
    kind: str
    options: dict[str, object]
    remaining: int
    """How many times it can still be taken."""
    cost: dict[tuple[str, str], float] = field(default_factory=dict[tuple[str, str], float])
    """The accumulated effect, by endpoint and variant, for kinds whose effects add up."""
    _calls: count[int] = field(default_factory=lambda: count(1))

    def applies_to(self, subject: Mapping[str, str]) -> bool:
        """Whether every option that names a subject matches; an omitted option matches any subject."""
        return all(self.options.get(key) in (None, value) for key, value in subject.items())

    def should_strike(self, rng: Random) -> bool:
        """Whether it affects the request that took it: one in `every`, or by chance with probability `rate`."""
        if "every" in self.options:
            return next(self._calls) % int(self.get_number("every", 1)) == 0
        return rng.random() < self.get_number("rate", 1.0)

    def get_text(self, option: str, default: str) -> str:
        return str(self.options.get(option, default))

    def get_number(self, option: str, default: float) -> float:
        return float(str(self.options.get(option, default)))


@dataclass
class PendingFaults:
    """The faults that wait. Safe for several threads."""

    pending: list[Fault] = field(default_factory=list[Fault])
    _ids: count[int] = field(default_factory=lambda: count(1))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def inject(self, kind: str, times: int | None = None, **options: object) -> int:
        """Adds a fault and returns its id. Raises UnknownFault for an unknown kind or option."""
        if kind not in KINDS:
            raise UnknownFault(f"There is no fault {kind!r}; the simulator knows {', '.join(sorted(KINDS))}.")
        if unknown := sorted(set(options) - KINDS[kind]):
            raise UnknownFault(f"The fault {kind!r} takes {', '.join(sorted(KINDS[kind]))}, not {', '.join(unknown)}.")
        if kind == "load" and options.get("metric") not in HOST_METRICS:
            raise UnknownFault(f"A host shows {', '.join(sorted(HOST_METRICS))}, not {options.get('metric')}.")
        if kind == "load" and times is not None:
            raise UnknownFault("A load lasts until it is cleared: what it costs goes with it, so it takes no `times`.")
        with self._lock:
            fault = Fault(next(self._ids), kind, options, times if times is not None else 1)
            if kind in PERSISTENT_KINDS and times is None:
                fault.remaining = -1
            self.pending.append(fault)
            return fault.id

    def take(self, kind: str, **subject: str) -> Fault | None:
        """The first matching fault, used once; None if there is none."""
        if not self.pending:
            return None
        with self._lock:
            fault = self.find(kind, **subject)
            if fault is not None and fault.remaining > 0:
                fault.remaining -= 1
                if fault.remaining == 0:
                    self.pending.remove(fault)
            return fault

    def find(self, kind: str, **subject: str) -> Fault | None:
        """The fault that `take` would return, without using it."""
        return next((f for f in list(self.pending) if f.kind == kind and f.applies_to(subject)), None)

    def clear(self, fault_id: int | None = None) -> None:
        """Removes one fault, or all of them."""
        with self._lock:
            self.pending = [f for f in self.pending if fault_id is not None and f.id != fault_id]
