"""Parameters."""

from __future__ import annotations

from simulator.provider.base import Call, Gone, Naming, Spec, pairs, unpaired
from simulator.provider.values import Props, chosen

_PLAIN = ("allowedPattern", "dataType", "description", "keyId", "tier", "type")


def _value(c: Call) -> str:
    return str(c.get("value", c.get("insecureValue", "")))


def _create(c: Call) -> Props:
    """PutParameter takes no tags together with Overwrite, so they follow in a call of their own, as in the provider."""
    params = c.params("PutParameter", chosen(c.props, "name", *_PLAIN, "overwrite"))
    tags = pairs(c.get("tags") or {})
    together = {} if not tags or c.get("overwrite") else {"Tags": tags}
    c.client.put_parameter(Value=_value(c), **params, **together)
    return {}


def _finish(c: Call) -> Props:
    if c.get("overwrite") and c.get("tags"):
        c.client.add_tags_to_resource(ResourceType="Parameter", ResourceId=c.id, Tags=pairs(c["tags"]))
    return _described(c, c.id)


def _described(c: Call, name: str) -> Props:
    live = c.client.get_parameter(Name=name, WithDecryption=True)["Parameter"]
    shown = "value" if c.get("insecureValue") is None else "insecureValue"
    return {"arn": live["ARN"], "version": live["Version"], "type": live["Type"], shown: live["Value"]}


def _read(c: Call) -> Props:
    wanted = [{"Key": "Name", "Option": "Equals", "Values": [c.id]}]
    found = c.client.describe_parameters(ParameterFilters=wanted)["Parameters"]
    if not found:
        raise Gone(c.id)
    tags = c.client.list_tags_for_resource(ResourceType="Parameter", ResourceId=c.id)["TagList"]
    return {"name": c.id, **_described(c, c.id), "description": found[0].get("Description", ""), "tags": unpaired(tags)}


def _update(c: Call) -> Props:
    if c.changed("value", "insecureValue", *_PLAIN):
        params = c.params("PutParameter", chosen(c.props, "name", *_PLAIN))
        c.client.put_parameter(Value=_value(c), Overwrite=True, **params)
    return {"version": _described(c, c.id)["version"]}


def _delete(c: Call) -> None:
    c.client.delete_parameter(Name=c.id)


def _retag(c: Call, put: dict[str, str], removed: list[str]) -> None:
    if removed:
        c.client.remove_tags_from_resource(ResourceType="Parameter", ResourceId=c.id, TagKeys=removed)
    if put:
        c.client.add_tags_to_resource(ResourceType="Parameter", ResourceId=c.id, Tags=pairs(put))


def _faults(news: Props) -> dict[str, str]:
    """A value is a secret to the provider unless it is declared insecure, which a SecureString cannot be."""
    if news.get("type") == "SecureString" and news.get("insecureValue") is not None:
        return {"insecureValue": 'a SecureString takes "value", not "insecureValue"'}
    if (news.get("value") is None) == (news.get("insecureValue") is None):
        return {"value": "exactly one of `insecureValue`, `value` must be specified"}
    return {}


SPECS: dict[str, Spec] = {
    "aws:ssm/parameter:Parameter": Spec(
        "ssm",
        _create,
        _read,
        _delete,
        finish=_finish,
        update=_update,
        naming=Naming(limit=2048, pattern=r"[\w./-]+", rule="letters, digits and ./-_"),
        inputs=frozenset(
            {"allowedPattern", "description", "insecureValue", "keyId", "overwrite", "tier", "type", "value"}
        ),
        replace=frozenset({"dataType"}),
        computed=("arn", "version"),
        moving={"version": frozenset({"value", "insecureValue"})},
        validate=_faults,
        retag=_retag,
    ),
}
