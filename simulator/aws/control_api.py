"""The rehearsal's own API beside AWS's: clock, faults, operations, capture files, functions' timings, chat, reset."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from moto.core.base_backend import BackendDict

from simulator.aws import durations
from simulator.aws.faults import UnknownFault
from simulator.aws.install import put_object
from simulator.aws.platform_acts import act, acts
from simulator.aws.world import World

PREFIX = "/tidewatch/"

Answer = tuple[int, dict[str, Any]]


def answer(here: World, path: str, body: bytes) -> Answer:
    """Status and JSON of a request to /tidewatch/...; a mistake is answered with a sentence under "error"."""
    name = path.removeprefix(PREFIX).strip("/")
    call = _CALLS.get(name)
    if call is None:
        return 404, {"error": f"The simulator has no {PREFIX}{name}; it has {', '.join(sorted(_CALLS))}."}
    try:
        return 200, call(here, json.loads(body or b"{}"))
    except (UnknownFault, ValueError, KeyError, TypeError) as wrong:
        return 400, {"error": str(wrong)}


def _clock(here: World, _given: Mapping[str, Any]) -> dict[str, Any]:
    return {"now": here.now().isoformat(), "path": str(here.clock_path), "pace": here.clock.pace}


def _advance(here: World, given: Mapping[str, Any]) -> dict[str, Any]:
    if "to" in given:
        here.clock.advance_to(datetime.fromisoformat(given["to"]))
    else:
        here.clock.advance(float(given["seconds"]))
    here.settle()
    return _clock(here, {})


def _inject(here: World, given: Mapping[str, Any]) -> dict[str, Any]:
    options = {key: value for key, value in given.items() if key not in ("kind", "times")}
    number = here.faults.inject(given["kind"], given.get("times"), **options)
    if given["kind"] in acts:
        here.faults.clear(number)
        act(here, given["kind"], options)
    return {"id": number}


def _clear(here: World, given: Mapping[str, Any]) -> dict[str, Any]:
    here.faults.clear(given.get("id"))
    return {}


def _faults(here: World, _given: Mapping[str, Any]) -> dict[str, Any]:
    waiting = [{"id": f.id, "kind": f.kind, "left": f.left, **f.options} for f in here.faults.waiting]
    return {"faults": waiting}


def _operations(here: World, _given: Mapping[str, Any]) -> dict[str, Any]:
    here.settle()
    return {"operations": [operation.to_json() for operation in here.operations]}


def _stated(_here: World, _given: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in vars(durations).items() if name.isupper()}


def _flush(here: World, _given: Mapping[str, Any]) -> dict[str, Any]:
    files = here.capture.flush(None, put_object)
    return {"files": files, "records": here.capture.written, "lost": here.capture.lost}


def _functions(here: World, _given: Mapping[str, Any]) -> dict[str, Any]:
    return {"timings": [timing.to_json() for timing in here.functions.timings]}


def _posts(here: World, _given: Mapping[str, Any]) -> dict[str, Any]:
    with here.lock:
        return {"posts": [post.to_json() for post in here.posts]}


def _refusals(here: World, _given: Mapping[str, Any]) -> dict[str, Any]:
    return {"refusals": list(here.refused)}


def _wait(here: World, given: Mapping[str, Any]) -> dict[str, Any]:
    """Waits, in wall seconds, for asynchronous invocations that were started."""
    for thread in list(here.running):
        thread.join(float(given.get("seconds", 60)))
    return {"running": sum(thread.is_alive() for thread in here.running)}


def _reset(here: World, _given: Mapping[str, Any]) -> dict[str, Any]:
    BackendDict.reset()
    here.functions.close()
    here.forget()
    return {}


_CALLS: Mapping[str, Callable[[World, Mapping[str, Any]], dict[str, Any]]] = {
    "clock": _clock,
    "advance": _advance,
    "inject": _inject,
    "clear": _clear,
    "faults": _faults,
    "operations": _operations,
    "stated": _stated,
    "capture/flush": _flush,
    "functions": _functions,
    "posts": _posts,
    "refusals": _refusals,
    "wait": _wait,
    "reset": _reset,
    "ready": lambda here, _given: {"now": here.now().isoformat()},
}
