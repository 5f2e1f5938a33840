"""Resource policies of DynamoDB tables, which moto stores and does not enforce, and conditional writes that are atomic.

Source: DynamoDB developer guide, "Using resource-based policies for DynamoDB"; TransactWriteItems needs the
permissions of the writes it holds.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from typing import Any

from moto.dynamodb.responses import DynamoHandler

from simulator.aws import policies
from simulator.aws.identity import guard
from simulator.aws.identity.tables import TRANSACTED

_one_at_a_time = threading.RLock()


def install() -> None:
    """Sets the check before every operation of moto's DynamoDB."""
    DynamoHandler.call_action = _checked(DynamoHandler.call_action)  # type: ignore[method-assign]


def _checked(original: Any) -> Any:
    def call_action(self: DynamoHandler) -> Any:
        found = self.dynamodb_backend.resource_policies
        if found:
            principal = guard.principal_of(self.headers.get("Authorization"))
            for action, table in _writes(self._get_action() or "", getattr(self, "params", {})):
                arn = _arn(self, table)
                policy = found.get(arn)
                asked = policies.Request(principal, f"dynamodb:{action}", arn, {"aws:principalarn": principal})
                if policy is not None and policies.denied(policy.policy_doc, asked):
                    return _refusal(self, principal, action, arn)
        # moto checks a condition and then writes: two threads at once would both pass.
        with _one_at_a_time:
            return original(self)

    return call_action


def _writes(action: str, body: Any) -> Iterator[tuple[str, str]]:
    given: Mapping[str, Any] = body if isinstance(body, dict) else {}
    if action == "TransactWriteItems":
        for item in given.get("TransactItems") or ():
            for kind, write in item.items():
                yield TRANSACTED.get(str(kind), str(kind)), write.get("TableName", "")
    elif action == "BatchWriteItem":
        for table in given.get("RequestItems") or {}:
            yield action, table
    elif given.get("TableName"):
        yield action, given["TableName"]


def _arn(self: DynamoHandler, table: str) -> str:
    return table if table.startswith("arn:") else f"arn:aws:dynamodb:{self.region}:{self.current_account}:table/{table}"


def _refusal(self: DynamoHandler, principal: str, action: str, arn: str) -> Any:
    text = (
        f"User: {principal} is not authorized to perform: dynamodb:{action} on resource: {arn} "
        "with an explicit deny in a resource-based policy"
    )
    body = json.dumps({"__type": "com.amazon.coral.service#AccessDeniedException", "Message": text})
    return 400, {**self.response_headers, "status": "400"}, body
