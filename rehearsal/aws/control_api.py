"""The rehearsal's control API: clock, faults, operations, capture files, function timings, chat posts, reset."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from moto.core.base_backend import BackendDict

from rehearsal.aws import latencies
from rehearsal.aws.account import SimulatedAccount
from rehearsal.aws.bootstrap import put_capture_file
from rehearsal.aws.faults import UnknownFault
from rehearsal.aws.sagemaker.platform_actions import IMMEDIATE_KINDS, perform_action

PREFIX = "/tidewatch/"

ControlResponse = tuple[int, dict[str, Any]]


def handle_request(account: SimulatedAccount, path: str, body: bytes) -> ControlResponse:
    """Status and JSON of a request to /tidewatch/...; an error has a sentence under "error"."""
    name = path.removeprefix(PREFIX).strip("/")
    handler = _HANDLERS.get(name)
    if handler is None:
        return 404, {"error": f"The simulator has no {PREFIX}{name}; it has {', '.join(sorted(_HANDLERS))}."}
    try:
        return 200, handler(account, json.loads(body or b"{}"))
    except (UnknownFault, ValueError, KeyError, TypeError) as error:
        return 400, {"error": str(error)}


def _get_clock(account: SimulatedAccount, _params: Mapping[str, Any]) -> dict[str, Any]:
    return {"now": account.now().isoformat(), "path": str(account.clock_path), "pace": account.clock.pace}


def _advance(account: SimulatedAccount, params: Mapping[str, Any]) -> dict[str, Any]:
    if "to" in params:
        account.clock.advance_to(datetime.fromisoformat(params["to"]))
    else:
        account.clock.advance(float(params["seconds"]))
    account.settle()
    return _get_clock(account, {})


def _inject(account: SimulatedAccount, params: Mapping[str, Any]) -> dict[str, Any]:
    options = {key: value for key, value in params.items() if key not in ("kind", "times")}
    number = account.faults.inject(params["kind"], params.get("times"), **options)
    if params["kind"] in IMMEDIATE_KINDS:
        account.faults.clear(number)
        perform_action(account, params["kind"], options)
    return {"id": number}


def _clear(account: SimulatedAccount, params: Mapping[str, Any]) -> dict[str, Any]:
    account.faults.clear(params.get("id"))
    return {}


def _list_faults(account: SimulatedAccount, _params: Mapping[str, Any]) -> dict[str, Any]:
    pending = [{"id": f.id, "kind": f.kind, "remaining": f.remaining, **f.options} for f in account.faults.pending]
    return {"faults": pending}


def _list_operations(account: SimulatedAccount, _params: Mapping[str, Any]) -> dict[str, Any]:
    account.settle()
    return {"operations": [operation.to_json() for operation in account.operations]}


def _list_latencies(_account: SimulatedAccount, _params: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in vars(latencies).items() if name.isupper()}


def _flush_capture(account: SimulatedAccount, _params: Mapping[str, Any]) -> dict[str, Any]:
    files = account.capture_files.flush(None, put_capture_file)
    return {
        "files": files,
        "written_records": account.capture_files.records_written,
        "lost_records": account.capture_files.records_lost,
    }


def _list_timings(account: SimulatedAccount, _params: Mapping[str, Any]) -> dict[str, Any]:
    return {"timings": [timing.to_json() for timing in account.functions.timings]}


def _list_posts(account: SimulatedAccount, _params: Mapping[str, Any]) -> dict[str, Any]:
    with account.lock:
        return {"slack_posts": [post.to_json() for post in account.slack_posts]}


def _list_access_denials(account: SimulatedAccount, _params: Mapping[str, Any]) -> dict[str, Any]:
    return {"access_denials": list(account.access_denials)}


def _wait_for_invocations(account: SimulatedAccount, params: Mapping[str, Any]) -> dict[str, Any]:
    """Waits, in wall seconds, for the asynchronous invocations that were started."""
    for thread in list(account.invocation_threads):
        thread.join(float(params.get("seconds", 60)))
    return {"running": sum(thread.is_alive() for thread in account.invocation_threads)}


def _reset(account: SimulatedAccount, _params: Mapping[str, Any]) -> dict[str, Any]:
    BackendDict.reset()
    account.functions.close()
    account.reset()
    return {}


_HANDLERS: Mapping[str, Callable[[SimulatedAccount, Mapping[str, Any]], dict[str, Any]]] = {
    "clock": _get_clock,
    "advance": _advance,
    "inject": _inject,
    "clear": _clear,
    "faults": _list_faults,
    "operations": _list_operations,
    "latencies": _list_latencies,
    "capture/flush": _flush_capture,
    "function_timings": _list_timings,
    "slack_posts": _list_posts,
    "access_denials": _list_access_denials,
    "wait": _wait_for_invocations,
    "reset": _reset,
    "ready": lambda account, _params: {"now": account.now().isoformat()},
}
