"""The dynamic providers: what they compare, what they refuse, and what they leave alone."""

from __future__ import annotations

import base64
import contextlib
import traceback
from pathlib import Path
from typing import Any

import dill
import pytest
from botocore.exceptions import ClientError, NoCredentialsError
from hypothesis import given
from hypothesis import strategies as st
from pulumi.dynamic import ResourceProvider
from pulumi.dynamic.dynamic import serialize_provider
from pulumi.output import Unknown

from components.registry_parameter import RegistryParameterProvider
from components.sagemaker import capacity, deployment, endpoint_deletion, gate, provider, weights
from components.sagemaker.capacity import VariantCapacityProvider
from components.sagemaker.deployment import EndpointDeploymentProvider
from components.sagemaker.endpoint_deletion import EndpointEndProvider
from components.sagemaker.gate import GateProvider
from components.sagemaker.logs import EndpointLogsProvider
from components.sagemaker.provider import AwsProvider, ProviderError
from components.sagemaker.weights import VariantWeightsProvider
from rehearsal.simulated_clock import SharedClock
from rehearsal.simulator_process import SimulatorProcess
from tidewatch import clock
from tidewatch.traffic import ChangeRefused, EndpointMissing, EndpointState, EndpointStatus

PROVIDERS = [
    GateProvider,
    EndpointDeploymentProvider,
    VariantWeightsProvider,
    VariantCapacityProvider,
    EndpointLogsProvider,
    EndpointEndProvider,
]


def variant(version: str, floor: float = 1) -> dict[str, Any]:
    return {
        "version": version,
        "artifact": "a" + version,
        "image": "sha256:1",
        "content": "c" + version,
        "floor": floor,
    }


def inputs(**changes: Any) -> dict[str, Any]:
    return {
        "resource_names": {"key": "tidewatch/dev/flights", "endpoint": "flights-1", "ledger": "l", "control": "c"},
        "split": {"blue": 0.95, "green": 0.05},
        "variants": {"blue": variant("1"), "green": variant("2")},
        "champion": "blue",
        "guardrails": {},
        "config": "cfg-1",
        "configuration": "one",
        "content": "one",
        "physical_names": {"bucket": "flights-capture", "key": "k", "role-blue": "r"},
        "deployment": "cfg-1",
        "acknowledged": "",
        "instances": {"blue": 2.0, "green": 2.0},
        "abort_alarm": "abort",
        "name": "flights",
        "retire": False,
        "protect": False,
        "policy": {"type": "ALL_AT_ONCE", "size_percent": None, "wait_seconds": 0.0, "termination_wait_seconds": 0.0},
        **changes,
    }


class RecordedController:
    """A controller that says what it was asked."""

    def __init__(self, refusal: Exception | None = None) -> None:
        self.asked: list[str] = []
        self.refusal = refusal
        self.wish = "cfg-1"
        self.owed = False
        self.open = False
        self.off = False
        self.there = False
        self.whole = True
        self.owner = ""

    def require_update_allowed(self, **_: Any) -> None:
        self.asked.append("require_update_allowed")
        if self.refusal:
            raise self.refusal

    def detect_out_of_band(self) -> None:
        self.asked.append("detect_out_of_band")

    def acknowledge(self, incident: str, _who: str) -> None:
        self.asked.append(f"acknowledge {incident}")

    def requested_endpoint(self) -> str:
        return ""

    def is_deletion_owner(self, owner: str) -> bool:
        return self.owner in ("", owner)

    def is_config_complete(self, _config: str) -> bool:
        return self.whole

    def require_endpoint(self) -> None:
        return None

    def has_unfinished_deployment(self, config: str) -> bool:
        return self.wish != config or self.off

    def has_pending_drain(self, _acknowledged: str | None = None) -> bool:
        return self.owed and not self.open

    def state(self) -> Any:
        if not self.there:
            raise EndpointMissing("there is no endpoint flights-1")
        return EndpointState("flights-1", EndpointStatus("InService"), "cfg-1", {})


@pytest.fixture
def recorded_calls(monkeypatch: pytest.MonkeyPatch) -> RecordedController:
    one = RecordedController()
    monkeypatch.setattr(provider.TrafficProvider, "create_controller", lambda *_: one)
    return one


@pytest.mark.parametrize("kind", PROVIDERS)
def test_a_provider_is_pickled_by_reference_so_that_code_edits_are_no_change(kind: type[ResourceProvider]):
    code = base64.b64decode(serialize_provider(kind()))
    assert len(code) < 120
    assert isinstance(dill.loads(code), kind)
    assert not kind.serialize_as_secret_always


def test_module_paths_and_type_names_are_state_format():
    assert [f"{one.__module__}.{one.__qualname__}" for one in PROVIDERS] == [
        "components.sagemaker.gate.GateProvider",
        "components.sagemaker.deployment.EndpointDeploymentProvider",
        "components.sagemaker.weights.VariantWeightsProvider",
        "components.sagemaker.capacity.VariantCapacityProvider",
        "components.sagemaker.logs.EndpointLogsProvider",
        "components.sagemaker.endpoint_deletion.EndpointEndProvider",
    ]
    resources = [
        gate.Gate,
        deployment.EndpointDeployment,
        weights.VariantWeights,
        capacity.VariantCapacity,
        endpoint_deletion.EndpointEnd,
    ]
    assert [one._resource_type_name for one in resources] == [
        "dynamic/tidewatch:Gate",
        "dynamic/tidewatch:EndpointDeployment",
        "dynamic/tidewatch:VariantWeights",
        "dynamic/tidewatch:VariantCapacity",
        "dynamic/tidewatch:EndpointEnd",
    ]


@pytest.mark.parametrize("kind", [GateProvider, EndpointDeploymentProvider, VariantWeightsProvider])
def test_what_did_not_change_is_neither_asked_nor_changed(
    kind: type[provider.TrafficProvider], recorded_calls: RecordedController
):
    olds = {**inputs(), "live": {"blue": 1.0, "green": 0.0}, "in_sync": False, "live_config": "another"}
    assert kind().check(inputs(), inputs()).failures == []
    assert kind().diff("flights", olds, inputs()).changes is False
    assert recorded_calls.asked == []


def test_scaling_that_a_deployment_did_not_put_back_is_put_back_without_an_edit(recorded_calls: RecordedController):
    recorded_calls.off = recorded_calls.there = True
    assert EndpointDeploymentProvider().diff("flights", inputs(), inputs()).changes is True


@given(st.integers(1, 10_000), st.integers(0, 10_000))
def test_the_same_split_is_no_change_however_it_is_written(blue: int, green: int):
    shares = {"blue": blue / (blue + green), "green": green / (blue + green)}
    news = inputs(split={"blue": blue, "green": float(green)})
    assert provider.has_same_split(inputs(split=shares), news)


def test_floats_from_the_engine_are_the_ints_that_were_declared():
    news, olds = inputs(variants={"blue": variant("1", 2)}), inputs(variants={"blue": variant("1", 2.0)})
    assert GateProvider().diff("flights", olds, news).changes is False
    assert VariantCapacityProvider().diff("x", inputs(instances=2.0), inputs(instances=2)).changes is False
    assert VariantCapacityProvider().diff("x", inputs(instances=2.0), inputs(instances=3)).changes is True


@pytest.mark.parametrize("kind", [EndpointDeploymentProvider, VariantWeightsProvider, VariantCapacityProvider])
def test_another_endpoint_gets_all_that_the_old_one_was_given(
    kind: type[ResourceProvider], recorded_calls: RecordedController
):
    del recorded_calls
    one, other = inputs(instances=2), inputs(instances=2)
    other["resource_names"] = {**one["resource_names"], "endpoint": "flights-2"}
    assert kind().diff("flights", one, other).changes is True
    assert kind().diff("flights", other, other).changes is False


@pytest.mark.usefixtures("recorded_calls")
def test_weights_follow_the_declaration_and_the_deployment():
    diff = VariantWeightsProvider().diff
    assert diff("flights", inputs(), inputs(split={"blue": 0.9, "green": 0.1})).changes is True
    assert diff("flights", inputs(), inputs(deployment="cfg-2")).changes is True
    assert diff("flights", inputs(), inputs(deployment=Unknown())).changes is True
    assert diff("flights", inputs(), inputs(champion="green")).changes is False


@pytest.mark.usefixtures("recorded_calls")
def test_the_fleet_follows_its_configuration_alone():
    diff = EndpointDeploymentProvider().diff
    assert diff("flights", inputs(), inputs(config="cfg-2")).changes is True
    assert diff("flights", inputs(), inputs(config=Unknown())).changes is True
    assert diff("flights", inputs(), inputs(split={"blue": 1.0}, instances={"blue": 9})).changes is False


def test_a_wish_that_was_taken_back_ends_with_its_declaration_whether_it_came_about_or_not(
    recorded_calls: RecordedController,
):
    diff = EndpointDeploymentProvider().diff
    assert diff("flights", inputs(), inputs()).changes is False
    recorded_calls.wish = "cfg-2"
    assert diff("flights", inputs(), inputs()).changes is False, "without an endpoint"
    recorded_calls.there = True
    assert diff("flights", inputs(), inputs()).changes is True


def test_what_a_dead_deployment_drained_is_settled_whatever_is_declared(recorded_calls: RecordedController):
    diff = VariantWeightsProvider().diff
    assert diff("flights", inputs(), inputs()).changes is False
    recorded_calls.owed = True
    assert diff("flights", inputs(), inputs()).changes is True
    recorded_calls.open = True
    assert diff("flights", inputs(), inputs()).changes is False


def test_an_output_that_a_refresh_may_have_written_moves_no_traffic(recorded_calls: RecordedController):
    provider, olds = (
        VariantWeightsProvider(),
        inputs(withheld="Variant green gets no traffic while incident 7 is open."),
    )
    recorded_calls.open = False
    assert provider.diff("flights", olds, inputs()).changes is False
    assert provider.check(olds, inputs()).failures == []
    assert recorded_calls.asked == []


@pytest.mark.parametrize("kind", [GateProvider, EndpointDeploymentProvider, VariantWeightsProvider])
def test_without_a_state_the_endpoint_is_looked_at_too_and_a_check_writes_nothing(
    kind: type[provider.TrafficProvider], recorded_calls: RecordedController
):
    assert kind().check({}, inputs()).failures == []
    assert recorded_calls.asked == ["require_update_allowed"]


@pytest.mark.parametrize("kind", [GateProvider, EndpointDeploymentProvider, VariantWeightsProvider])
@pytest.mark.usefixtures("recorded_calls")
def test_tables_that_were_made_again_are_taken_into_the_state(kind: type[provider.TrafficProvider]):
    other = inputs(resource_names={**inputs()["resource_names"], "ledger": "l-2"})
    assert kind().diff("flights", inputs(), other).changes is True
    assert kind().diff("flights", other, other).changes is False


@pytest.mark.parametrize("kind", [GateProvider, EndpointDeploymentProvider, VariantWeightsProvider])
def test_a_refusal_is_one_sentence_without_a_property(
    kind: type[provider.TrafficProvider], recorded_calls: RecordedController
):
    recorded_calls.refusal = ChangeRefused("Incident 7 is open.")
    (failure,) = kind().check(inputs(), inputs(split={"blue": 0.5, "green": 0.5})).failures
    assert (failure.property, failure.reason) == ("", "Incident 7 is open.")


def test_the_gate_acknowledges_once(recorded_calls: RecordedController):
    GateProvider().update("flights", inputs(), inputs(acknowledged="7"))
    GateProvider().update("flights", inputs(acknowledged="7"), inputs(acknowledged="7", champion="green"))
    assert recorded_calls.asked == ["acknowledge 7", "require_update_allowed"]


def nothing(**changes: Any) -> dict[str, Any]:
    return inputs(**{"split": {}, "variants": {}, "champion": "", **changes})


def test_a_stack_that_serves_nothing_passes_the_gate_and_stays_as_it_is(recorded_calls: RecordedController):
    assert GateProvider().check({}, nothing()).failures == []
    assert GateProvider().create(nothing()).id == "tidewatch/dev/flights"
    assert GateProvider().check(nothing(), nothing()).failures == []
    assert GateProvider().diff("flights", nothing(), nothing()).changes is False
    assert recorded_calls.asked == []
    assert GateProvider().diff("flights", nothing(), inputs()).changes is True
    assert GateProvider().check(nothing(), inputs()).failures == []
    assert recorded_calls.asked == ["require_update_allowed"]


@pytest.mark.usefixtures("recorded_calls")
def test_variants_leave_a_stack_that_serves_only_where_it_is_retired():
    check, diff = GateProvider().check, GateProvider().diff
    (failure,) = check(inputs(), nothing()).failures
    assert failure.property == ""
    assert "Put the variants back, or set tidewatch:retire to true" in failure.reason
    assert check(inputs(), nothing(retire=True)).failures == []
    assert diff("flights", inputs(), nothing(retire=True)).changes is True
    assert check(nothing(retire=True), nothing()).failures == []


@pytest.mark.usefixtures("recorded_calls")
def test_a_protected_stack_is_retired_in_two_steps():
    check, diff = GateProvider().check, GateProvider().diff
    (failure,) = check(inputs(protect=True), nothing(protect=False, retire=True)).failures
    assert "set tidewatch:protect to false and run `pulumi up` first" in failure.reason
    assert diff("flights", inputs(protect=True), inputs()).changes is True
    assert check(inputs(protect=False), nothing(retire=True)).failures == []


@pytest.mark.parametrize("before", [inputs(), nothing()])
@pytest.mark.usefixtures("recorded_calls")
def test_another_name_for_the_model_is_refused_with_the_way_to_move(before: dict[str, Any]):
    (failure,) = GateProvider().check(before, {**before, "name": "trains", "retire": True}).failures
    assert failure.reason.startswith("This stack is that of flights: ")
    assert "create a separate stack for trains: run `pulumi stack init`" in failure.reason


@pytest.mark.parametrize("kind", [EndpointDeploymentProvider, VariantWeightsProvider, VariantCapacityProvider])
@pytest.mark.usefixtures("recorded_calls")
def test_a_refresh_without_an_endpoint_drops_the_resource(kind: type[provider.TrafficProvider]):
    found = kind().read("flights", {**inputs(), "variant": "blue"})
    assert (found.id, found.outs) == ("", {})


def test_names_that_a_preview_does_not_know_are_empty():
    props = inputs(
        resource_names={"key": "tidewatch/dev/flights", "endpoint": Unknown(), "ledger": Unknown(), "control": "c"}
    )
    place = provider.read_resource_names(props)
    assert (place.endpoint, place.ledger, place.control) == ("", "", "c")


def test_a_configuration_made_anew_that_declares_what_is_deployed_is_no_other(recorded_calls: RecordedController):
    check, olds, anew = EndpointDeploymentProvider().check, inputs(), inputs(config="cfg-3")
    assert check(olds, anew).inputs["config"] == "cfg-1"
    for other in (
        {"configuration": "two", "content": "two"},
        {"physical_names": {**olds["physical_names"], "role-blue": "another"}},
        {"resource_names": {**olds["resource_names"], "endpoint": "flights-2"}},
    ):
        assert check(olds, {**anew, **other}).inputs["config"] == "cfg-3"
    recorded_calls.whole = False
    assert check(olds, anew).inputs["config"] == "cfg-3"


def test_an_end_that_something_else_owns_is_owned_again(recorded_calls: RecordedController):
    diff = EndpointEndProvider().diff
    assert diff("one", inputs(), inputs()).changes is False
    recorded_calls.owner = "two"
    assert diff("one", inputs(), inputs()).changes is True
    assert diff("two", inputs(), inputs()).changes is False


@pytest.mark.usefixtures("recorded_calls")
def test_a_configuration_that_is_not_made_of_what_is_declared_is_not_deployed():
    (failure,) = EndpointDeploymentProvider().check(inputs(), inputs(configuration="two")).failures
    assert failure.reason.endswith("run `pulumi up` without --target.")
    unknown = inputs(configuration="two", content=Unknown(), config=Unknown())
    assert EndpointDeploymentProvider().check(inputs(), unknown).failures == []


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ChangeRefused("Variant blue is busy: wait."), "Variant blue is busy: wait."),
        (
            ClientError({"Error": {"Code": "AccessDenied", "Message": "You may not."}}, "PutItem"),
            "AWS refused PutItem: You may not. (AccessDenied)",
        ),
        (NoCredentialsError(), "Unable to locate credentials"),
    ],
)
def test_an_error_of_a_step_is_printed_as_one_sentence_without_a_class(
    recorded_calls: RecordedController, error: Exception, said: str
):
    recorded_calls.refusal = error
    with pytest.raises(ProviderError) as raised:
        GateProvider().update("flights", inputs(), inputs(champion="green"))
    assert "".join(traceback.format_exception_only(raised.value)).strip() == said
    assert raised.value.__suppress_context__
    (failure,) = GateProvider().check(inputs(), inputs(champion="green")).failures
    assert failure.reason == said


def test_no_step_of_any_provider_prints_an_errors_class():
    bare = [
        f"{kind.__qualname__}.{name}"
        for kind in _every(AwsProvider)
        for name in ("check", "diff", "create", "update", "read", "delete")
        if name in vars(kind) and not hasattr(vars(kind)[name], "__wrapped__")
    ]
    assert bare == []
    assert RegistryParameterProvider in _every(AwsProvider)


def _every(kind: type) -> list[type]:
    return [found for one in kind.__subclasses__() for found in (one, *_every(one))]


def test_an_error_that_nobody_foresaw_keeps_its_class(recorded_calls: RecordedController):
    recorded_calls.refusal = KeyError("declared")
    with pytest.raises(KeyError):
        GateProvider().update("flights", inputs(), inputs(champion="green"))


def test_an_acknowledgement_is_appended_by_whatever_an_up_has_for_its_target(recorded_calls: RecordedController):
    for kind in (VariantWeightsProvider, EndpointDeploymentProvider):
        with contextlib.suppress(AttributeError, ProviderError):
            kind().update("flights", inputs(), inputs(acknowledged="7"))
        assert recorded_calls.asked.pop() == "acknowledge 7"


def test_the_providers_take_the_clock_that_the_environment_names(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(clock, "_installed", clock.get_clock())
    shared = SharedClock.create(tmp_path / "clock")
    monkeypatch.setenv(
        clock.ENVIRONMENT_VARIABLE,
        SimulatorProcess(tmp_path).env[clock.ENVIRONMENT_VARIABLE].replace("/simulator/clock", "/clock"),
    )
    provider.install_environment_clock()
    shared.advance(86_400)
    assert abs((clock.get_clock().now() - shared.now()).total_seconds()) < 60


def test_a_clock_that_is_not_named_in_full_is_refused():
    with pytest.raises(ValueError, match="module:class:file"):
        clock.load_clock("rehearsal.simulated_clock")
