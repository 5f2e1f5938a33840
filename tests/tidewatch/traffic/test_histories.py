"""Random histories of an endpoint: whatever people, alarms and the platform do, some things never happen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simulator.aws import in_process, local_control
from tests.tidewatch.traffic.account import Flights, flights, held
from tidewatch.traffic import DeploymentFailed, Entry, Held, Place, Refused, Split, TrafficError
from tidewatch.traffic.incidents import latches

SLOTS = ("blue", "green")
ARTIFACTS = ("a", "b", "c")
WEIGHTS = ((100, 0), (95, 5), (50, 50), (20, 80), (0, 100))


@dataclass
class Stack:
    """What Pulumi keeps of the resources: what was declared when each last succeeded."""

    split: Split | None = None
    holds: dict[str, Held] = field(default_factory=dict)
    acknowledged: str = ""


class History:
    """One endpoint, the stack config its people edit, and the rule by which `up` works."""

    def __init__(self, account: Flights) -> None:
        self.account = account
        self.versions = count(10)
        account.create()
        self.declared: tuple[int, int] = (100, 0)
        self.contents = dict(account.holds)
        self.acknowledged = ""
        self.stack = Stack(Split.of({"blue": 100, "green": 0}), dict(account.holds))
        self.audited = 0

    def edit_split(self, weights: tuple[int, int]) -> None:
        self.declared = weights

    def edit_version(self, slot: str, artifact: str) -> None:
        """A version of its own each time: the same artifact again is a republished one."""
        self.contents[slot] = held(f"v{next(self.versions)}", artifact=artifact)

    def edit_acknowledged(self) -> None:
        opened = self.account.controller().incidents()
        if opened:
            self.acknowledged = opened[0].id

    def up(self) -> None:
        """Gate, then the fleet if the models changed, then the traffic if the split or the fleet changed."""
        declared = Split.of(dict(zip(SLOTS, self.declared, strict=True)))
        stack, account = self.stack, self.account
        moved = stack.split is None or not declared.close_to(stack.split)
        changed = {slot for slot in SLOTS if not self.contents[slot].same_model(stack.holds.get(slot))}
        before = account.controller().split
        try:
            if moved:
                account.controller().observe()
            account.controller().refuse_unless_allowed(
                declared=declared,
                previously=stack.split,
                held=self.contents,
                acknowledged=self.acknowledged or None,
                champion="blue",
            )
            if self.acknowledged and self.acknowledged != stack.acknowledged:
                account.controller().acknowledge(self.acknowledged, "pulumi")
                stack.acknowledged = self.acknowledged
            if changed:
                config = account.make_config({"blue": 1.0, "green": 0.0})
                account.controller().deploy(config, held=self.contents, changed=frozenset(changed), abort_alarm="abort")
                stack.holds = account.holds = dict(self.contents)
                account.controller().settle_after_deployment(declared, self.contents)
            elif moved:
                account.controller().apply(declared, who="pulumi", why="declared", held=self.contents)
            stack.split = declared
        except (Refused, DeploymentFailed, TrafficError):
            pass
        else:
            if not moved and not changed:
                assert account.controller().split == before
        self.raised_nothing_latched()

    def declare(self, weights: tuple[int, int]) -> None:
        self.edit_split(weights)
        self.up()

    def publish(self, slot: str, artifact: str) -> None:
        self.edit_version(slot, artifact)
        self.up()

    def acknowledge(self) -> None:
        self.edit_acknowledged()
        self.up()

    def go_back(self) -> None:
        """A canary that is rolled back, its incident still open."""
        self.declare((50, 50))
        self.account.roll_back()

    def republish(self, slot: str) -> None:
        """What was rolled back, as a new version."""
        latched = [latch.artifact for latch in self.account.controller().latches() if latch.artifact]
        self.publish(slot, latched[-1] if latched else "a")

    def twins(self) -> None:
        """Both slots hold the same artifact, and the canary is rolled back."""
        self.publish("green", self.contents["blue"].artifact)
        self.go_back()

    def roll_back(self, wait: int) -> None:
        alarm = wait % 2
        self.account.roll_back(self.account.alarm() if alarm else None, wait=wait)

    def sweep(self) -> None:
        self.account.clock.advance(60)
        self.account.sweep()

    def flip_behind(self, weights: tuple[int, int]) -> None:
        if self.account.status() == "InService":
            self.account.ask_weights(blue=weights[0], green=weights[1])

    def busy(self, seconds: int) -> None:
        if self.account.status() == "InService":
            endpoint = self.account.place.endpoint
            self.account.control.inject("status", endpoint=endpoint, status="SystemUpdating", seconds=seconds)

    def take_back(self) -> None:
        self.account.control.inject("change_rolls_back", endpoint=self.account.place.endpoint, reason="internal")

    def fail_deployment(self) -> None:
        self.account.control.inject("deployment_fails", endpoint=self.account.place.endpoint, reason="unhealthy")

    def quieten(self) -> None:
        """Lets everything end, and is swept meanwhile."""
        self.account.control.clear()
        for seconds in (400, 60, 60, 60, 1000, 60):
            self.account.clock.advance(seconds)
            self.account.sweep()

    def raised_nothing_latched(self) -> None:
        """No `up` (nor its drain) sends more traffic to what is latched, nor a declared split over an open incident."""
        entries = self.account.controller().entries()
        held_now = self.account.controller().held()
        for entry in entries[self.audited :]:
            if entry.kind != "intent" or entry.who not in ("pulumi", "drain"):
                continue
            past = entries[: entry.sequence - 1]
            opened = open_before(past)
            assert entry.who == "drain" or not opened, (entry, opened)
            assert entry.after is not None
            for slot in entry.after.serving:
                was = entry.before.share(slot) if entry.before else 0.0
                if entry.after.share(slot) > was + 1e-4:
                    assert not any(latch.holds(slot, held_now.get(slot)) for latch in latches(past)), (slot, entry)
        self.audited = len(entries)

    def always(self) -> None:
        controller = self.account.controller()
        state = controller.state()
        assert state.split is not None
        assert all(state.slots[slot].instances > 0 for slot in state.split.serving)
        blue = controller.held().get("blue")
        assert not any(latch.holds("blue", blue, state.config) for latch in controller.latches())

    def told(self) -> None:
        """The ledger's outcomes and observations replay to the live split."""
        assert self.account.status() == "InService"
        live = self.account.controller().split
        assert live is not None
        assert live.close_to(self.account.told()), [entry.to_json() for entry in self.account.controller().entries()]


def open_before(entries: tuple[Entry, ...]) -> set[str]:
    opened = {entry.incident for entry in entries if entry.incident and entry.kind in ("incident", "observed")}
    return opened - {entry.incident for entry in entries if entry.kind == "acknowledgement"}


def action(name: str, *arguments: st.SearchStrategy[Any]) -> st.SearchStrategy[Callable[[History], None]]:
    return st.tuples(*arguments).map(lambda given: Step(name, given))


@dataclass(frozen=True)
class Step:
    """One thing that happens; printed as a call."""

    name: str
    given: tuple[Any, ...]

    def __call__(self, history: History) -> None:
        getattr(history, self.name)(*self.given)


SPLITS = st.sampled_from(WEIGHTS)
CONTENT = (st.sampled_from(SLOTS), st.sampled_from(ARTIFACTS))
STEPS = st.one_of(
    action("declare", SPLITS),
    action("publish", *CONTENT),
    action("go_back"),
    action("republish", st.sampled_from(SLOTS)),
    action("twins"),
    action("roll_back", st.sampled_from((0, 1, 50, 55))),
    action("flip_behind", SPLITS),
    action("sweep"),
    action("acknowledge"),
    action("up"),
    action("edit_split", SPLITS),
    action("edit_version", *CONTENT),
    action("busy", st.sampled_from((30, 300))),
    action("take_back"),
    action("fail_deployment"),
)


@pytest.fixture(scope="module")
def shared() -> Iterator[Callable[[], Flights]]:
    """Endpoints of their own in one simulated account."""
    with pytest.MonkeyPatch.context() as patch, in_process() as clock:
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        account = flights(clock, local_control())
        numbers = count()

        def another() -> Flights:
            number = next(numbers)
            account.control.clear()
            place = Place(f"m{number}", f"m{number}-4b53caf", "ledger", "control")
            return Flights(account.clock, account.control, account.clients, place)

        yield another


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=st.lists(STEPS, min_size=4, max_size=10))
def test_no_history_leads_to_what_must_never_happen(shared: Callable[[], Flights], steps: list[Step]) -> None:
    history = History(shared())
    for step in steps:
        step(history)
        history.always()
    history.quieten()
    history.always()
    history.told()
    history.up()
    history.always()
    history.told()
