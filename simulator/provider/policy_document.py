"""aws.iam.get_policy_document: statements as a policy's JSON text."""

from __future__ import annotations

import json
import zlib
from typing import Any

from simulator.provider.settings import Settings
from simulator.provider.values import Props, whole

_ELEMENTS = {
    "sid": "Sid",
    "effect": "Effect",
    "actions": "Action",
    "notActions": "NotAction",
    "resources": "Resource",
    "notResources": "NotResource",
}


def _one(values: Any) -> Any:
    """One value stands alone, several in a list, as the provider writes documents."""
    return values[0] if isinstance(values, list) and len(values) == 1 else values


def _who(blocks: list[Props]) -> Any:
    if any(b["type"] == "*" for b in blocks):
        return "*"
    return {b["type"]: _one(b["identifiers"]) for b in blocks}


def _statement(given: Props) -> Props:
    given = {"effect": "Allow", **given}
    made: Props = {member: _one(given[key]) for key, member in _ELEMENTS.items() if given.get(key)}
    for key, member in (("principals", "Principal"), ("notPrincipals", "NotPrincipal")):
        if given.get(key):
            made[member] = _who(given[key])
    for condition in given.get("conditions") or []:
        made.setdefault("Condition", {}).setdefault(condition["test"], {})[condition["variable"]] = _one(
            condition["values"]
        )
    return made


def policy_document(settings: Settings, args: Props) -> Props:
    """aws:iam/getPolicyDocument:getPolicyDocument: statements as a policy's JSON text."""
    del settings  # the document is made without a call
    args = whole(args)
    statements: list[Props] = []
    for source in args.get("sourcePolicyDocuments") or []:
        statements += json.loads(source).get("Statement", [])
    statements += [_statement(s) for s in args.get("statements") or []]
    for override in args.get("overridePolicyDocuments") or []:
        for statement in json.loads(override).get("Statement", []):
            statements = [s for s in statements if not s.get("Sid") or s["Sid"] != statement.get("Sid")] + [statement]
    document: Props = {"Version": args.get("version") or "2012-10-17"}
    document |= {"Id": args["policyId"]} if args.get("policyId") else {}
    document["Statement"] = statements
    written = json.dumps(document, indent=2)
    return {
        **args,
        "id": str(zlib.crc32(written.encode())),
        "json": written,
        "minifiedJson": json.dumps(document, separators=(",", ":")),
    }
