"""The drain: a slot whose model changes serves nobody meanwhile, and what was live before can be brought back.

What was live before is written down before the drain, so a deployment that died is continued or undone, whatever is
declared by then: by the next `up`, or by the sweep once the writer is dead. Where another model came into a slot over
an open incident, the record stays until the incident is acknowledged: it alone says that the slot is owed its share.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tidewatch.traffic.errors import Refused
from tidewatch.traffic.gate import View
from tidewatch.traffic.incidents import latched_by
from tidewatch.traffic.split import Split
from tidewatch.traffic.values import EndpointState, Held
from tidewatch.traffic.writer import Writer

KEY = "drain"
BACK = "The split from before the drain."


@dataclass(frozen=True)
class Drain:
    """Drains the slots of one endpoint. `alarmed` answers which of the guardrails are in ALARM."""

    writer: Writer
    guardrails: Mapping[str, str]
    alarmed: Callable[[], frozenset[str]]

    def before(self, live: Split | None) -> Split | None:
        """The split before the drain that is under way, or the live one where none is."""
        kept = self._standing()
        return Split.of(kept["before"]) if kept else live

    def _kept(self) -> dict[str, Any] | None:
        """What was written down of a drain."""
        return self.writer.control.read(KEY, _checked)

    def _standing(self) -> dict[str, Any] | None:
        """The same, where it still stands."""
        kept = self._kept()
        if kept is None:
            return None
        head = self.writer.control.head()
        return None if superseded(View(self.writer.ledger.entries(), head, None), kept["sequence"]) else kept

    def replaced(self) -> frozenset[str]:
        """The slots of the standing record that hold another model by now. Raises EndpointMissing."""
        kept = self._standing()
        return self._replaced(kept, self.writer.platform.state()) if kept else frozenset()

    def take_over(self, config: str) -> None:
        """Makes a drain that another writer left behind this writer's."""
        if kept := self._standing():
            self.writer.control.put(KEY, {**kept, "config": config, "writer": self.writer.life.name})

    def empty(self, slots: frozenset[str], held: Mapping[str, Held], config: str) -> None:
        """Takes the traffic from these slots; raises Refused where no other slot can take it.

        Over an open incident a slot without traffic is written down too: its new model gets nothing until then.
        """
        view = self.writer.view()
        if view.state is None or view.state.split is None:
            return
        serving = slots & view.state.serving
        if serving:
            self._drained(view, slots, held)
        noted = serving | (slots & held.keys()) if view.open else serving
        if noted:
            self._note(noted, view.state, view.state.split, config)
        if not serving:
            return

        def decide(view: View) -> Split | None:
            if view.state is None or view.state.split is None or not slots & view.state.serving:
                return None
            # A rollback under way owns the traffic; what it flips to is no slot that this drain may empty.
            if view.driven and view.driven.target in slots:
                raise Refused(f"Slot {view.driven.target} is the target of the rollback {view.driven.incident}.")
            return self._drained(view, slots, held)

        names = ", ".join(sorted(slots))
        self.writer.change(decide, who="drain", why=f"{names} is drained for the deployment of {config}.")

    def _note(self, slots: frozenset[str], state: EndpointState, live: Split, config: str) -> None:
        """Writes down what these slots hold now; a record that stands keeps what it says, and is added to."""
        entries = self.writer.ledger.entries()
        standing = self._standing()
        if standing is not None and not vouched(View(entries, None, state), standing):
            standing = None
        kept = standing or {
            "before": live.to_json(),
            "sequence": entries[-1].sequence if entries else 0,
            "drained": {},
        }
        known = self.writer.control.held(state.config) or {}
        now = {
            slot: {"config": state.config, "held": known[slot].to_json() if slot in known else None} for slot in slots
        }
        mine = {"drained": {**now, **kept.get("drained", {})}, "config": config, "writer": self.writer.life.name}
        self.writer.control.put(KEY, {**kept, **mine})

    def _drained(self, view: View, slots: frozenset[str], held: Mapping[str, Held]) -> Split:
        assert view.state is not None
        barred = self.replaced() if view.open else frozenset[str]()
        return drained(view, view.state, slots, held, self.guardrails, self.alarmed, barred)

    def undo(self, held: Mapping[str, Held]) -> None:
        """Brings back what was live before, and waits for it; see `_back` for what does not come back."""
        kept = self._kept()
        if kept is None:
            return
        view = self.writer.view()
        if superseded(view, kept["sequence"]):
            self.forget()
            return
        if not vouched(view, kept):
            return
        self.writer.change(lambda view: self._back(view, kept, held), who="drain", why=BACK)
        if not self._replaced(kept, self.writer.platform.state()):
            self.forget()

    def settle_left(self) -> None:
        """One step of the sweep: undoes a drain whose writer is dead, where its models are still the same.

        A slot that holds another model by now stays empty, and written down: what it is to get is for an `up` to say.
        """
        kept = self._kept()
        if kept is None or self.writer.life.others(str(kept.get("writer", ""))):
            return
        view = self.writer.view()
        if view.state is None or not view.state.in_service or view.driven:
            return
        if superseded(view, kept["sequence"]):
            self._forget_this(kept)
            return
        if not vouched(view, kept):
            self.writer.control.set_aside(KEY, kept)
            return
        if self._replaced(kept, view.state):
            return
        held = self.writer.control.held(view.state.config) or {}
        if self._back(view, kept, held) is None:
            self._forget_this(kept)
            return
        # The answer is appended by the next sweep, which finds the split live and forgets the drain.
        self.writer.submit(
            lambda now: self._back(now, kept, held) if self._kept() == kept else None,
            who="drain",
            why=f"{BACK} Its writer had gone.",
        )

    def _back(self, view: View, kept: Mapping[str, Any], held: Mapping[str, Held]) -> Split | None:
        """The split from before, as far as it may come back; None where there is nothing to do.

        Not over an incident that was opened since; nothing for what is latched, and nothing for a slot that holds
        another model than then: what it had was another's.
        """
        if view.driven or superseded(view, kept["sequence"]) or view.state is None:
            return None
        wanted = Split.of(kept["before"])
        latched = {slot for slot in wanted.serving if latched_by(slot, held.get(slot), view.latches, view.config)}
        barred = latched | (wanted.serving - view.state.slots.keys()) | self._replaced(kept, view.state)
        if not wanted.serving - barred:
            return None
        back = wanted.without(barred).among(view.state.slots)
        return None if back.close_to(view.live) else back

    def _replaced(self, kept: Mapping[str, Any], state: EndpointState) -> frozenset[str]:
        """The drained slots that hold another model than they held before, or are gone."""
        now = self.writer.control.held(state.config) or {}

        def same(slot: str, was: Mapping[str, Any]) -> bool:
            held = was.get("held")
            return held is not None and Held.from_json(held).same_model(now.get(slot))

        return frozenset(
            slot
            for slot, was in kept.get("drained", {}).items()
            if was["config"] != state.config and not same(slot, was)
        )

    def owed(self) -> bool:
        """Whether what was drained has not got its share back yet, and nobody decided otherwise since."""
        return self._standing() is not None

    def forget(self) -> None:
        """Ends the drain: the traffic is as somebody wants it now."""
        if self.writer.control.get(KEY) is not None:
            self.writer.control.delete(KEY)

    def _forget_this(self, kept: Mapping[str, Any]) -> None:
        """Not the drain that somebody else began, or took over, meanwhile."""
        self.writer.control.delete_where(KEY, sequence=kept["sequence"], config=kept["config"])


def vouched(view: View, kept: Mapping[str, Any]) -> bool:
    """Whether the ledger knows the drain that this was written down of, whose intent comes before its weights; one that
    drained nothing has nothing to bring back. Otherwise it was forged, and moves no traffic."""
    before = Split.of(kept["before"])
    return before.close_to(view.live) or any(
        entry.kind == "intent"
        and entry.who == "drain"
        and entry.sequence > kept["sequence"]
        and before.close_to(entry.before)
        for entry in view.entries
    )


def _checked(kept: dict[str, Any]) -> dict[str, Any]:
    """Itself, if it is what is written down of a drain: raises ValueError, TypeError or what reading it raises."""
    Split.of(kept["before"])
    if type(kept["sequence"]) is not int:
        raise TypeError("It names the entry that it stands behind by what is no whole number.")
    drained = kept.get("drained", {})
    for was in drained.values():
        if was.get("held") is not None:
            Held.from_json(was["held"])
    texts = (kept["config"], kept.get("writer", ""), *(was["config"] for was in drained.values()))
    if not all(isinstance(one, str) for one in texts):
        raise TypeError("It names a configuration or a writer by what is no text.")
    return kept


def drained(
    view: View,
    state: EndpointState,
    slots: frozenset[str],
    held: Mapping[str, Held],
    guardrails: Mapping[str, str],
    alarmed: Callable[[], frozenset[str]],
    barred: frozenset[str] = frozenset(),
) -> Split:
    """The live split without these slots: those that serve go on, else the first idle one that can take traffic.

    An idle slot that is barred cannot: an open incident keeps its model from serving. Raises Refused where none can.
    """
    assert state.split is not None
    if state.split.serving - slots:
        return state.split.without(slots)
    firing = alarmed()
    for slot in sorted(state.slots.keys() - slots - barred):
        fit = slot in held and state.slots[slot].instances >= max(held[slot].floor, 1)
        latched = latched_by(slot, held.get(slot), view.latches, view.config)
        if fit and not latched and guardrails.get(slot) not in firing:
            return Split.only(slot, state.slots)
    names = ", ".join(sorted(slots))
    raise Refused(
        f"The model of {names} cannot be changed while it has all traffic of {state.name}: no other slot can take "
        "it. Put the new version into another slot and raise that one by weight."
    )


def superseded(view: View, sequence: int) -> bool:
    """Whether what was kept at that entry no longer stands.

    An incident opened since owns the traffic, also when it was acknowledged, and a split that somebody else brought
    about since is the newer word.
    """
    opened = any(one.sequence > sequence or one.sequence == 0 for one in view.incidents)
    return opened or any(
        entry.sequence > sequence
        and entry.kind in ("outcome", "observed")
        and entry.after is not None
        and entry.who != "drain"
        for entry in view.entries
    )
