"""The traffic controller of a stack, built from its outputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cli.aws_session import Session
from cli.backend import get_backend
from cli.errors import UserError
from cli.outputs import require_output
from tidewatch.traffic import Clients, ResourceNames, TrafficController


def create_controller(stack: str, outputs: Mapping[str, Any], session: Session) -> TrafficController:
    """Returns a controller of the endpoint and its ledger. Raises UserError if the stack serves nothing yet."""
    require_output(outputs, "endpoint", stack)
    return create_ledger_controller(stack, outputs, session)


def create_ledger_controller(stack: str, outputs: Mapping[str, Any], session: Session) -> TrafficController:
    """Returns a controller whose ledger and incidents can be read, also if the stack has no endpoint.

    Raises UserError if the stack has no ledger yet.
    """
    if not outputs.get("ledger"):
        raise UserError(get_backend(stack).explain_missing_output("ledger"))
    clients = Clients(session.client("sagemaker"), session.client("dynamodb"), session.client("cloudwatch"))
    endpoint = outputs.get("endpoint", {}).get("name") or ""
    return TrafficController(clients, ResourceNames(outputs["key"], endpoint, outputs["ledger"], ""))
