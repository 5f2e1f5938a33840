"""EventBridge rules and their targets."""

from __future__ import annotations

import secrets

from simulator.provider.base import Call, Gone, Naming, Spec, pairs, unpaired
from simulator.provider.tagging import tagging
from simulator.provider.values import Props, chosen, text

_BUS = "default"


def _bus(c: Call) -> str:
    return str(c.get("eventBusName", _BUS))


def _state(c: Call) -> str:
    return str(c.get("state") or ("DISABLED" if c.get("isEnabled") is False else "ENABLED"))


def _put_rule(c: Call) -> Props:
    given = {**chosen(c.props, "description", "scheduleExpression", "roleArn"), "state": _state(c)}
    params = {**c.params("PutRule", given), "EventBusName": _bus(c)}
    if pattern := c.get("eventPattern"):
        params["EventPattern"] = text(pattern)
    if not c.olds and c.get("tags"):
        params["Tags"] = pairs(c["tags"])
    arn = c.client.put_rule(Name=c["name"], **params)["RuleArn"]
    return {"arn": arn, "state": _state(c), **({} if c.olds else {"id": _rule_id(c)})}


def _rule_id(c: Call) -> str:
    return str(c["name"]) if _bus(c) == _BUS else f"{_bus(c)}/{c['name']}"


def _split(id_: str) -> dict[str, str]:
    bus, _, name = id_.rpartition("/")
    return {"Name": name, "EventBusName": bus or _BUS}


def _read_rule(c: Call) -> Props:
    said = c.client.describe_rule(**_split(c.id))
    seen = chosen(
        c.answer("DescribeRule", said), "description", "eventPattern", "scheduleExpression", "state", "roleArn"
    )
    tags = c.client.list_tags_for_resource(ResourceARN=said["Arn"])["Tags"]
    return {
        "name": said["Name"],
        "arn": said["Arn"],
        **seen,
        "eventBusName": _split(c.id)["EventBusName"],
        "tags": unpaired(tags),
    }


def _rule_faults(news: Props) -> dict[str, str]:
    if news.get("eventPattern") is None and news.get("scheduleExpression") is None:
        return {"eventPattern": "one of `eventPattern`, `scheduleExpression` must be specified"}
    return {}


_TARGET = ("arn", "deadLetterConfig", "input", "inputPath", "retryPolicy", "roleArn")


def _put_target(c: Call) -> Props:
    target = c.olds.get("targetId") or c.get("targetId") or f"terraform-{secrets.token_hex(13)}"
    given = {**chosen(c.props, *_TARGET), "id": target}
    if transformer := c.get("inputTransformer"):
        given["inputTransformer"] = {
            "inputTemplate": transformer["inputTemplate"],
            "inputPathsMap": transformer.get("inputPaths") or {},
        }
    if queue := c.get("sqsTarget"):
        given["sqsParameters"] = queue
    params = c.params("PutTargets", {"rule": c["rule"], "eventBusName": _bus(c), "targets": [given]})
    said = c.client.put_targets(**params)
    if failed := said.get("FailedEntries"):
        raise ValueError(f"rule {c['rule']} does not take the target {target}: {failed[0].get('ErrorMessage')}")
    return {"targetId": target, **({} if c.olds else {"id": f"{c['rule']}-{target}"})}


def _read_target(c: Call) -> Props:
    listed = c.client.list_targets_by_rule(Rule=c["rule"], EventBusName=_bus(c))["Targets"]
    found = [t for t in listed if f"{c['rule']}-{t['Id']}" == c.id]
    if not found:
        raise Gone(c.id)
    live = c.answer("ListTargetsByRule", {"Targets": found})["targets"][0]
    return {"rule": c["rule"], "targetId": found[0]["Id"], **{k: live[k] for k in _TARGET if k in live}}


def _delete_target(c: Call) -> None:
    c.client.remove_targets(
        Rule=c["rule"], EventBusName=_bus(c), Ids=[c["targetId"]], Force=bool(c.get("forceDestroy"))
    )


def _target_id(c: Call) -> str:
    return f"{c['rule']}-{c['targetId']}" if c.get("targetId") else ""


SPECS: dict[str, Spec] = {
    "aws:cloudwatch/eventRule:EventRule": Spec(
        "events",
        _put_rule,
        _read_rule,
        lambda c: c.client.delete_rule(**_split(c.id), Force=bool(c.get("forceDestroy"))),
        update=_put_rule,
        naming=Naming(limit=64, pattern=r"[\w.-]+", rule="letters, digits, _, . and -"),
        inputs=frozenset(
            {"description", "eventPattern", "forceDestroy", "isEnabled", "roleArn", "scheduleExpression", "state"}
        ),
        replace=frozenset({"eventBusName"}),
        defaults={"eventBusName": _BUS, "forceDestroy": False},
        validate=_rule_faults,
        identify=_rule_id,
        retag=tagging("ResourceARN"),
    ),
    "aws:cloudwatch/eventTarget:EventTarget": Spec(
        "events",
        _put_target,
        _read_target,
        _delete_target,
        update=_put_target,
        naming=None,
        inputs=frozenset({*_TARGET, "forceDestroy", "inputTransformer", "sqsTarget"}),
        replace=frozenset({"rule", "targetId", "eventBusName"}),
        defaults={"eventBusName": _BUS, "forceDestroy": False},
        computed=("targetId",),
        identify=_target_id,
    ),
}
