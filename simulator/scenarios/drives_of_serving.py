"""What drives the alarms of the variants, of their hosts and of the objectives."""

from __future__ import annotations

from datetime import timedelta

from simulator.aws.hosts import KEPT
from simulator.replay import replay
from simulator.scenarios.drive import SOME, Drive, clears, fires
from simulator.scenarios.scene import Scene
from tidewatch.naming import SLOTS
from tidewatch.slo import BURNING, BURNS

HOSTS = {
    "GPUUtilization": "gpu-utilization",
    "GPUMemoryUtilization": "gpu-memory",
    "MemoryUtilization": "memory",
    "DiskUtilization": "disk",
}
OF_A_MINUTE, OF_ALL = 20, 2
"""Points that a request costs its host: of its minute where it keeps a device busy, of all time where it leaves
something behind."""
SLOW_SECONDS = 0.8
OLDER = timedelta(days=4)
"""How old an endpoint gets first: a younger one has used next to nothing of four weeks' budget, whatever happens."""
FORGOTTEN = timedelta(days=29)
"""After which nothing of today is in the window of an objective."""
SILENT_MINUTES = 25


def _of_slots(*keys: str) -> tuple[str, ...]:
    return tuple(f"{key}-{slot}" for key in keys for slot in SLOTS)


def _of_objective(kind: str) -> tuple[str, ...]:
    """The alarms of an objective: composites and what is under them."""
    both = [f"{kind}-{burn.name}-{length}" for burn in (*BURNS, BURNING) for length in ("long", "short")]
    return (*both, *(f"{kind}-{burn.name}" for burn in BURNS), f"{kind}-budget-used", f"{kind}-budget")


ERRORS = (*_of_slots("server-errors", "model-errors"), *_of_objective("availability"))
SLOWNESS = (*_of_slots("latency", "overhead-latency"), *_of_objective("latency"))
FULLNESS = _of_slots(*HOSTS.values())
OVERALL = (*_of_slots("variant"), "endpoint")


def _errors(scene: Scene) -> None:
    scene.pass_to(scene.control.clock() + OLDER)
    faults = [scene.control.inject("variant_errors", variant=slot, rate=0.5) for slot in SLOTS]
    _used_up(scene, faults, ERRORS)


def _slowness(scene: Scene) -> None:
    scene.pass_to(scene.control.clock() + OLDER)
    faults = [
        scene.control.inject("variant_latency", variant=slot, seconds=SLOW_SECONDS, overhead=SLOW_SECONDS)
        for slot in SLOTS
    ]
    _used_up(scene, faults, SLOWNESS)


def _used_up(scene: Scene, faults: list[int], keys: tuple[str, ...]) -> None:
    """Until all fire; what is told of the budget of four weeks is well again after as many."""
    fires(scene, *keys)
    for fault in faults:
        scene.control.clear(fault)
    scene.minutes(requests=SOME)
    scene.pass_to(scene.control.clock() + FORGOTTEN)
    clears(scene, *keys)


def _hosts(scene: Scene) -> None:
    faults = [
        scene.control.inject("load", metric=metric, percent=OF_ALL if metric in KEPT else OF_A_MINUTE)
        for metric in HOSTS
    ]
    fires(scene, *FULLNESS, *OVERALL)
    for fault in faults:
        scene.control.clear(fault)
    clears(scene, *FULLNESS, *OVERALL)


def _silence(scene: Scene) -> None:
    """Callers that name the champion's variant leave the other without requests; then nobody asks at all."""
    champion, challenger = f"silence-{scene.champion}", f"silence-{scene.challenger}"
    for _ in range(SILENT_MINUTES):
        if scene.in_alarm(challenger):
            break
        replay(
            scene.runtime,
            scene.endpoint,
            scene.rows[:SOME],
            rows_per_request=1,
            threads=1,
            target_variant=scene.champion,
        )
        scene.minutes(requests=0)
    fires(scene, challenger, most=0)
    fires(scene, champion, most=SILENT_MINUTES, requests=0)
    clears(scene, champion, challenger)


OF_SERVING = (
    Drive(
        "errors",
        "Half of both variants' answers fail for minutes; four weeks pass after the last of them.",
        ERRORS,
        _errors,
    ),
    Drive(
        "slowness",
        "Answers of both variants take 0.8 s more in the model, and as much around it; four weeks pass afterwards.",
        SLOWNESS,
        _slowness,
    ),
    Drive(
        "full-hosts",
        "Requests keep graphics processors busy, and containers keep memory and disk of each; then they are mended.",
        (*FULLNESS, *OVERALL),
        _hosts,
    ),
    Drive(
        "silence",
        "Callers ask for the champion's variant only, then for nothing at all, then for both again.",
        _of_slots("silence"),
        _silence,
    ),
)
