"""Slack channels of AWS Chatbot."""

from __future__ import annotations

from typing import Any

from rehearsal.engine.providers.errors import NotFound
from rehearsal.engine.providers.properties import Props
from rehearsal.engine.providers.resource_spec import ResourceContext, ResourceSpec
from rehearsal.engine.providers.tagging import from_pairs, to_pairs

_REGIONS = ("us-east-2", "us-west-2", "eu-west-1", "ap-southeast-1")
"""The regions with a Chatbot endpoint; the provider uses us-west-2 for any other region."""
_ARGUMENTS = (
    "configurationName",
    "guardrailPolicyArns",
    "iamRoleArn",
    "loggingLevel",
    "slackChannelId",
    "slackTeamId",
    "snsTopicArns",
    "userAuthorizationRequired",
)
_FORCE_NEW = frozenset({"configurationName", "slackTeamId"})
"""The arguments that UpdateSlackChannelConfiguration does not accept."""


def _get_client(c: ResourceContext) -> Any:
    return c.settings.get_client(c.spec.service, c.region if c.region in _REGIONS else "us-west-2")


def _build_arguments(c: ResourceContext, operation: str) -> Props:
    """The arguments of an API call.

    Topics and guardrails that the program no longer names stay unchanged: the provider computes them.
    """
    values = {key: value for key in _ARGUMENTS if (value := c.get(key, c.olds.get(key))) is not None}
    members = _get_client(c).meta.service_model.operation_model(operation).input_shape.members
    return {member: values[key] for key in values if (member := key[0].upper() + key[1:]) in members}


def _from_api_configuration(response: Props) -> Props:
    """A configuration from the API, with the program's names."""
    configuration = {member[0].lower() + member[1:]: value for member, value in response.items()}
    tags = {"tags": from_pairs(configuration.pop("tags", None), "TagKey", "TagValue")}
    return {key: value for key, value in configuration.items() if key not in ("state", "stateReason")} | tags


def _create(c: ResourceContext) -> Props:
    tags = {"Tags": to_pairs(c["tags"], "TagKey", "TagValue")} if c.get("tags") else {}
    response = _get_client(c).create_slack_channel_configuration(
        **_build_arguments(c, "CreateSlackChannelConfiguration"), **tags
    )
    live = _from_api_configuration(response["ChannelConfiguration"])
    return {"id": live["chatConfigurationArn"], **live}


def _read(c: ResourceContext) -> Props:
    found = _get_client(c).describe_slack_channel_configurations(ChatConfigurationArn=c.id)[
        "SlackChannelConfigurations"
    ]
    if not found:
        raise NotFound(c.id)
    return _from_api_configuration(found[0])


def _update(c: ResourceContext) -> Props:
    if c.has_changed(*_ARGUMENTS):
        arguments = _build_arguments(c, "UpdateSlackChannelConfiguration")
        _get_client(c).update_slack_channel_configuration(ChatConfigurationArn=c.id, **arguments)
    return _read(c)


def _retag(c: ResourceContext, put: dict[str, str], removed: list[str]) -> None:
    if removed:
        _get_client(c).untag_resource(ResourceARN=c.id, TagKeys=removed)
    if put:
        _get_client(c).tag_resource(ResourceARN=c.id, Tags=to_pairs(put, "TagKey", "TagValue"))


SPECS: dict[str, ResourceSpec] = {
    "aws:chatbot/slackChannelConfiguration:SlackChannelConfiguration": ResourceSpec(
        "chatbot",
        _create,
        _read,
        lambda c: _get_client(c).delete_slack_channel_configuration(ChatConfigurationArn=c.id),
        update=_update,
        naming=None,
        inputs=frozenset(_ARGUMENTS),
        force_new=_FORCE_NEW,
        defaults={"loggingLevel": "NONE", "userAuthorizationRequired": False},
        computed=("chatConfigurationArn", "guardrailPolicyArns", "slackChannelName", "slackTeamName", "snsTopicArns"),
        recomputed={name: frozenset({*_ARGUMENTS, "tags"}) for name in ("slackChannelName", "slackTeamName")},
        identify=lambda c: (
            f"arn:aws:chatbot::{c.settings.account}:chat-configuration/slack-channel/{c['configurationName']}"
        ),
        retag=_retag,
    ),
}
