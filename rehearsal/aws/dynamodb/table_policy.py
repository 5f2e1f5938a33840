"""Enforces resource policies of DynamoDB tables, which moto only stores, and makes conditional writes atomic.

Source: DynamoDB developer guide, "Using resource-based policies for DynamoDB"; TransactWriteItems needs the permissions
of its writes.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from typing import Any

from moto.dynamodb.responses import DynamoHandler

from rehearsal.aws.identity import enforcement, policies
from rehearsal.aws.identity.action_tables import TRANSACTION_ACTIONS

_write_lock = threading.RLock()


def install() -> None:
    """Patches every operation of moto's DynamoDB with the check."""
    DynamoHandler.call_action = _enforce_policies(DynamoHandler.call_action)  # type: ignore[method-assign]


def _enforce_policies(original: Any) -> Any:
    def call_action(self: DynamoHandler) -> Any:
        table_policies = self.dynamodb_backend.resource_policies
        if table_policies:
            principal = enforcement.find_principal(self.headers.get("Authorization"))
            for action, table in _list_writes(self._get_action() or "", getattr(self, "params", {})):
                arn = _build_table_arn(self, table)
                policy = table_policies.get(arn)
                request = policies.PolicyRequest(principal, f"dynamodb:{action}", arn, {"aws:principalarn": principal})
                if policy is not None and policies.is_denied(policy.policy_doc, request):
                    return _build_denial(self, principal, action, arn)
        # moto checks a condition and then writes: without the lock, two threads could both pass.
        with _write_lock:
            return original(self)

    return call_action


def _list_writes(action: str, body: Any) -> Iterator[tuple[str, str]]:
    params: Mapping[str, Any] = body if isinstance(body, dict) else {}
    if action == "TransactWriteItems":
        for item in params.get("TransactItems") or ():
            for kind, write in item.items():
                yield TRANSACTION_ACTIONS.get(str(kind), str(kind)), write.get("TableName", "")
    elif action == "BatchWriteItem":
        for table in params.get("RequestItems") or {}:
            yield action, table
    elif params.get("TableName"):
        yield action, params["TableName"]


def _build_table_arn(self: DynamoHandler, table: str) -> str:
    return table if table.startswith("arn:") else f"arn:aws:dynamodb:{self.region}:{self.current_account}:table/{table}"


def _build_denial(self: DynamoHandler, principal: str, action: str, arn: str) -> Any:
    text = (
        f"User: {principal} is not authorized to perform: dynamodb:{action} on resource: {arn} "
        "with an explicit deny in a resource-based policy"
    )
    body = json.dumps({"__type": "com.amazon.coral.service#AccessDeniedException", "Message": text})
    return 400, {**self.response_headers, "status": "400"}, body
