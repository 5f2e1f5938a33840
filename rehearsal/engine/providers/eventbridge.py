"""EventBridge rules and their targets."""

from __future__ import annotations

import secrets

from rehearsal.engine.providers.autonaming import Naming
from rehearsal.engine.providers.errors import NotFound
from rehearsal.engine.providers.properties import Props, pick, to_json_text
from rehearsal.engine.providers.resource_spec import ResourceContext, ResourceSpec
from rehearsal.engine.providers.tagging import from_pairs, make_retag, to_pairs

_BUS = "default"


def _get_bus(c: ResourceContext) -> str:
    return str(c.get("eventBusName", _BUS))


def _get_state(c: ResourceContext) -> str:
    return str(c.get("state") or ("DISABLED" if c.get("isEnabled") is False else "ENABLED"))


def _put_rule(c: ResourceContext) -> Props:
    properties = {**pick(c.props, "description", "scheduleExpression", "roleArn"), "state": _get_state(c)}
    params = {**c.build_params("PutRule", properties), "EventBusName": _get_bus(c)}
    if pattern := c.get("eventPattern"):
        params["EventPattern"] = to_json_text(pattern)
    if not c.olds and c.get("tags"):
        params["Tags"] = to_pairs(c["tags"])
    arn = c.client.put_rule(Name=c["name"], **params)["RuleArn"]
    return {"arn": arn, "state": _get_state(c), **({} if c.olds else {"id": _build_rule_id(c)})}


def _build_rule_id(c: ResourceContext) -> str:
    return str(c["name"]) if _get_bus(c) == _BUS else f"{_get_bus(c)}/{c['name']}"


def _parse_rule_id(id_: str) -> dict[str, str]:
    bus, _, name = id_.rpartition("/")
    return {"Name": name, "EventBusName": bus or _BUS}


def _read_rule(c: ResourceContext) -> Props:
    response = c.client.describe_rule(**_parse_rule_id(c.id))
    properties = pick(
        c.parse_response("DescribeRule", response),
        "description",
        "eventPattern",
        "scheduleExpression",
        "state",
        "roleArn",
    )
    tags = c.client.list_tags_for_resource(ResourceARN=response["Arn"])["Tags"]
    return {
        "name": response["Name"],
        "arn": response["Arn"],
        **properties,
        "eventBusName": _parse_rule_id(c.id)["EventBusName"],
        "tags": from_pairs(tags),
    }


def _validate_rule(news: Props) -> dict[str, str]:
    if news.get("eventPattern") is None and news.get("scheduleExpression") is None:
        return {"eventPattern": "one of `eventPattern`, `scheduleExpression` must be specified"}
    return {}


_TARGET = ("arn", "deadLetterConfig", "input", "inputPath", "retryPolicy", "roleArn")


def _put_target(c: ResourceContext) -> Props:
    target = c.olds.get("targetId") or c.get("targetId") or f"terraform-{secrets.token_hex(13)}"
    properties = {**pick(c.props, *_TARGET), "id": target}
    if transformer := c.get("inputTransformer"):
        properties["inputTransformer"] = {
            "inputTemplate": transformer["inputTemplate"],
            "inputPathsMap": transformer.get("inputPaths") or {},
        }
    if queue := c.get("sqsTarget"):
        properties["sqsParameters"] = queue
    params = c.build_params("PutTargets", {"rule": c["rule"], "eventBusName": _get_bus(c), "targets": [properties]})
    response = c.client.put_targets(**params)
    if failed := response.get("FailedEntries"):
        raise ValueError(f"rule {c['rule']} does not take the target {target}: {failed[0].get('ErrorMessage')}")
    return {"targetId": target, **({} if c.olds else {"id": f"{c['rule']}-{target}"})}


def _read_target(c: ResourceContext) -> Props:
    targets = c.client.list_targets_by_rule(Rule=c["rule"], EventBusName=_get_bus(c))["Targets"]
    found = [t for t in targets if f"{c['rule']}-{t['Id']}" == c.id]
    if not found:
        raise NotFound(c.id)
    live = c.parse_response("ListTargetsByRule", {"Targets": found})["targets"][0]
    return {"rule": c["rule"], "targetId": found[0]["Id"], **{k: live[k] for k in _TARGET if k in live}}


def _delete_target(c: ResourceContext) -> None:
    c.client.remove_targets(
        Rule=c["rule"], EventBusName=_get_bus(c), Ids=[c["targetId"]], Force=bool(c.get("forceDestroy"))
    )


def _build_target_id(c: ResourceContext) -> str:
    return f"{c['rule']}-{c['targetId']}" if c.get("targetId") else ""


SPECS: dict[str, ResourceSpec] = {
    "aws:cloudwatch/eventRule:EventRule": ResourceSpec(
        "events",
        _put_rule,
        _read_rule,
        lambda c: c.client.delete_rule(**_parse_rule_id(c.id), Force=bool(c.get("forceDestroy"))),
        update=_put_rule,
        naming=Naming(limit=64, pattern=r"[\w.-]+", rule="letters, digits, _, . and -"),
        inputs=frozenset(
            {"description", "eventPattern", "forceDestroy", "isEnabled", "roleArn", "scheduleExpression", "state"}
        ),
        force_new=frozenset({"eventBusName"}),
        defaults={"eventBusName": _BUS, "forceDestroy": False},
        validate=_validate_rule,
        identify=_build_rule_id,
        retag=make_retag("ResourceARN"),
    ),
    "aws:cloudwatch/eventTarget:EventTarget": ResourceSpec(
        "events",
        _put_target,
        _read_target,
        _delete_target,
        update=_put_target,
        naming=None,
        inputs=frozenset({*_TARGET, "forceDestroy", "inputTransformer", "sqsTarget"}),
        force_new=frozenset({"rule", "targetId", "eventBusName"}),
        defaults={"eventBusName": _BUS, "forceDestroy": False},
        computed=("targetId",),
        identify=_build_target_id,
    ),
}
