"""Parameters."""

from __future__ import annotations

from rehearsal.engine.providers.autonaming import Naming
from rehearsal.engine.providers.errors import NotFound
from rehearsal.engine.providers.properties import Props, pick
from rehearsal.engine.providers.resource_spec import ResourceContext, ResourceSpec
from rehearsal.engine.providers.tagging import from_pairs, to_pairs

_SIMPLE_ARGUMENTS = ("allowedPattern", "dataType", "description", "keyId", "tier", "type")


def _get_value(c: ResourceContext) -> str:
    return str(c.get("value", c.get("insecureValue", "")))


def _create(c: ResourceContext) -> Props:
    """Creates the parameter.

    PutParameter accepts no tags together with Overwrite, so they follow in another call, as in the provider.
    """
    params = c.build_params("PutParameter", pick(c.props, "name", *_SIMPLE_ARGUMENTS, "overwrite"))
    tags = to_pairs(c.get("tags") or {})
    tag_params = {} if not tags or c.get("overwrite") else {"Tags": tags}
    c.client.put_parameter(Value=_get_value(c), **params, **tag_params)
    return {}


def _finish(c: ResourceContext) -> Props:
    if c.get("overwrite") and c.get("tags"):
        c.client.add_tags_to_resource(ResourceType="Parameter", ResourceId=c.id, Tags=to_pairs(c["tags"]))
    return _describe_parameter(c, c.id)


def _describe_parameter(c: ResourceContext, name: str) -> Props:
    live = c.client.get_parameter(Name=name, WithDecryption=True)["Parameter"]
    value_key = "value" if c.get("insecureValue") is None else "insecureValue"
    return {"arn": live["ARN"], "version": live["Version"], "type": live["Type"], value_key: live["Value"]}


def _read(c: ResourceContext) -> Props:
    filters = [{"Key": "Name", "Option": "Equals", "Values": [c.id]}]
    found = c.client.describe_parameters(ParameterFilters=filters)["Parameters"]
    if not found:
        raise NotFound(c.id)
    tags = c.client.list_tags_for_resource(ResourceType="Parameter", ResourceId=c.id)["TagList"]
    return {
        "name": c.id,
        **_describe_parameter(c, c.id),
        "description": found[0].get("Description", ""),
        "tags": from_pairs(tags),
    }


def _update(c: ResourceContext) -> Props:
    if c.has_changed("value", "insecureValue", *_SIMPLE_ARGUMENTS):
        params = c.build_params("PutParameter", pick(c.props, "name", *_SIMPLE_ARGUMENTS))
        c.client.put_parameter(Value=_get_value(c), Overwrite=True, **params)
    return {"version": _describe_parameter(c, c.id)["version"]}


def _delete(c: ResourceContext) -> None:
    c.client.delete_parameter(Name=c.id)


def _retag(c: ResourceContext, put: dict[str, str], removed: list[str]) -> None:
    if removed:
        c.client.remove_tags_from_resource(ResourceType="Parameter", ResourceId=c.id, TagKeys=removed)
    if put:
        c.client.add_tags_to_resource(ResourceType="Parameter", ResourceId=c.id, Tags=to_pairs(put))


def _validate_parameter(news: Props) -> dict[str, str]:
    """The rule of the provider: a value is a secret unless it is insecure, which a SecureString cannot be."""
    if news.get("type") == "SecureString" and news.get("insecureValue") is not None:
        return {"insecureValue": 'a SecureString takes "value", not "insecureValue"'}
    if (news.get("value") is None) == (news.get("insecureValue") is None):
        return {"value": "exactly one of `insecureValue`, `value` must be specified"}
    return {}


SPECS: dict[str, ResourceSpec] = {
    "aws:ssm/parameter:Parameter": ResourceSpec(
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
        force_new=frozenset({"dataType"}),
        computed=("arn", "version"),
        recomputed={"version": frozenset({"value", "insecureValue"})},
        validate=_validate_parameter,
        retag=_retag,
    ),
}
