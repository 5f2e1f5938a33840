"""Tables: they can be restored, and a ledger is only appended to."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pulumi_policy import ResourceValidationArgs, Severity

from policies.buckets import list_statements
from policies.definition import Metadata, Settings, StackFinding, define_resource_policy, define_stack_policy
from policies.policy_documents import PolicyStatement
from policies.resource_types import TABLE, TABLE_POLICY, read_object
from policies.stack_view import StackView

_REWRITES = ("dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:BatchWriteItem")


def _check_recovery(args: ResourceValidationArgs, settings: Settings) -> Iterator[str]:
    del settings
    if not read_object(args.props, "pointInTimeRecovery").get("enabled"):
        yield "It cannot be restored to a point in time."


table_recovery = define_resource_policy(
    Metadata(
        "table-recovery",
        "A table can be restored to a point in time.",
        Severity.MEDIUM,
        "Enable pointInTimeRecovery.",
        ("DynamoDB.2", "CKV_AWS_28"),
    ),
    {TABLE},
    _check_recovery,
)


def _check_ledger(stack: StackView, settings: Settings) -> Iterator[StackFinding]:
    pattern = re.compile(settings["tables"])
    for table in stack.of_type(TABLE):
        if not pattern.search(table.name):
            continue
        statements = list_statements(stack, table, {TABLE_POLICY}, "resourceArn")
        if not any(_denies_rewriting(statement) for statement in statements):
            yield StackFinding("Its policy lets items be changed or deleted.", table.urn)


def _denies_rewriting(statement: PolicyStatement) -> bool:
    is_for_all = statement.effect == "Deny" and "*" in statement.principals and not statement.condition
    return is_for_all and statement.covers(*_REWRITES)


ledger_append_only = define_stack_policy(
    Metadata(
        "ledger-append-only",
        "A ledger can only be appended to.",
        Severity.HIGH,
        "Add a resource policy that denies everybody to change and to delete items.",
        settings={
            "tables": {
                "type": "string", "default": r"(^|-)ledger($|-)",
                "description": "a regular expression of the logical names of ledgers",
            }
        },
    ),
    _check_ledger,
)  # fmt: skip

POLICIES = (table_recovery, ledger_append_only)
