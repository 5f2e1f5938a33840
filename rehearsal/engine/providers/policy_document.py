"""aws.iam.get_policy_document: statements as a policy's JSON text."""

from __future__ import annotations

import json
import zlib
from typing import Any

from rehearsal.engine.providers.properties import Props, restore_integers
from rehearsal.engine.providers.provider_settings import ProviderSettings

_ELEMENTS = {
    "sid": "Sid",
    "effect": "Effect",
    "actions": "Action",
    "notActions": "NotAction",
    "resources": "Resource",
    "notResources": "NotResource",
}


def _unwrap_single(values: Any) -> Any:
    """A single value without a list, as the provider writes documents."""
    return values[0] if isinstance(values, list) and len(values) == 1 else values


def _build_principals(blocks: list[Props]) -> Any:
    if any(b["type"] == "*" for b in blocks):
        return "*"
    return {b["type"]: _unwrap_single(b["identifiers"]) for b in blocks}


def _build_statement(block: Props) -> Props:
    block = {"effect": "Allow", **block}
    statement: Props = {member: _unwrap_single(block[key]) for key, member in _ELEMENTS.items() if block.get(key)}
    for key, member in (("principals", "Principal"), ("notPrincipals", "NotPrincipal")):
        if block.get(key):
            statement[member] = _build_principals(block[key])
    for condition in block.get("conditions") or []:
        statement.setdefault("Condition", {}).setdefault(condition["test"], {})[condition["variable"]] = _unwrap_single(
            condition["values"]
        )
    return statement


def build_policy_document(settings: ProviderSettings, args: Props) -> Props:
    """aws:iam/getPolicyDocument:getPolicyDocument: statements as a policy's JSON text."""
    del settings  # needs no call
    args = restore_integers(args)
    statements: list[Props] = []
    for source in args.get("sourcePolicyDocuments") or []:
        statements += json.loads(source).get("Statement", [])
    statements += [_build_statement(s) for s in args.get("statements") or []]
    for override in args.get("overridePolicyDocuments") or []:
        for statement in json.loads(override).get("Statement", []):
            statements = [s for s in statements if not s.get("Sid") or s["Sid"] != statement.get("Sid")] + [statement]
    document: Props = {"Version": args.get("version") or "2012-10-17"}
    document |= {"Id": args["policyId"]} if args.get("policyId") else {}
    document["Statement"] = statements
    json_text = json.dumps(document, indent=2)
    return {
        **args,
        "id": str(zlib.crc32(json_text.encode())),
        "json": json_text,
        "minifiedJson": json.dumps(document, separators=(",", ":")),
    }
