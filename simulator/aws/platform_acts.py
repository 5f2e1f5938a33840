"""What only the platform does to an endpoint, on a rehearsal's request: maintenance, failures, scaling of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from simulator.aws import durations
from simulator.aws.endpoint import Endpoint, desired
from simulator.aws.journal import Operation
from simulator.aws.world import World

acts = frozenset({"status", "scaling"})
"""Faults that happen at once instead of waiting to be taken."""

IMPOSED = frozenset({"SystemUpdating", "Failed", "OutOfService", "UpdateRollbackFailed", "InService", "RollingBack"})


def act(here: World, kind: str, options: Mapping[str, Any]) -> None:
    """Does it. Raises ValueError where the endpoint or status does not exist."""
    here.settle()
    found = [one for (_, name), one in here.endpoints.items() if name == options.get("endpoint")]
    if not found:
        raise ValueError(f"There is no endpoint {options.get('endpoint')!r} to act on.")
    with here.lock:
        (_impose if kind == "status" else _scale)(here, found[0], options)
    here.settle()


def _impose(here: World, endpoint: Endpoint, options: Mapping[str, Any]) -> None:
    status = str(options.get("status", ""))
    if status not in IMPOSED:
        raise ValueError(f"The platform cannot be made to set {status!r}; it sets {', '.join(sorted(IMPOSED))}.")
    operation = None
    if status in ("SystemUpdating", "RollingBack"):
        seconds = float(options.get("seconds") or durations.SYSTEM_UPDATE_SECONDS)
        kind = "system_update" if status == "SystemUpdating" else "change_rollback"
        operation = Operation(endpoint.endpoint_name, kind, here.now(), seconds, here.operations.append)
    endpoint.impose(status, options.get("reason"), operation, here.now())


def _scale(here: World, endpoint: Endpoint, options: Mapping[str, Any]) -> None:
    if endpoint.endpoint_status != "InService":
        raise ValueError(f"Endpoint {endpoint.endpoint_name} is {endpoint.endpoint_status}: it cannot be scaled now.")
    change = {"VariantName": options["variant"], "DesiredInstanceCount": int(options["instances"])}
    endpoint.fleet = desired(endpoint.fleet, [change])
    seconds = durations.CAPACITY_SECONDS
    operation = Operation(endpoint.endpoint_name, "capacity", here.now(), seconds, here.operations.append)
    endpoint.begin(operation, "Updating")
