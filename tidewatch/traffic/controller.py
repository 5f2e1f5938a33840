"""The one way to read and change an endpoint's traffic: for the dynamic resources, the rollback, the command line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from tidewatch import clock as clocks
from tidewatch.clock import Clock
from tidewatch.traffic import copies, foreseen, gate, observing
from tidewatch.traffic.alarms import in_alarm
from tidewatch.traffic.beginning import Beginning, never_served
from tidewatch.traffic.control import Control
from tidewatch.traffic.deployment import Fleet
from tidewatch.traffic.drain import Drain
from tidewatch.traffic.ending import Ending
from tidewatch.traffic.errors import EndpointBusy, EndpointMissing, NoCapacity, NoTarget
from tidewatch.traffic.foreseen import Wish
from tidewatch.traffic.gate import View
from tidewatch.traffic.gauges import Gauges, gauges
from tidewatch.traffic.incidents import Incident, Latch, incidents
from tidewatch.traffic.ledger import Entry, Ledger, replay
from tidewatch.traffic.life import Life
from tidewatch.traffic.platform import Platform
from tidewatch.traffic.sagemaker import SageMakerEndpoint, is_whole
from tidewatch.traffic.served import served
from tidewatch.traffic.split import Split
from tidewatch.traffic.values import Clients, DeploymentPolicy, DeploymentRecord, EndpointState, Held, Place, Receipt
from tidewatch.traffic.writer import Writer, refuse_unusable

READ_AGAIN = timedelta(hours=1)
"""How long what was read of the ledger is believed to be what it still is, before an alarm is told how things stand."""


class TrafficController:
    """The traffic of one endpoint. Cheap to make; for one thread.

    `wait_seconds` is how long a busy endpoint is waited for; `guardrails` names the alarm that guards each slot.
    """

    def __init__(
        self,
        clients: Clients,
        place: Place,
        clock: Clock | None = None,
        wait_seconds: float = 3600,
        guardrails: Mapping[str, str] | None = None,
        platform: Platform | None = None,
    ) -> None:
        self.clients = clients
        self.place = place
        self.clock = clock or clocks.current()
        self.guardrails = dict(guardrails or {})
        self.platform = platform or SageMakerEndpoint(clients.sagemaker, clients.cloudwatch, place.endpoint)
        self.control = Control(clients.dynamodb, place.control, place.key, self.clock)
        self.ledger = Ledger(
            clients.dynamodb, place.ledger, place.key, place.endpoint, lambda key: copies.copied(self.control, key)
        )
        self._read_since = self.clock.now()
        life = Life(self.control, self.clock)
        self.writer = Writer(self.platform, self.ledger, self.control, self.clock, place, wait_seconds, life)
        self._ending = Ending(self.writer)
        self._drain = Drain(self.writer, self.guardrails, self._alarmed)

    def state(self) -> EndpointState:
        """How the endpoint stands; raises EndpointMissing."""
        return self.platform.state()

    @property
    def split(self) -> Split | None:
        """The live split; None while nothing has weight. Raises EndpointMissing."""
        return self.platform.state().split

    def held(self) -> dict[str, Held]:
        """What the slots of the live configuration hold; empty where nobody wrote it down."""
        return self.control.held(self.platform.state().config) or {}

    def entries(self) -> tuple[Entry, ...]:
        """The ledger, in order."""
        return self.ledger.entries()

    def torn(self) -> tuple[str, ...]:
        """Where the ledger is not what was written: broken links, and what was copied otherwise."""
        self.ledger.entries()
        return copies.torn(self.ledger, self.control)

    def incidents(self) -> tuple[Incident, ...]:
        """The open ones, oldest first."""
        return self._view_of_ledger().open

    def incident(self, incident_id: str) -> Incident:
        """One incident, open or not; raises UnknownIncident."""
        gate.refuse_unknown(self._view_of_ledger(), incident_id)
        return next(one for one in self._view_of_ledger().incidents if one.id == incident_id)

    def gauges(self) -> Gauges:
        """How the endpoint stands, for alarms: see `tidewatch.traffic.gauges`. Describes it once.

        Writes down what a slot holds that it did not hold before. Reads the whole ledger again once an hour: a function
        lives for hours, and would not see an entry that it read become another.
        """
        if (now := self.clock.now()) - self._read_since >= READ_AGAIN:
            self.ledger.forget()
            self._read_since = now
        # Before the state: a deployment that begins in between is seen running.
        asked = self.control.asked(self.place.endpoint)
        view, now = self._view(), self.clock.now()
        held = self.control.held(view.config) or {} if view.config else {}
        awaited = asked not in (None, view.config) and self.writer.life.others(self.control.asked_by())
        ended = Ending.ends(view.entries, self.place.endpoint)
        serves = served(self.control, held, now)
        # After all that is read: what was set aside meanwhile is told at once.
        refused = self.control.refused(now) + self.ledger.refused(now) + self.control.torn(self.torn(), now)
        found = gauges(view, asked, now, awaited=awaited, ended=ended, refused=refused)
        return replace(found, served=serves)

    def unserved(self) -> bool:
        """Whether the endpoint is there and has yet to serve. Raises EndpointMissing."""
        return never_served(self.platform.state(), self.ledger.entries())

    def seen(self) -> bool:
        """Whether the ledger has a split of this endpoint: there is nothing to explain of one that it does not know."""
        endpoint = self.place.endpoint
        return bool(endpoint) and replay(self.ledger.entries(), endpoint) is not None

    def refuse_missing(self) -> None:
        """Raises EndpointMissing where an endpoint that has served is gone or going; a first one may be made anew."""
        if self.seen() and self.platform.state().status == "Deleting":
            raise EndpointMissing(
                f"The endpoint {self.place.endpoint} is being deleted: wait until it is gone, then "
                "`pulumi up --refresh` makes it again."
            )

    def endpoint_asked(self) -> str:
        """The physical endpoint that a configuration was asked for last; "" where nobody wrote it down."""
        return self.control.endpoint_asked()

    def asked_for(self) -> str | None:
        """The configuration that the endpoint was asked for last; None where nobody wrote it down."""
        return self.control.asked(self.place.endpoint)

    def stands(self, config: str) -> bool:
        """Whether a configuration is there with all its models, so that nothing is gained by one like it."""
        return is_whole(self.clients.sagemaker, config)

    def latches(self) -> tuple[Latch, ...]:
        """What gets no traffic until somebody acknowledges its incident."""
        return self._view_of_ledger().latches

    def refuse_unless_allowed(
        self,
        *,
        declared: Split,
        previously: Split | None,
        held: Mapping[str, Held],
        acknowledged: str | None = None,
        champion: str | None = None,
        champion_before: str | None = None,
        config: str | None = None,
        instances: Mapping[str, int] | None = None,
        settles: bool = False,
    ) -> None:
        """The gate of `pulumi up`; changes nothing.

        Raises Latched where a slot that would get traffic by this declaration holds what was rolled back, IncidentOpen
        where the declared split changed over an open incident, Refused where a slot would be raised whose guardrail is
        in ALARM, or where the champion, or the one before (if they are named), changes while another slot serves, and
        UnknownIncident where `acknowledged` is no incident of this model; and what any later step of such an `up` would
        raise, see `tidewatch.traffic.foreseen`. Tables that do not exist yet latch nothing.

        config: the configuration that is to be live, by its name or the hash of what it declares; "" is one that does
        not exist yet, None what follows from `held`. instances: the counts that are changed. settles: a split that was
        declared before is brought about.
        """
        view = self._with_unannounced(self._view(frozenset(filter(None, (acknowledged,)))))
        if self.place.ledger:
            gate.refuse_unknown(view, acknowledged or "", declared=True)
        remembered = self.control.remembered(view.config) if view.config else None
        live_held, content = remembered or ({}, "")
        deployed = bool(config) and config in (view.config, content)
        if deployed:
            # No deployment is to come: what is live gets the traffic, whatever is declared.
            held = _as_live(held, live_held)
        moves = previously is None or not declared.close_to(previously)
        gate.refuse_declaration(view, declared=declared, previously=previously, held=held, live_held=live_held)
        gate.refuse_rerun(view, held, live_held)
        if champion:
            gate.refuse_champion(view, champion, held, live_held)
        if champion_before:
            gate.refuse_edited(view, champion_before, held, live_held)
        if moves and view.state is None:
            gate.refuse_alarmed(gate.raised(declared, previously), self.guardrails, self._alarmed())
        replaced = self._drain.replaced() if view.state else frozenset[str]()
        wish = Wish(
            declared, held, champion or "", not deployed and _deploys(config, held, live_held), moves,
            settles or (bool(replaced) and not view.open), instances or {},
        )  # fmt: skip
        foreseen.refuse(view, wish, live_held, self.guardrails, self._alarmed, replaced if view.open else frozenset())

    def acknowledge(self, incident_id: str, who: str) -> None:
        """Closes an incident for good: its latches end. Once only; raises UnknownIncident."""
        view = self._view_of_ledger()
        gate.refuse_unknown(view, incident_id, declared=True)

        def compose(entries: tuple[Entry, ...]) -> Entry | None:
            if any(entry.kind == "acknowledgement" and entry.incident == incident_id for entry in entries):
                return None
            return Entry("acknowledgement", who, self.clock.now(), incident=incident_id)

        self.ledger.append(compose)

    def apply(self, declared: Split, *, who: str, why: str, held: Mapping[str, Held]) -> Receipt | None:
        """Brings the declared split about, waiting for its turn and its end; None where it was live already.

        Raises IncidentOpen, Latched, NoTarget, Refused, EndpointMissing, EndpointBusy, EndpointUnusable, TrafficError.
        """

        def decide(view: View) -> Split | None:
            state = view.state
            if state is None or (declared.close_to(state.split) and declared.close_to(state.desired)):
                return None
            # What is live decides: a declared version may not have been deployed.
            serves = _as_live(held, self.control.held(view.config) or {})
            gate.refuse_latched(view, declared.serving, serves)
            gate.refuse_open(view)
            if self.observe():
                gate.refuse_open(self._view_of_ledger())
            gate.refuse_unfit(declared, state, serves)
            gate.refuse_alarmed(gate.raised(declared, state.split), self.guardrails, self._alarmed())
            return declared.among(state.slots)

        receipt = self.writer.change(decide, who=who, why=why)
        self._drain.forget()
        if receipt is None and replay(self.ledger.entries(), self.place.endpoint) is None:
            self.observe()
        return receipt

    def own(self, owner: str) -> None:
        """Writes down what owns the end of the endpoint: the newest one does."""
        self._ending.own(owner)

    def owns(self, owner: str) -> bool:
        """Whether it owns the end of the endpoint; True where nobody wrote down who does."""
        return self._ending.owns(owner)

    def end(self, owner: str, *, who: str) -> bool:
        """Deletes the endpoint and waits until it is gone; False where there was none, or something else owns its end.

        Raises EndpointBusy, EndpointUnusable, TrafficError.
        """
        return self._ending.end(owner, who=who)

    def settle_after_deployment(self, declared: Split, held: Mapping[str, Held], who: str = "pulumi") -> Receipt | None:
        """The traffic after another model was deployed: the declared split.

        Over an open incident the split from before the drain, without what a slot had whose model is another by now:
        it gets nothing until somebody acknowledges the incident, and the drain's record keeps that. `held_back` says
        so.
        """
        if self._view().open:
            self._drain.undo(held)
            return None
        return self.apply(declared, who=who, why="The declared split, after a deployment.", held=held)

    def settle_owed(self, declared: Split, held: Mapping[str, Held]) -> None:
        """Ends a drain that is written down, though nothing was edited: for an `up` to which `owes` says so.

        The declared split where a drained slot holds another model by now. Where each holds what it held, the split
        from before the drain: the declared one was not edited, and may never have been live.
        """
        if self._drain.replaced():
            self.settle_after_deployment(declared, held)
        else:
            self._drain.undo(held)

    def held_back(self, declared: Split) -> str:
        """Which slots get nothing because an incident is open, as a sentence; "" where there is none.

        By the drain's record: a slot whose model came over the open incident, and nothing else, gets its declared share
        once that is acknowledged. What a rollback took away is not held back. Raises EndpointMissing.
        """
        slots, still = sorted(self._drain.replaced() & declared.serving), self._view_of_ledger().open
        if not slots or not still:
            return ""
        ids = ", ".join(one.id for one in still)
        first = "incident" if len(still) == 1 else "incidents"
        read = still[0].remedy if len(still) == 1 else "read them and acknowledge each with `tidewatch acknowledge`"
        return (
            f"Slot {', '.join(slots)} gets nothing while {first} {ids} {'is' if len(still) == 1 else 'are'} open: "
            f"{read}, and the next `pulumi up` brings the declared split."
        )

    def owes(self, acknowledged: str | None = None) -> bool:
        """Whether a drained slot waits for its share, and no open incident (but the acknowledged one) keeps it."""
        if not self._drain.owed():
            return False
        return not replace(self._view_of_ledger(), acknowledged=frozenset(filter(None, (acknowledged,)))).open

    def unfinished(self, config: str) -> bool:
        """Whether a deployment was begun that this configuration, declared for longer, has to end.

        It is another that was asked for last, whether it came about or not; or autoscaling is still off a slot.
        """
        return self.asked_for() not in (None, config) or self.owes_scaling()

    def settle_left(self) -> None:
        """One step on a drain that its writer left behind; for the sweep. Raises TrafficError."""
        self._drain.settle_left()

    def deploy(
        self,
        config: str,
        *,
        held: Mapping[str, Held],
        content: str,
        changed: frozenset[str],
        abort_alarm: str | None = None,
        instances: Mapping[str, int] | None = None,
        policy: DeploymentPolicy | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> DeploymentRecord:
        """Brings an endpoint configuration live, with weights and counts retained.

        `content` is the hash of what it declares: by it another one that declares the same is known to be no change.

        A first endpoint that ended Failed before it served is made again on this configuration, with `tags`.

        Drains the slots in `changed` and those that go, waits, and compares. Over an open incident it ends on the split
        from before the drain, else on the drained one: the declared split follows by `settle_after_deployment`. A
        deployment that fails undoes its drain. `instances` are the counts of slots that join. Raises SilentRollback,
        NoCapacity, DeploymentFailed, Refused (nobody can take the drained traffic), IncidentOpen (a rollback is under
        way), EndpointMissing, EndpointBusy, EndpointUnusable.
        """
        # One life from the first wait on: an endpoint that is made again takes as long as any deployment.
        with self.writer.life.lived():
            Beginning(self.clients.sagemaker, self.writer).ensure(config, held, tags or {})
            self.observe()
            return Fleet(self.clients, self.writer, self._drain).deploy(
                config,
                held=held,
                content=content,
                changed=changed,
                abort_alarm=abort_alarm,
                instances=instances or {},
                policy=policy or DeploymentPolicy(),
            )

    def owes_scaling(self) -> bool:
        """Whether a deployment took automatic scaling off a slot and died before it put it back."""
        return Fleet(self.clients, self.writer, self._drain).owes_scaling

    def set_capacity(self, slot: str, instances: int) -> None:
        """Sets a slot's instance count and waits until it has them.

        Raises NoTarget, EndpointMissing, EndpointBusy, EndpointUnusable, NoCapacity.
        """
        backoff = self.writer.backoff()
        while True:
            state = self.writer.settled()
            refuse_unusable(state)
            if slot not in state.slots:
                raise NoTarget(f"Slot {slot} is not on the endpoint {state.name}; deploy it first.")
            if state.slots[slot].desired_instances == instances:
                return
            try:
                self.platform.set_capacity(slot, instances)
                break
            except EndpointBusy:
                if not backoff.wait():
                    raise
        reached = self.writer.settled()
        refuse_unusable(reached)
        if reached.slots[slot].instances != instances:
            reason = f" ({reached.failure_reason})" if reached.failure_reason else ""
            have = reached.slots[slot].instances
            raise NoCapacity(
                f"Slot {slot} of {reached.name} has {have} instances, not {instances}{reason}: "
                "AWS may have none to give: try again later or ask for fewer."
            )

    def observe(self) -> Incident | None:
        """Records a live split that no entry explains; the incident it opened, or None. Raises EndpointMissing."""
        entry = observing.observe(
            self.platform, self.ledger, self.clock, self.place.key, self.place.endpoint, self._will_be_answered
        )
        if entry is None or entry.kind != "observed" or not entry.incident:
            return None
        return next(iter(incidents([entry])))

    def _with_unannounced(self, view: View) -> View:
        """The view with what the next sweep will write down: an endpoint that the ledger knows was changed by hand."""
        state, resource = view.state, self.place.endpoint
        if state is None or not state.in_service or state.split is None or replay(view.entries, resource) is None:
            return view
        found = observing.explanation(
            view.entries, state, state.split, self.clock.now(), self.place.key, resource, self._will_be_answered
        )
        return replace(view, entries=(*view.entries, found)) if found else view

    def _will_be_answered(self, intent: Entry) -> bool:
        """Whether who wrote this intent still sees to it: a writer that lives, or the rollback that is driven."""
        if intent.writer:
            return self.writer.life.others(intent.writer)
        head = self.control.head() if intent.incident else None
        return head is not None and head.driven and head.incident == intent.incident

    def _alarmed(self) -> frozenset[str]:
        return in_alarm(self.clients.cloudwatch, self.guardrails.values())

    def _view_of_ledger(self) -> View:
        head = self.control.head()
        return View(self.ledger.entries(), head, None)

    def _view(self, acknowledged: frozenset[str] = frozenset()) -> View:
        head = self.control.head()
        try:
            state = self.platform.state()
        except EndpointMissing:
            state = None
        entries = self.ledger.entries()
        if state is not None and never_served(state, entries):
            state = None
        return View(entries, head, state, acknowledged)


def _as_live(held: Mapping[str, Held], live_held: Mapping[str, Held]) -> dict[str, Held]:
    """What the slots hold live, with the floors that are declared; what is declared where nobody knows."""
    return {slot: replace(live_held.get(slot, one), floor=one.floor) for slot, one in held.items()}


def _deploys(config: str | None, held: Mapping[str, Held], live_held: Mapping[str, Held]) -> bool:
    """Whether a declaration whose configuration is not live deploys one; without a name, by what the slots hold."""
    if config is not None:
        return True
    same = held.keys() == live_held.keys() and all(held[slot].same_declared(live_held[slot]) for slot in held)
    return bool(live_held) and not same
