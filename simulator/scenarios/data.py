"""Game days of traffic that stops and data that changes: what nobody may roll back for, and somebody must hear of."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import numpy.typing as npt

from simulator.scenarios import checks
from simulator.scenarios.challenger import CALM
from simulator.scenarios.scenario import Scenario
from simulator.scenarios.scene import Scene
from simulator.scenarios.watched import REQUESTS, ROWS_EACH

HOUR_MINUTES = 60
SLOW_RATE = 10
"""Requests a minute where hours go by."""
NOON = 12
DAYS = 3
"""Of a drift window: an hour's requests on each."""
READ_AFTER = timedelta(hours=1, minutes=24)
"""After the beginning of an hour; the drift function reads it in the minute that follows."""


def _no_traffic(scene: Scene) -> None:
    before = scene.live()
    scene.minutes(CALM)
    scene.mark("fault", "no request comes any more")
    scene.mark("bad", "first minute without a request")
    scene.until(lambda: scene.heard()["P2"] > 0, 30, requests=0)
    checks.kept(scene, before)
    checks.heard(scene, "P2", f"silence-{scene.champion}")
    checks.quiet(scene, "P1")


def _capture_stops(scene: Scene) -> None:
    before = scene.live()
    scene.minutes(CALM)
    scene.break_it("capture_stops", endpoint=scene.endpoint, label="requests are no longer captured")
    scene.mark("bad", "first request that is not captured")
    scene.until(lambda: scene.in_alarm("capture-missing"), 6 * HOUR_MINUTES, requests=SLOW_RATE)
    scene.minutes(2, requests=SLOW_RATE)
    checks.kept(scene, before)
    checks.heard(scene, "P2", "capture-missing")
    checks.quiet(scene, "P1")


def _drift_crashes(scene: Scene) -> None:
    before = scene.live()
    scene.minutes(CALM)
    scene.break_it(
        "function_killed", function=scene.outputs["drift"]["function"], times=1000, label="the drift function dies"
    )
    scene.mark("bad", "its next run will die")
    scene.until(lambda: scene.in_alarm("drift-failed", "undelivered"), 3 * HOUR_MINUTES, requests=SLOW_RATE)
    scene.minutes(2, requests=SLOW_RATE)
    checks.kept(scene, before)
    checks.heard(scene, "P2", "drift-failed")
    checks.quiet(scene, "P1")


def _drift_in_one(scene: Scene) -> None:
    _drifting(scene, ("hour",), "one feature moves: the hour")
    checks.heard(scene, "P2", "drift")
    pages = [one for one in scene.messages() if "many-features-drift" in one["subject"]]
    scene.expect(f"nobody is paged for one feature: {[one['subject'] for one in pages]}", not pages)


def _drift_in_many(scene: Scene) -> None:
    moved = ("hour", "weekday", "distance", "precip", "visib", "wind_speed", "humid")
    _drifting(scene, moved, f"{len(moved)} features move")
    checks.heard(scene, "P1", "many-features-drift")


def _drifting(scene: Scene, features: tuple[str, ...], label: str) -> None:
    """Three days of changed requests, an hour of each; between them the clock jumps, and nobody measures anything."""
    before = scene.live()
    scene.minutes(CALM)
    scene.mark("fault", label)
    scene.mark("bad", "first changed request")
    today = scene.control.clock()
    for day in range(1, DAYS + 1):
        scene.pass_to((today + timedelta(days=day)).replace(hour=NOON, minute=5, second=0, microsecond=0))
        scene.send(REQUESTS, moved(scene, features), ROWS_EACH)
    scene.pass_to(scene.control.clock().replace(minute=0) + READ_AFTER)
    scene.minutes(12, requests=SLOW_RATE)
    checks.kept(scene, before)


def moved(scene: Scene, features: tuple[str, ...]) -> npt.NDArray[np.float32]:
    """Flights of training with some columns pushed up by a standard deviation and a half."""
    from simulator.story import FEATURES  # loads slowly, and the names of scenarios are asked for without it

    rows = scene.rows[: REQUESTS * ROWS_EACH].copy()
    for name in features:
        column = FEATURES.index(name)
        rows[:, column] += np.float32(np.round(1.5 * max(float(rows[:, column].std()), 1.0)))
    return rows


DATA = (
    Scenario(
        "no-traffic",
        "No traffic",
        "Requests stop: no alarm rolls back on missing data, and a ticket tells of the silence.",
        "no rollback, a ticket",
        _no_traffic,
    ),
    Scenario(
        "capture-stops",
        "Capture stops",
        "Requests are answered and no longer captured: a ticket, for drift would go unseen.",
        "no rollback, a ticket",
        _capture_stops,
    ),
    Scenario(
        "drift-one",
        "Drift in one feature",
        "One feature moves away from training and stays there: a ticket, no page.",
        "a ticket, no page",
        _drift_in_one,
    ),
    Scenario(
        "drift-many",
        "Drift in many features",
        "Many features move at once and stay: somebody is paged; drift alone rolls nothing back.",
        "a page, no rollback",
        _drift_in_many,
    ),
    Scenario(
        "drift-crashes",
        "The drift function crashes",
        "The drift function dies in every run: a ticket says so, instead of silence that looks like health.",
        "no rollback, a ticket",
        _drift_crashes,
    ),
)
