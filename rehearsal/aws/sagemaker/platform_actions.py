"""Actions of the platform on an endpoint that a rehearsal injects: maintenance, failures, autoscaling."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rehearsal.aws import latencies
from rehearsal.aws.account import SimulatedAccount
from rehearsal.aws.sagemaker.endpoint import SimulatedEndpoint, apply_desired
from rehearsal.aws.sagemaker.operations import Operation

IMMEDIATE_KINDS = frozenset({"status", "scaling"})
"""Faults that take effect at once instead of waiting."""

FORCEABLE_STATUSES = frozenset(
    {"SystemUpdating", "Failed", "OutOfService", "UpdateRollbackFailed", "InService", "RollingBack"}
)


def perform_action(account: SimulatedAccount, kind: str, options: Mapping[str, Any]) -> None:
    """Performs the action. Raises ValueError if the endpoint or status does not exist."""
    account.settle()
    endpoints = [endpoint for (_, name), endpoint in account.endpoints.items() if name == options.get("endpoint")]
    if not endpoints:
        raise ValueError(f"There is no endpoint {options.get('endpoint')!r} to act on.")
    with account.lock:
        (_force_status if kind == "status" else _scale)(account, endpoints[0], options)
    account.settle()


def _force_status(account: SimulatedAccount, endpoint: SimulatedEndpoint, options: Mapping[str, Any]) -> None:
    status = str(options.get("status", ""))
    if status not in FORCEABLE_STATUSES:
        raise ValueError(
            f"The platform cannot be made to set {status!r}; it sets {', '.join(sorted(FORCEABLE_STATUSES))}."
        )
    operation = None
    if status in ("SystemUpdating", "RollingBack"):
        seconds = float(options.get("seconds") or latencies.SYSTEM_UPDATE_SECONDS)
        kind = "system_update" if status == "SystemUpdating" else "change_rollback"
        operation = Operation(endpoint.endpoint_name, kind, account.now(), seconds, account.operations.append)
    endpoint.force_status(status, options.get("reason"), operation, account.now())


def _scale(account: SimulatedAccount, endpoint: SimulatedEndpoint, options: Mapping[str, Any]) -> None:
    if endpoint.endpoint_status != "InService":
        raise ValueError(f"Endpoint {endpoint.endpoint_name} is {endpoint.endpoint_status}: it cannot be scaled now.")
    change = {"VariantName": options["variant"], "DesiredInstanceCount": int(options["instances"])}
    endpoint.fleet = apply_desired(endpoint.fleet, [change])
    seconds = latencies.CAPACITY_SECONDS
    operation = Operation(endpoint.endpoint_name, "capacity", account.now(), seconds, account.operations.append)
    endpoint.start_operation(operation, "Updating")
