"""Random histories of an endpoint: whatever people, alarms and the platform do, some things never happen."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import count
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from components.sagemaker.provider import ProviderError
from rehearsal.aws import create_local_control, simulate_aws
from tests.tidewatch.traffic.account import Flights, build_model, flights
from tests.tidewatch.traffic.interruptions import Fuse, Killed, mortal
from tests.tidewatch.traffic.resources import Refusal, adopt_endpoint, cause, providers_of
from tidewatch import clock as clocks
from tidewatch.content_hash import compute_content_hash
from tidewatch.traffic import (
    ChangeRefused,
    EndpointMissing,
    EndpointUnusable,
    InvalidSplit,
    LedgerEntry,
    ResourceNames,
    UnknownIncident,
)
from tidewatch.traffic.incident_replay import replay_quarantines

VARIANTS = ("blue", "green")
ARTIFACTS = ("a", "b", "c")
REFUSALS = (Refusal, ChangeRefused, UnknownIncident, InvalidSplit, EndpointMissing, EndpointUnusable)
"""What a preview has to say, apart from what the platform does: take a change back, fail a deployment, be busy."""
WEIGHTS = ((100, 0), (95, 5), (50, 50), (20, 80), (0, 100))


class History:
    """One endpoint, the stack config its people edit, and the providers through which `up` works."""

    def __init__(self, account: Flights) -> None:
        self.account = account
        self.versions = count(10)
        self.clients = account.clients
        account.create()
        with providers_of(lambda: self.clients):
            self.pulumi = adopt_endpoint(account, {"blue": 100.0, "green": 0.0})
        self.config = self.pulumi.config
        self.config.guardrails = {"green": f"{account.resource_names.endpoint}-guardrail"}
        self.guardrail("OK")
        self.whole = copy.deepcopy(self.config)
        self.unsettled = False
        """Whether a killed `up` left something that the next one has to finish."""
        self.audited = 0

    def edit_split(self, weights: tuple[int, int]) -> None:
        shares: dict[str, float] = dict(zip(VARIANTS, map(float, weights), strict=True))
        self.config.weights = {variant: shares[variant] for variant in self.config.weights}
        if not any(self.config.weights.values()):
            self.config.weights["blue"] = 100.0

    def edit_version(self, variant: str, artifact: str) -> None:
        """A version of its own each time: the same artifact again is a republished one."""
        self.config.holds[variant] = build_model(f"v{next(self.versions)}", artifact=artifact)

    def edit_environment(self, variant: str, value: int) -> None:
        """The same model, run in another way."""
        one = self.config.holds[variant]
        self.config.holds[variant] = replace(one, content=compute_content_hash([one.version, one.artifact, value]))

    def edit_count(self, variant: str, instances: int) -> None:
        self.config.counts[variant] = instances

    def edit_variants(self, both: bool) -> None:
        """Green leaves the config, or joins it without traffic."""
        weights = {variant: self.config.weights.get(variant, 0.0) for variant in (VARIANTS if both else VARIANTS[:1])}
        self.config.weights = weights if any(weights.values()) else {**weights, "blue": 100.0}

    def edit_acknowledged(self) -> None:
        opened = self.account.controller().open_incidents()
        if opened:
            self.config.acknowledged = opened[0].id

    def edit_acknowledged_wrongly(self) -> None:
        self.config.acknowledged = "flights-20260101-000000-abcdef"

    def revert(self) -> None:
        """The edits are taken back: what is declared is what the last `up` that was whole brought about."""
        self.config = self.pulumi.config = replace(copy.deepcopy(self.whole), acknowledged=self.config.acknowledged)

    def up(self, *targets: str) -> None:
        """A preview, and at once an `up`: what the one accepts, the other does not refuse.

        That goes for an endpoint at rest. What is under way when the preview looks is not known before it has ended.
        """
        before, calm = self.account.controller().split, self.account.status() == "InService"
        refused = self.refusal(self.pulumi.preview)
        failed = self.refusal(lambda: self.pulumi.up(*targets))
        if calm and refused is None:
            assert not isinstance(failed, REFUSALS), (targets, failed, self.config)
        if refused is None and failed is None and not targets:
            untouched = self.config == self.whole
            self.whole = copy.deepcopy(self.config)
            self.account.holds = {variant: self.config.holds[variant] for variant in self.config.weights}
            if untouched and calm and not self.unsettled:
                assert self.account.controller().split == before
            self.unsettled = False
        self.raised_nothing_quarantined()

    def refusal(self, command: Callable[[], None]) -> BaseException | None:
        with providers_of(lambda: self.clients):
            try:
                command()
            except (Refusal, ProviderError) as error:
                return cause(error)
        return None

    def up_of(self, targets: tuple[str, ...]) -> None:
        self.up(*targets)

    def killed_up(self, call: int) -> None:
        """An `up` that is killed after a call that changed something."""
        self.clients = mortal(self.account.clients, Fuse(call))
        try:
            self.refusal(self.pulumi.up)
        except Killed:
            self.unsettled = True
        finally:
            self.clients = self.account.clients
        self.raised_nothing_quarantined()

    def declare_split(self, weights: tuple[int, int]) -> None:
        self.edit_split(weights)
        self.up()

    def publish(self, variant: str, artifact: str) -> None:
        self.edit_version(variant, artifact)
        self.up()

    def run_otherwise(self, variant: str, value: int) -> None:
        self.edit_environment(variant, value)
        self.up()

    def acknowledge(self) -> None:
        self.edit_acknowledged()
        self.up()

    def go_back(self) -> None:
        """A canary that is rolled back, its incident still open."""
        self.declare_split((50, 50))
        self.account.roll_back()

    def republish(self, variant: str) -> None:
        """What was rolled back, as a new version."""
        quarantined = [
            quarantine.artifact for quarantine in self.account.controller().quarantines() if quarantine.artifact
        ]
        self.publish(variant, quarantined[-1] if quarantined else "a")

    def twins(self) -> None:
        """Both variants hold the same artifact, and the canary is rolled back."""
        self.publish("green", self.config.holds["blue"].artifact)
        self.go_back()

    def guardrail(self, state: str) -> None:
        """The alarm on green fires, or is calm again."""
        self.account.put_alarm(self.config.guardrails["green"], state)

    def refresh(self) -> None:
        with providers_of(lambda: self.clients):
            self.pulumi.refresh()

    def hold_back(self, artifact: str) -> None:
        """Another model over a flip that nobody announced."""
        self.flip_behind((35, 65))
        self.sweep()
        self.publish("green", artifact)

    def roll_back(self, wait: int) -> None:
        alarm = wait % 2
        self.account.roll_back(self.account.alarm() if alarm else None, wait=wait)

    def sweep(self) -> None:
        self.account.clock.advance(60)
        self.account.sweep()

    def flip_behind(self, weights: tuple[int, int]) -> None:
        """Somebody moves the weights past everybody, where there are two variants to move them between."""
        if self.account.status() == "InService" and set(VARIANTS) <= set(self.account.controller().state().variants):
            self.account.ask_weights(blue=weights[0], green=weights[1])

    def busy(self, seconds: int) -> None:
        if self.account.status() == "InService":
            endpoint = self.account.resource_names.endpoint
            self.account.control.inject("status", endpoint=endpoint, status="SystemUpdating", seconds=seconds)

    def take_back(self) -> None:
        self.account.control.inject(
            "change_rolls_back", endpoint=self.account.resource_names.endpoint, reason="internal"
        )

    def fail_deployment(self) -> None:
        self.account.control.inject(
            "deployment_fails", endpoint=self.account.resource_names.endpoint, reason="unhealthy"
        )

    def quieten(self) -> None:
        """Lets everything end, and is swept meanwhile."""
        self.account.control.clear()
        for seconds in (400, 60, 60, 60, 1000, 60):
            self.account.clock.advance(seconds)
            self.account.sweep()

    def raised_nothing_quarantined(self) -> None:
        """No `up` (nor its drain) sends more traffic to what is quarantined, nor a declared split over an open
        incident."""
        entries = self.account.controller().entries()
        held_now = self.account.controller().live_models()
        for place, entry in enumerate(entries[self.audited :], start=self.audited):
            if entry.kind != "intent" or entry.who not in ("pulumi", "drain"):
                continue
            past = entries[:place]
            opened = open_before(past)
            assert entry.who == "drain" or not opened, (entry, opened)
            assert entry.after is not None
            for variant in entry.after.serving:
                was = entry.before.get_share(variant) if entry.before else 0.0
                if entry.after.get_share(variant) > was + 1e-4:
                    assert not any(
                        quarantine.is_blocking(variant, held_now.get(variant))
                        for quarantine in replay_quarantines(past)
                    ), (variant, entry)
        self.audited = len(entries)

    def always(self) -> None:
        controller = self.account.controller()
        state = controller.state()
        assert state.split is not None
        assert all(state.variants[variant].instances > 0 for variant in state.split.serving)
        blue = controller.live_models().get("blue")
        assert not any(quarantine.is_blocking("blue", blue, state.config) for quarantine in controller.quarantines())

    def check_ledger(self) -> None:
        """The ledger's outcomes and observations replay to the live split."""
        assert self.account.status() == "InService"
        live = self.account.controller().split
        assert live is not None
        assert live.is_close_to(self.account.replay_ledger()), [
            entry.to_json() for entry in self.account.controller().entries()
        ]


def open_before(entries: tuple[LedgerEntry, ...]) -> set[str]:
    opened = {entry.incident for entry in entries if entry.incident and entry.kind in ("incident", "out_of_band")}
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
CONTENT = (st.sampled_from(VARIANTS), st.sampled_from(ARTIFACTS))
SETTING = (st.sampled_from(VARIANTS), st.sampled_from((1, 2)))
STEPS = st.one_of(
    action("declare_split", SPLITS),
    action("publish", *CONTENT),
    action("go_back"),
    action("republish", st.sampled_from(VARIANTS)),
    action("twins"),
    action("guardrail", st.sampled_from(("ALARM", "OK"))),
    action("refresh"),
    action("hold_back", st.sampled_from(ARTIFACTS)),
    action("roll_back", st.sampled_from((0, 1, 50, 55))),
    action("flip_behind", SPLITS),
    action("sweep"),
    action("acknowledge"),
    action("up"),
    action("edit_split", SPLITS),
    action("edit_version", *CONTENT),
    action("edit_environment", *SETTING),
    action("run_otherwise", *SETTING),
    action("edit_count", st.sampled_from(VARIANTS), st.sampled_from((1, 2, 3))),
    action("edit_variants", st.booleans()),
    action("edit_acknowledged_wrongly"),
    action("revert"),
    action("up_of", st.sampled_from((("weights",), ("deployment",), ("gate",), ("deployment", "weights")))),
    action("killed_up", st.integers(1, 12)),
    action("busy", st.sampled_from((30, 300))),
    action("take_back"),
    action("fail_deployment"),
)


@pytest.fixture(scope="module")
def shared_account() -> Iterator[Callable[[], Flights]]:
    """Endpoints of their own in one simulated account."""
    with pytest.MonkeyPatch.context() as patch, simulate_aws() as clock:
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.setattr(clocks, "_installed", clock)
        account = flights(clock, create_local_control())
        numbers = count()

        def another() -> Flights:
            number = next(numbers)
            account.control.clear()
            place = ResourceNames(f"m{number}", f"m{number}-4b53caf", "ledger", "control")
            return Flights(account.clock, account.control, account.clients, place)

        yield another


@settings(max_examples=25, deadline=None, suppress_health_check=cast("list[HealthCheck]", list(HealthCheck)))
@given(steps=st.lists(STEPS, min_size=4, max_size=10))
def test_no_history_leads_to_what_must_never_happen(shared_account: Callable[[], Flights], steps: list[Step]) -> None:
    history = History(shared_account())
    for step in steps:
        step(history)
        history.always()
    history.quieten()
    history.always()
    history.check_ledger()
    history.up()
    history.always()
    history.check_ledger()
