"""Two stacks of one model, and two projects with one stack name, in one account."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from simulator.scenarios.alarms import every_alarm
from simulator.scenarios.scene import Scene
from simulator.scenarios.snapshot import Snapshot, snapshot

ROOT = Path(__file__).parents[3]
NEIGHBOURS = (("tidewatch", "staging"), ("fares", "rehearsal"))


@pytest.fixture(scope="module")
def side_by_side() -> Iterator[Snapshot]:
    with snapshot(ROOT, neighbours=NEIGHBOURS) as deployed:
        yield deployed


def test_the_alarms_of_an_empty_slot_are_ok(side_by_side: Snapshot):
    def states(scene: Scene) -> dict[str, str]:
        scene.minutes(1)
        names = {name: key for key, name in side_by_side.neighbours[0]["alarms"]["names"].items()}
        every = every_alarm(scene.client("cloudwatch"))
        return {names[one["AlarmName"]]: one["StateValue"] for one in every if one["AlarmName"] in names}

    (found,) = side_by_side.copies([states])
    of_green = {key: state for key, state in found.items() if key.endswith("-green")}
    assert len(of_green) > 8
    assert set(of_green.values()) == {"OK"}
