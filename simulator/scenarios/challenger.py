"""Game days of a bad challenger: what the guardrails are for, and what they must not do."""

from __future__ import annotations

from collections import Counter

from simulator.scenarios import checks
from simulator.scenarios.scenario import Scenario
from simulator.scenarios.scene import Scene

CALM = 2
"""Minutes before anything goes wrong, to be seen in the drawing."""
AFTER = 4
"""Minutes after the end, in which recovery is seen and metrics arrive."""
LATE = 12
"""Minutes after which a page that was only held back would have come: its five minutes have passed twice."""


def _failing(scene: Scene) -> None:
    scene.break_it("variant_errors", variant=scene.challenger, rate=0.5, label="half of the challenger's answers fail")


def _slow(scene: Scene) -> None:
    scene.break_it("variant_latency", variant=scene.challenger, seconds=0.4, label="the challenger takes 400 ms more")


def _until_it_has_no_traffic(scene: Scene) -> None:
    scene.mark("bad", "first bad datapoint")
    scene.until(lambda: scene.live().get(scene.challenger) == 0.0)


def _error_spike(scene: Scene) -> None:
    scene.minutes(CALM)
    _failing(scene)
    _until_it_has_no_traffic(scene)
    scene.minutes(LATE)
    checks.rolled_back(scene, pages=1)
    checks.in_time(scene)


def _latency(scene: Scene) -> None:
    scene.minutes(CALM)
    _slow(scene)
    _until_it_has_no_traffic(scene)
    scene.minutes(AFTER)
    checks.rolled_back(scene, pages=1)
    checks.in_time(scene)


def _two_alarms(scene: Scene) -> None:
    scene.minutes(CALM)
    _slow(scene)
    _failing(scene)
    _until_it_has_no_traffic(scene)
    fired = sorted(key for key, state in scene.alarms().items() if state == "ALARM" and key.startswith("guardrail-"))
    scene.minutes(AFTER)
    both = {f"guardrail-{kind}-{scene.challenger}" for kind in ("errors", "latency")}
    scene.expect(f"both guardrails fired: {fired}", both <= set(fired))
    checks.rolled_back(scene, pages=1)
    checks.in_time(scene)


def _flapping(scene: Scene) -> None:
    """A bad minute of three is no reason, two of three are; afterwards there is nothing left to flap."""
    before = scene.live()
    for _ in range(2):
        fault = scene.break_it("variant_errors", variant=scene.challenger, rate=0.5, label="one bad minute")
        scene.minutes()
        scene.mend(fault, "well again")
        scene.minutes(3)
    scene.expect(f"single bad minutes move nothing: {scene.live()}", scene.live() == before)
    for _ in range(3):
        fault = scene.break_it("variant_errors", variant=scene.challenger, rate=0.5, label="two bad minutes")
        if not any(mark.kind == "bad" for mark in scene.marks):
            scene.mark("bad", "first of two bad datapoints")
        scene.minutes(2)
        scene.mend(fault, "well again")
        scene.minutes(3)
    scene.minutes(AFTER)
    checks.rolled_back(scene)
    pages = Counter(one["subject"] for one in scene.messages())
    scene.expect(f"no alarm pages twice: {dict(pages)}", max(pages.values(), default=0) == 1)


def _duplicate(scene: Scene) -> None:
    scene.minutes(CALM)
    scene.control.inject("delivered_twice", function=scene.outputs["rollback"]["function"], times=20)
    _failing(scene)
    _until_it_has_no_traffic(scene)
    scene.minutes(AFTER)
    checks.rolled_back(scene, pages=1)
    checks.in_time(scene)
    checks.called(scene, 2)


def _slow_leak(scene: Scene) -> None:
    """One answer in 77 fails: under what rolls back, above what was promised.

    Evenly: by chance alone five of them would fall into five minutes now and then, which is a page.
    """
    before = scene.live()
    scene.minutes(CALM)
    scene.break_it("variant_errors", variant=scene.challenger, every=77, label="1.3% of its answers fail")
    scene.mark("bad", "first bad datapoint")
    scene.until(lambda: scene.heard()["P2"] > 0, 90)
    checks.kept(scene, before)
    checks.heard(scene, "P2", "availability-burn-slow")
    checks.quiet(scene, "P1")


def _champion_bad(scene: Scene) -> None:
    before = scene.live()
    scene.minutes(CALM)
    scene.break_it("variant_errors", variant=scene.champion, rate=0.5, label="half of the champion's answers fail")
    scene.mark("bad", "first bad datapoint")
    scene.until(lambda: scene.heard()["P1"] > 0)
    scene.minutes(AFTER)
    checks.kept(scene, before)
    checks.heard(scene, "P1", f"server-errors-{scene.champion}")


def _both_bad(scene: Scene) -> None:
    before = scene.live()
    scene.minutes(CALM)
    for slot in (scene.champion, scene.challenger):
        scene.break_it("variant_errors", variant=slot, rate=0.5, label=f"half of {slot}'s answers fail")
    scene.mark("bad", "first bad datapoint")
    scene.until(lambda: scene.heard()["P1"] > 0)
    scene.minutes(AFTER)
    checks.kept(scene, before)
    checks.heard(scene, "P1", f"server-errors-{scene.champion}")
    pages = scene.heard()["P1"]
    scene.expect(f"one page for one incident: {pages}", pages == 1)


ERROR_SPIKE = Scenario(
    "error-spike",
    "Error spike in the challenger",
    "Half of the challenger's answers fail; the guardrail rolls it back within two evaluation periods "
    "and the minute that CloudWatch takes to show a datapoint.",
    "rolled back, one page",
    _error_spike,
)
CHALLENGER = (
    ERROR_SPIKE,
    Scenario(
        "latency-regression",
        "Latency regression",
        "The challenger becomes slow beside the champion and is rolled back.",
        "rolled back, one page",
        _latency,
    ),
    Scenario(
        "slow-leak",
        "Slow leak just under the threshold",
        "The challenger fails slightly more often than promised, too rarely to roll back: a ticket, no page.",
        "no rollback, a ticket",
        _slow_leak,
    ),
    Scenario(
        "champion-bad",
        "The champion itself is bad",
        "Only the champion fails: nothing rolls back onto it, and somebody is paged.",
        "no rollback, a page",
        _champion_bad,
    ),
    Scenario(
        "both-bad",
        "Both are bad",
        "Both fail alike: no rollback helps, and one page says so.",
        "no rollback, one page",
        _both_bad,
    ),
    Scenario(
        "two-alarms",
        "Two alarms at once",
        "Errors and latency fire together: one incident, one flip, one page.",
        "rolled back once, one page",
        _two_alarms,
    ),
    Scenario(
        "flapping",
        "An alarm that flaps",
        "Single bad minutes move nothing; two of three roll back, once, and no alarm pages twice.",
        "rolled back once, no page twice",
        _flapping,
    ),
    Scenario(
        "duplicate-delivery",
        "The alarm's call is delivered twice",
        "Every event reaches the rollback function twice, at the same time: one incident, one flip.",
        "rolled back once, one page",
        _duplicate,
    ),
)
