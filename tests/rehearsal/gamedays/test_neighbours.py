"""Two stacks of one model, and two projects with one stack name, in one account: what happens in one stays there.

The command line plays every game day so (`rehearse --all`); here are those by which each thing of an account that could
be shared is touched: weights and deployments by hand, a guardrail with its rollback, an alarm that flips nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from rehearsal.charts.timeline import GameDayOutcome
from rehearsal.gamedays import SCENARIOS, Scenario
from rehearsal.gamedays.alarm_history import list_alarms
from rehearsal.gamedays.harness import Harness
from rehearsal.gamedays.manual_changes import update_endpoint
from rehearsal.gamedays.neighbours import NEIGHBOURS
from tests.rehearsal.gamedays.deployed_process import DeployedProcess, deploy_in_process

PERIOD_SECONDS = 60
"""Of a guardrail."""
SILENT = f"{len(NEIGHBOURS)} neighbours undisturbed"


@pytest.fixture(scope="module")
def side_by_side() -> Iterator[DeployedProcess]:
    with deploy_in_process(NEIGHBOURS) as deployed:
        yield deployed


def flip_weights(scene: Harness) -> None:
    scene.run_minutes(1)
    scene.get_client("sagemaker").update_endpoint_weights_and_capacities(
        EndpointName=scene.endpoint,
        DesiredWeightsAndCapacities=[
            {"VariantName": "blue", "DesiredWeight": 10.0},
            {"VariantName": "green", "DesiredWeight": 90.0},
        ],
    )
    scene.run_minutes(5)
    scene.expect("traffic-changed is in ALARM", scene.is_in_alarm("traffic-changed"))


def run_deployment(scene: Harness) -> None:
    scene.run_minutes(1)
    update_endpoint(scene)
    scene.run_minutes(5)
    scene.expect("a deployment runs", scene.is_in_alarm("deployment-running") or _running(scene))


def _running(scene: Harness) -> bool:
    points = scene.get_client("cloudwatch").get_metric_statistics(
        Namespace="Tidewatch",
        MetricName="DeploymentRunning",
        Dimensions=[{"Name": "Stack", "Value": scene.outputs["key"]}],
        StartTime=scene.started_at,
        EndTime=scene.control.get_time(),
        Period=60,
        Statistics=["Maximum"],
    )["Datapoints"]
    return any(point["Maximum"] == 1 for point in points)


def read_states(scene: Harness) -> dict[str, str]:
    """The state of each alarm of the first neighbour, by its key."""
    scene.run_minutes(1)
    names = {name: key for key, name in scene.neighbours[0]["alarms"]["names"].items()}
    every = list_alarms(scene.get_client("cloudwatch"))
    return {names[one["AlarmName"]]: one["StateValue"] for one in every if one["AlarmName"] in names}


def disturb_neighbours(scene: Harness) -> None:
    scene.run_minutes(1)
    one, other = scene.neighbours
    scene.inject_fault("variant_errors", label="neighbour", endpoint=one["endpoint"]["name"], variant="blue")
    whose = [{"Name": "Stack", "Value": other["key"]}]
    scene.get_client("cloudwatch").put_metric_data(
        Namespace="Tidewatch",
        MetricData=[{"MetricName": "OpenIncidents", "Dimensions": whose, "Value": 1}],
    )
    scene.run_minutes(4)
    scene.expect("this stack gets no alarm", not scene.is_in_alarm("guardrail-green"))


def by_hand(name: str, play: Callable[[Harness], None]) -> Scenario:
    return Scenario(name, f"By hand: {name}.", "It is found.", name, play)


def run_game_days(account: DeployedProcess, *scenarios: Scenario) -> list[GameDayOutcome]:
    """What came of each; the neighbours of all of them were silent."""
    done = account.run_scenarios(scenarios)
    for outcome in done:
        assert outcome.passed, f"{outcome.scenario}: {outcome.observed_result}"
        assert SILENT in outcome.observed_result
    return done


def test_the_neighbours_are_another_stack_and_another_project(side_by_side: DeployedProcess):
    keys = {side_by_side.outputs["key"], *(one["key"] for one in side_by_side.neighbours)}
    assert keys == {"tidewatch/rehearsal/flights", "tidewatch/staging/flights", "fares/rehearsal/flights"}


def test_the_alarms_of_an_empty_variant_are_ok(side_by_side: DeployedProcess):
    (found,) = side_by_side.run_on_copies([read_states])
    of_green = {key: state for key, state in found.items() if key.endswith("-green")}
    assert len(of_green) > 8
    assert set(of_green.values()) == {"OK"}


def test_a_flip_or_a_deployment_by_hand_in_one_stack_leaves_the_others_silent(side_by_side: DeployedProcess):
    run_game_days(side_by_side, by_hand("flip", flip_weights), by_hand("deployment", run_deployment))


def test_a_bad_challenger_is_rolled_back_within_two_periods_and_ten_seconds_of_ours_and_only_in_its_stack(
    side_by_side: DeployedProcess,
) -> None:
    spike, calm = run_game_days(side_by_side, SCENARIOS["error-spike"], SCENARIOS["champion-bad"])
    assert spike.flip_s is not None
    assert spike.platform_s is not None
    assert spike.flip_s - spike.platform_s <= 2 * PERIOD_SECONDS + 10
    assert spike.own_s is not None
    assert spike.own_s < 10
    assert calm.flip_s is None
    kinds = [mark.kind for mark in spike.timeline.sorted_marks]
    assert kinds.index("degraded") < kinds.index("alarm") < kinds.index("flipped")
    assert "guardrail-green" in {span.label for span in spike.timeline.alarms}


def test_a_neighbour_that_is_not_silent_fails_the_game_day_and_is_told(side_by_side: DeployedProcess):
    (outcome,) = side_by_side.run_scenarios([by_hand("elsewhere", disturb_neighbours)])
    assert not outcome.passed
    fired, counted = outcome.observed_result.split("NOT MET: ")[1:]
    assert fired.startswith("tidewatch/staging/flights got no alarm; ")
    assert "-blue fired" in fired
    assert counted.startswith("fares/rehearsal/flights got no alarm; ")
    assert "OpenIncidents was 1 at most" in counted
    assert SILENT not in outcome.observed_result
