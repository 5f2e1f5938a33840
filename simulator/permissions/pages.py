"""docs/permissions.md: what each role may do, and what of its work needs it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from simulator.permissions.roles import PURPOSES, reason, statements
from simulator.permissions.statement import Grant

_BEGINNING = """# What people's roles may do

Written by `python -m simulator.permissions`, and held up to date by a test. Five roles work on a stack. What each calls
was recorded while it did its work in the rehearsal: the providers of the program, the dynamic providers, the preflight,
and every command. The real AWS provider reads more than the rehearsal's and changes tags by calls of their own: that is
taken from its source (`simulator/permissions/provider.py`). Which action and resource a call is, says AWS's Service
Authorization Reference (`simulator/aws/identity/`). A test plays a stack's whole life with these documents and nothing
more, and each role is refused what is another's.

`tidewatch permissions ROLE --stack STACK` prints a role's policy with the stack's names, as IAM takes it. A managed
policy holds 6,144 characters, so the deployer's comes in several documents: attach all of them.

- Resources are named by how their names begin (`{stem}-`, the model's name; `{bucket}-` in small letters; with `{own}-`
  what no other stack's names have) where the service takes names, keys by the stack's tag `tidewatch:stack`. Two stacks
  of one model in one account share `{stem}-`: give them accounts of their own where their people must not meet.
- The deployer makes roles for the stack and writes their policies: whoever holds it can give those roles anything.
  Where that is too much, give it a permissions boundary.
- Not in them: the bucket of Pulumi's state, its lock and the key of its secrets (`docs/ci.md`), reading what was
  captured (the role `capture-reader` of the stack), deleting from the registry (its role `break-glass`), prices of
  repositories in another account.
- With `endpoint.volumeKey` the deployer's policy allows kms:DescribeKey and kms:CreateGrant on that key too; the key's
  own policy has to let the account do that.
"""


def page(found: Mapping[str, list[Grant]]) -> str:
    """The whole page."""
    return "\n".join((_BEGINNING, *(line for role in PURPOSES for line in _role(role, found[role]))))


def _role(role: str, grants: Sequence[Grant]) -> Iterator[str]:
    yield f"## {role}\n"
    yield f"{PURPOSES[role]}\n"
    yield "| actions | on | needed by |"
    yield "|---|---|---|"
    for one in statements(grants):
        yield f"| {_joined(one['Action'])} | {_places(one)} | {_why(one, grants)} |"
    yield ""


def _places(statement: Mapping[str, Any]) -> str:
    places = statement["Resource"]
    if places == ["*"]:
        return "everything: " + "; ".join(sorted({reason(action) for action in statement["Action"]}))
    condition = statement.get("Condition")
    return _joined(places) + (f" if `{json.dumps(condition)}`" if condition else "")


def _why(statement: Mapping[str, Any], grants: Sequence[Grant]) -> str:
    condition = json.dumps(statement.get("Condition"), sort_keys=True)
    whys = {
        one.why.partition(": internal/")[0]
        for one in grants
        if one.action in statement["Action"] and json.dumps(one.condition, sort_keys=True) == condition
    }
    return "; ".join(sorted(whys))


def _joined(texts: Sequence[str]) -> str:
    return ", ".join(f"`{text}`" for text in texts)
