"""A drive: one cause that makes some alarms fire, and its end that clears them; and how a drive waits for them."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from simulator.scenarios.scene import LONGEST_MINUTES, Scene

FEW = 2
"""Requests a minute where an alarm looks at none of them."""
SOME = 40
"""Requests a minute that are enough for alarms of five minutes, also of a slot with 30% of them."""


class AlarmStuck(Exception):
    """An alarm did not do in time what its cause, or the end of it, must make it do."""


@dataclass(frozen=True)
class Drive:
    """name: in words of a-z joined by dashes. driven_by: what is done, a sentence. keys: the alarms that fire by it and
    clear again, of those that are not made of others alone. play: does it, by nothing that puts a metric or a state.
    """

    name: str
    driven_by: str
    keys: tuple[str, ...]
    play: Callable[[Scene], None]


def key_of(scene: Scene, name: str) -> str:
    """The key of an alarm of the scene's stack, with its slot, in its physical name: it begins as the ledger's does."""
    stem = scene.outputs["ledger"].rpartition("-ledger-")[0]
    return name.removeprefix(f"{stem}-").rpartition("-")[0]


def fires(scene: Scene, *keys: str, most: int = LONGEST_MINUTES, requests: int = SOME) -> None:
    """Minutes of traffic until all of these are in ALARM. Raises AlarmStuck."""
    _become(scene, "ALARM", keys, most, requests)


def clears(scene: Scene, *keys: str, most: int = LONGEST_MINUTES, requests: int = SOME) -> None:
    """Minutes of traffic until all of these are OK. Raises AlarmStuck."""
    _become(scene, "OK", keys, most, requests)


def _become(scene: Scene, state: str, keys: Collection[str], most: int, requests: int) -> None:
    def others() -> dict[str, str]:
        found = {key_of(scene, one["AlarmName"]): one["StateValue"] for one in scene.own_alarms()}
        return {key: found.get(key, "not there") for key in keys if found.get(key) != state}

    if not scene.until(lambda: not others(), most, requests=requests):
        raise AlarmStuck(f"not {state} at {scene.control.clock():%d %B %H:%M}: {others()}")
