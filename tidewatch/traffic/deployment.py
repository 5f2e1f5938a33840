"""The fleet: bringing another endpoint configuration live without touching the traffic, and knowing whether it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tidewatch.items import described
from tidewatch.traffic import gate
from tidewatch.traffic.alarms import fired_since
from tidewatch.traffic.drain import Drain
from tidewatch.traffic.errors import (
    DeploymentFailed,
    EndpointBusy,
    IncidentOpen,
    NoCapacity,
    Refused,
    SilentRollback,
    TrafficError,
)
from tidewatch.traffic.incidents import latched_by
from tidewatch.traffic.ledger import Entry, replay
from tidewatch.traffic.sagemaker import capacity_sentence, is_capacity, translated
from tidewatch.traffic.scaling import Scaling
from tidewatch.traffic.values import Clients, DeploymentPolicy, DeploymentRecord, EndpointState, Held
from tidewatch.traffic.writer import UNUSABLE, Writer, refuse_unusable

if TYPE_CHECKING:
    from mypy_boto3_sagemaker.type_defs import UpdateEndpointInputTypeDef


@dataclass(frozen=True)
class Fleet:
    """Deploys configurations to one endpoint."""

    clients: Clients
    writer: Writer
    drain: Drain

    def deploy(
        self,
        config: str,
        *,
        held: Mapping[str, Held],
        content: str,
        changed: frozenset[str],
        abort_alarm: str | None,
        instances: Mapping[str, int],
        policy: DeploymentPolicy,
    ) -> DeploymentRecord:
        """See `TrafficController.deploy`."""
        self.writer.control.remember(config, held, content)
        return self._deployed(config, held, changed, abort_alarm, instances, policy)

    def _deployed(
        self,
        config: str,
        held: Mapping[str, Held],
        changed: frozenset[str],
        abort_alarm: str | None,
        instances: Mapping[str, int],
        policy: DeploymentPolicy,
    ) -> DeploymentRecord:
        started = self.writer.clock.now()
        state = self._ready()
        before = self.drain.before(state.split)
        scaling = self._scaling()
        reasons: tuple[str, ...] = ()
        was = state.config
        if state.config == config:
            self.writer.control.remember_asked(state.name, config, self.writer.life.name)
        else:
            changed = self._replaced(was, held, changed)
            gone = frozenset(state.slots) - held.keys()
            refuse_driven(self.writer.view())
            self._refuse_new_traffic(config, state, held)
            self.drain.take_over(config)
            self.drain.empty((changed & state.slots.keys()) | gone, held, config)
            guarded = held.keys() == state.slots.keys()
            alarms = tuple(filter(None, (abort_alarm, *policy.alarms))) if guarded else ()
            if scaling:
                scaling.suspend(gone | self._retyped(state, config))
            try:
                self._update(config, was, policy, alarms, guarded)
                reasons = self._finish(config, was, alarms, started)
            except TrafficError as failure:
                left = self._give_up(scaling, held)
                if not left:
                    raise
                raise type(failure)(" ".join((str(failure), *left))) from failure
        notes = scaling.resume(held, forget_others=True) if scaling else ()
        self._counts(state, instances)
        self._record(config, was)
        if self.writer.view().open:
            self.drain.undo(held)
        after = self.writer.platform.state().split
        seconds = (self.writer.clock.now() - started).total_seconds()
        return DeploymentRecord(config, was != config, before, after, seconds, reasons, notes)

    def _ready(self) -> EndpointState:
        """The endpoint once nothing is in progress; a deployment of this very configuration is waited for like any."""
        state = self.writer.settled()
        refuse_unusable_for_update(state)
        return state

    def _replaced(self, was: str, held: Mapping[str, Held], otherwise: frozenset[str]) -> frozenset[str]:
        """The slots that would hold another model than is live: what was declared last may never have come about.

        And those that are run in another way and are latched: that is no way around a latch.

        `otherwise` is the answer where nobody wrote down what is live.
        """
        live = self.writer.control.held(was)
        if live is None:
            return otherwise
        edited = {slot for slot in held.keys() & live.keys() if not held[slot].same_declared(live[slot])}
        latched = self.writer.view().latches
        return frozenset(
            slot for slot in edited if not held[slot].same_model(live[slot]) or latched_by(slot, held[slot], latched)
        )

    def _refuse_new_traffic(self, config: str, state: EndpointState, held: Mapping[str, Held]) -> None:
        """A slot that joins brings its weight from the configuration: it must not serve what a rollback took away."""
        weights = {name: float(one.get("InitialVariantWeight", 1.0)) for name, one in self._variants(config).items()}
        joining = frozenset(slot for slot, weight in weights.items() if slot not in state.slots and weight > 0)
        refuse_joining(self.writer.view(), state, joining, held)

    def _retyped(self, state: EndpointState, config: str) -> frozenset[str]:
        new, old = self._variants(config), self._variants(state.config)
        return frozenset(
            slot for slot in new.keys() & old.keys() if new[slot].get("InstanceType") != old[slot].get("InstanceType")
        )

    def _variants(self, config: str) -> dict[str, Mapping[str, Any]]:
        try:
            found = self.clients.sagemaker.describe_endpoint_config(EndpointConfigName=config)
        except Exception as error:
            raise translated(error, self.writer.place.endpoint) from error
        return {one["VariantName"]: dict(one) for one in found["ProductionVariants"]}

    def _update(self, config: str, was: str, policy: DeploymentPolicy, alarms: tuple[str, ...], guarded: bool) -> None:
        """UpdateEndpoint, under the lease: a rollback that is under way must find the endpoint free.

        What is asked for is written down before it is: whoever dies in between leaves a deployment that is not live.
        After an error that is no refusal it may have been accepted.
        """
        control, endpoint = self.writer.control, self.writer.place.endpoint
        before = control.asked(endpoint) or was
        request: UpdateEndpointInputTypeDef = {
            "EndpointName": endpoint,
            "EndpointConfigName": config,
            "RetainAllVariantProperties": True,
        }
        if guarded:
            request["DeploymentConfig"] = deployment_config(policy, alarms)
        backoff = self.writer.backoff()
        while True:
            try:
                with control.traffic_lease():
                    refuse_driven(self.writer.view())
                    control.remember_asked(endpoint, config, self.writer.life.name)
                    self.clients.sagemaker.update_endpoint(**request)
                    return
            except TrafficError:
                raise
            except Exception as error:
                problem = translated(error, endpoint)
                if isinstance(problem, TrafficError):
                    self._take_back(config, before)
                if not isinstance(problem, EndpointBusy) or not backoff.wait():
                    raise problem from error

    def _take_back(self, config: str, before: str) -> None:
        """What was refused was not asked for, unless the call that is answered repeats one that was accepted."""
        state = self.writer.platform.state()
        if config not in (state.config, state.deploying):
            self.writer.control.remember_asked(state.name, before, self.writer.life.name)

    def _finish(self, config: str, was: str, alarms: tuple[str, ...], started: datetime) -> tuple[str, ...]:
        """Waits for the deployment's end and raises where another configuration is live; the FailureReasons seen."""
        reasons: dict[str, None] = {}
        backoff = self.writer.backoff()
        while True:
            state = self.writer.platform.state()
            if state.failure_reason:
                reasons[state.failure_reason] = None
            if state.in_service or state.status in UNUSABLE:
                break
            if not backoff.wait():
                raise EndpointBusy(
                    f"The deployment of {config} to {state.name} is still {state.status} after "
                    f"{self.writer.wait_seconds:g} s. It goes on without us; run `pulumi up` again when it has ended."
                )
        if state.in_service and state.config == config:
            return tuple(reasons)
        raise self._failure(config, was, state, tuple(reasons), alarms, started)

    def _failure(
        self,
        config: str,
        was: str,
        state: EndpointState,
        reasons: tuple[str, ...],
        alarms: tuple[str, ...],
        started: datetime,
    ) -> DeploymentFailed:
        said = "; ".join(reasons) or "SageMaker gave no reason"
        if state.in_service and any(is_capacity(reason) for reason in reasons):
            return NoCapacity(f"{capacity_sentence(state.name, said)} It is on {state.config}, not on {config}.")
        fired = fired_since(self.clients.cloudwatch, alarms, started, self.writer.clock.now())
        if not state.in_service:
            return DeploymentFailed(
                f"The deployment of {config} left the endpoint {state.name} {state.status} (it was on {was}): {said}; "
                f"{fired}. Follow the runbook; a rollback of traffic cannot help here."
            )
        return SilentRollback(
            f"SageMaker rolled the deployment of {config} back by itself: the endpoint {state.name} is InService on "
            f"{state.config}, not on {config}. Reason: {said}; {fired}. Mend the model or its "
            "container and deploy again."
        )

    def _give_up(self, scaling: Scaling | None, held: Mapping[str, Held]) -> tuple[str, ...]:
        """After a deployment that failed: autoscaling and the traffic as they were, where the endpoint takes it.

        What did not come back, as sentences: the failure itself is what its reader has to know first. Both stay
        written down for the next deployment.
        """
        try:
            state = self.writer.platform.state()
        except Exception as error:
            return (f"How {self.writer.place.endpoint} stands now could not be read ({described(error)}).",)
        return (*self._scaled_again(scaling, state), *self._undrained(state, held))

    def _scaled_again(self, scaling: Scaling | None, state: EndpointState) -> tuple[str, ...]:
        try:
            return scaling.resume(state.slots) if scaling else ()
        except Exception as error:
            return (f"Automatic scaling could not be put back ({described(error)}): the next `pulumi up` does it.",)

    def _undrained(self, state: EndpointState, held: Mapping[str, Held]) -> tuple[str, ...]:
        try:
            if state.in_service:
                self.drain.undo(self.writer.control.held(state.config) or held)
        except Exception as error:
            said = str(error) if isinstance(error, TrafficError) else described(error)
            return (f"The split from before could not be brought back: {said}",)
        return ()

    def _counts(self, before: EndpointState, instances: Mapping[str, int]) -> None:
        """A slot that joined has the count of its configuration, which may be an old one."""
        state = self.writer.platform.state()
        for slot in sorted(state.slots.keys() & instances.keys() - before.slots.keys()):
            if state.slots[slot].desired_instances != instances[slot]:
                self.writer.platform.set_capacity(slot, instances[slot])
                refuse_unusable(self.writer.settled())

    def _record(self, config: str, was: str) -> None:
        """Another set of slots is another split; so is the first one that this ledger sees."""
        writer = self.writer

        def compose(entries: tuple[Entry, ...]) -> Entry | None:
            live = writer.platform.state().split
            known = replay(entries, writer.place.endpoint)
            joined = known is not None and live is not None and bool(live.serving - known.shares.keys())
            if live is None or live.close_to(known) or (known is not None and not joined):
                return None
            why = (
                f"The endpoint's first split, on {config}."
                if known is None
                else f"The deployment of {config} after {was}."
            )
            return Entry("outcome", "pulumi", writer.clock.now(), why, before=known, after=live, config=config)

        writer.ledger.append(compose)

    @property
    def owes_scaling(self) -> bool:
        """Whether a deployment took automatic scaling off a slot and did not come to put it back."""
        scaling = self._scaling()
        return scaling is not None and scaling.off

    def _scaling(self) -> Scaling | None:
        autoscaling, writer = self.clients.autoscaling, self.writer
        if autoscaling is None:
            return None
        return Scaling(autoscaling, self.clients.cloudwatch, writer.control, writer.place.endpoint, writer.clock)


def refuse_driven(view: gate.View) -> None:
    """Raises IncidentOpen while a rollback is on its way: a deployment would keep the endpoint from it."""
    if (head := view.driven) and head.state in ("pending", "flipping", "blocked"):
        raise IncidentOpen(
            f"The rollback of incident {head.incident} is {head.state}: deploy when it is done "
            f"(`tidewatch status`), or end it with `tidewatch acknowledge {head.incident}`."
        )


def refuse_joining(view: gate.View, state: EndpointState, slots: frozenset[str], held: Mapping[str, Held]) -> None:
    """Raises where one of these slots would join the endpoint with traffic that it must not have."""
    gate.refuse_latched(view, slots, held)
    if slots:
        gate.refuse_open(view)
    if slots and state.serving:
        raise Refused(
            f"Slot {', '.join(sorted(slots))} would join {state.name} with traffic before its share is set. "
            "Let it join first, then move `tidewatch:rollbackTo` in an `up` of its own."
        )


def refuse_unusable_for_update(state: EndpointState) -> None:
    """A new configuration mends a failed update, but nothing that is gone or never started."""
    if state.status != "UpdateRollbackFailed":
        refuse_unusable(state)


def deployment_config(policy: DeploymentPolicy, alarms: tuple[str, ...]) -> Any:
    """The DeploymentConfig of UpdateEndpoint."""
    routing: dict[str, Any] = {"Type": policy.type, "WaitIntervalInSeconds": policy.wait_seconds}
    size = {"Type": "CAPACITY_PERCENT", "Value": policy.size_percent or 10}
    if policy.type == "CANARY":
        routing["CanarySize"] = size
    if policy.type == "LINEAR":
        routing["LinearStepSize"] = size
    update = {"TrafficRoutingConfiguration": routing, "TerminationWaitInSeconds": policy.termination_wait_seconds}
    config: dict[str, Any] = {"BlueGreenUpdatePolicy": update}
    if alarms:
        config["AutoRollbackConfiguration"] = {"Alarms": [{"AlarmName": name} for name in alarms]}
    return config
