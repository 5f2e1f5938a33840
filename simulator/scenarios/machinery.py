"""Game days of the machinery: the rollback has to come through whatever the endpoint and its function are doing."""

from __future__ import annotations

import threading
from collections.abc import Callable

from simulator.scenarios import by_hand, checks
from simulator.scenarios.challenger import AFTER, CALM
from simulator.scenarios.scenario import Scenario
from simulator.scenarios.scene import Scene


def _spike(scene: Scene) -> None:
    scene.break_it("variant_errors", variant=scene.challenger, rate=0.5, label="half of the challenger's answers fail")
    scene.mark("bad", "first bad datapoint")


def _gone(scene: Scene) -> Callable[[], bool]:
    return lambda: scene.live().get(scene.challenger) == 0.0


def _function_throttled(scene: Scene) -> None:
    """Until somebody frees concurrency, nothing calls the function; the alarm's call waits, and is not lost."""
    scene.minutes(CALM)
    function = scene.outputs["rollback"]["function"]
    fault = scene.break_it("function_throttled", function=function, label="no concurrency for the rollback function")
    _spike(scene)
    before = scene.live()
    told = scene.until(lambda: scene.in_alarm("rollback-failed"))
    scene.expect("rollback-failed fires while the function cannot run", told)
    scene.expect(f"the traffic stays until it can: {scene.live()}", scene.live() == before)
    checks.heard(scene, "P1", "rollback-failed")
    scene.mend(fault, "concurrency is free again")
    scene.until(_gone(scene))
    scene.minutes(AFTER)
    checks.rolled_back(scene)


def _deployment(scene: Scene) -> None:
    """An update of the whole endpoint runs when the alarm fires: nothing else may change until it is over."""
    scene.minutes(CALM)
    _spike(scene)
    scene.minutes()
    by_hand.update(scene)
    scene.mark("deploy", "somebody updates the endpoint")
    scene.until(_gone(scene))
    scene.minutes(AFTER)
    checks.rolled_back(scene)
    checks.while_busy(scene, "update")


def _autoscaling(scene: Scene) -> None:
    """The endpoint is Updating, by its autoscaling, in the minute in which the alarm fires."""
    scene.minutes(CALM)
    _spike(scene)
    scene.minutes(2)
    scene.control.inject("scaling", endpoint=scene.endpoint, variant=scene.champion, instances=3)
    scene.mark("deploy", f"autoscaling adds an instance to {scene.champion}")
    scene.until(_gone(scene))
    scene.minutes(AFTER)
    checks.rolled_back(scene)
    checks.while_busy(scene, "capacity")


def _reverted(scene: Scene) -> None:
    """SageMaker accepts the flip and takes it back: what counts is what is live, so it is asked again."""
    scene.minutes(CALM)
    scene.control.inject("change_rolls_back", endpoint=scene.endpoint)
    before = len(scene.control.operations())
    _spike(scene)
    scene.until(_gone(scene))
    scene.minutes(AFTER)
    checks.rolled_back(scene)
    tried = [one["kind"] for one in scene.control.operations()[before:]]
    scene.expect(f"SageMaker was asked twice: {tried}", tried.count("weights") >= 2)


def _scaled_in(scene: Scene) -> None:
    """The champion lost instances while it had little to do: it gets the traffic at once, and then its instances back.

    A bad version is worse for users than a slow one, and one change of the endpoint takes weights or counts.
    """
    scene.control.inject("scaling", endpoint=scene.endpoint, variant=scene.champion, instances=1)
    scene.mark("deploy", f"{scene.champion} is scaled in to one instance, below its floor of two")
    scene.minutes(4)
    few = scene.traffic().state().slots[scene.champion].instances
    scene.expect(f"{scene.champion} has one instance: {few}", few == 1)
    _spike(scene)
    scene.until(_gone(scene))
    scene.minutes(AFTER)
    checks.rolled_back(scene)
    state = scene.traffic().state()
    instances = state.slots[scene.champion].instances
    scene.expect(f"{scene.champion} has its floor of 2 instances: {instances}", instances >= 2)
    scene.say(f"{scene.champion} serves on {instances} instances")


def _operator(scene: Scene) -> None:
    """Somebody runs the rollback by hand in the moment in which the alarm does."""
    scene.minutes(CALM)
    _spike(scene)
    scene.minutes(2)
    calls: list[threading.Thread] = []

    def roll_back() -> None:
        call = threading.Thread(target=_invoke, args=(scene,))
        call.start()
        calls.append(call)

    scene.mark("note", "an operator runs the rollback")
    scene.minutes(meanwhile=roll_back)
    while any(call.is_alive() for call in calls):
        scene.finish()
    scene.until(_gone(scene))
    scene.minutes(AFTER)
    checks.rolled_back(scene, pages=1)
    checks.in_time(scene)
    checks.called(scene, 2)


def _invoke(scene: Scene) -> None:
    scene.client("lambda").invoke(FunctionName=scene.outputs["rollback"]["function"])


MACHINERY = (
    Scenario(
        "rollback-throttled",
        "The rollback function is throttled",
        "The account has no concurrency left when the alarm fires: somebody is paged, and the call is not lost.",
        "a page, then rolled back",
        _function_throttled,
    ),
    Scenario(
        "busy-deployment",
        "A deployment runs during the alarm",
        "The endpoint takes no change until its update is over: the rollback waits for it, and comes.",
        "rolled back after the update",
        _deployment,
    ),
    Scenario(
        "busy-autoscaling",
        "Autoscaling runs during the alarm",
        "The endpoint is busy for two minutes when the alarm fires: the rollback waits, and comes.",
        "rolled back after the scaling",
        _autoscaling,
    ),
    Scenario(
        "flip-reverted",
        "The flip itself is reverted",
        "SageMaker takes the change of weights back: it is noticed and asked for again.",
        "rolled back at the second try",
        _reverted,
    ),
    Scenario(
        "target-scaled-in",
        "The rollback target is scaled in",
        "The champion has fewer instances than its floor when everything is to go there.",
        "rolled back with the floor restored",
        _scaled_in,
    ),
    Scenario(
        "operator-and-alarm",
        "Operator and alarm at once",
        "An operator runs the rollback while the alarm does: one incident, one flip.",
        "rolled back once, one page",
        _operator,
    ),
)
