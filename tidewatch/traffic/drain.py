"""The drain: a slot whose model changes serves nobody meanwhile, and what was live before can be brought back.

What was live before is written down before the drain, so a deployment that died is continued, not forgotten.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tidewatch.traffic.errors import Refused
from tidewatch.traffic.gate import View
from tidewatch.traffic.incidents import latched_by
from tidewatch.traffic.split import Split
from tidewatch.traffic.values import EndpointState, Held
from tidewatch.traffic.writer import Writer

KEY = "drain"


@dataclass(frozen=True)
class Drain:
    """Drains the slots of one endpoint. `alarmed` answers which of the guardrails are in ALARM."""

    writer: Writer
    guardrails: Mapping[str, str]
    alarmed: Callable[[], frozenset[str]]

    def before(self, live: Split | None) -> Split | None:
        """The split before the drain that is under way, or the live one where none is."""
        kept = self.writer.control.get(KEY)
        if kept is None or self._superseded(self.writer.view(), kept["sequence"]):
            return live
        return Split.of(kept["before"])

    def empty(self, slots: frozenset[str], held: Mapping[str, Held], config: str) -> None:
        """Takes the traffic from these slots; raises Refused where no other slot can take it."""
        state = self.writer.platform.state()
        live = state.split
        if live is None or not slots & state.serving:
            return
        self._refuse_without_others(state, slots, held)
        kept = self.writer.control.get(KEY)
        if kept is None or self._superseded(self.writer.view(), kept["sequence"]):
            entries = self.writer.ledger.entries()
            sequence = entries[-1].sequence if entries else 0
            self.writer.control.put(KEY, {"before": live.to_json(), "sequence": sequence, "config": config})

        def decide(view: View) -> Split | None:
            if view.state is None or view.state.split is None or not slots & view.state.serving:
                return None
            # A rollback under way owns the traffic; what it flips to is no slot that this drain may empty.
            if view.driven and view.driven.target in slots:
                raise Refused(f"Slot {view.driven.target} is the target of the rollback {view.driven.incident}.")
            return self._drained(view, slots, held)

        names = ", ".join(sorted(slots))
        self.writer.change(decide, who="drain", why=f"{names} is drained for the deployment of {config}.")

    def _refuse_without_others(self, state: EndpointState, slots: frozenset[str], held: Mapping[str, Held]) -> None:
        self._drained(View(self.writer.ledger.entries(), self.writer.control.head(), state), slots, held)

    def _drained(self, view: View, slots: frozenset[str], held: Mapping[str, Held]) -> Split:
        """The live split without these slots: those that serve go on, else the first idle one that can take traffic."""
        state = view.state
        assert state is not None
        assert state.split is not None
        if state.split.serving - slots:
            return state.split.without(slots)
        alarmed = self.alarmed()
        for slot in sorted(state.slots.keys() - slots):
            fit = slot in held and state.slots[slot].instances >= max(held[slot].floor, 1)
            latched = latched_by(slot, held.get(slot), view.latches, view.config)
            if fit and not latched and self.guardrails.get(slot) not in alarmed:
                return Split.only(slot, state.slots)
        names = ", ".join(sorted(slots))
        raise Refused(
            f"The model of {names} cannot be changed while it has all traffic of {state.name}: no other slot can take "
            "it. Put the new version into another slot and raise that one by weight."
        )

    def undo(self, held: Mapping[str, Held]) -> None:
        """Brings back what was live before: not over an incident that was opened since, never what is latched."""
        kept = self.writer.control.get(KEY)
        if kept is None:
            return
        wanted = Split.of(kept["before"])

        def decide(view: View) -> Split | None:
            if view.driven or self._superseded(view, kept["sequence"]) or view.state is None:
                return None
            latched = {slot for slot in wanted.serving if latched_by(slot, held.get(slot), view.latches, view.config)}
            barred = latched | (wanted.serving - view.state.slots.keys())
            if not wanted.serving - barred:
                return None
            back = wanted.without(barred).among(view.state.slots)
            return None if back.close_to(view.live) else back

        self.writer.change(decide, who="drain", why="The split from before the drain.")
        self.writer.control.delete(KEY)

    def settle(self, held: Mapping[str, Held]) -> None:
        """After a deployment: over an open incident the split of before comes back; else the declared one follows."""
        if self.writer.view().open:
            self.undo(held)
        elif self.writer.control.get(KEY) is not None:
            self.writer.control.delete(KEY)

    @staticmethod
    def _superseded(view: View, sequence: int) -> bool:
        """Whether what was kept at that entry no longer stands.

        An incident opened since owns the traffic, and a split that somebody else brought about since is the newer word.
        """
        opened = any(one.sequence > sequence or one.sequence == 0 for one in view.open)
        return opened or any(
            entry.sequence > sequence
            and entry.kind in ("outcome", "observed")
            and entry.after is not None
            and entry.who != "drain"
            for entry in view.entries
        )
