"""Slack channels of AWS Chatbot."""

from __future__ import annotations

from typing import Any

from simulator.provider.base import Call, Gone, Spec, pairs, unpaired
from simulator.provider.values import Props

_REGIONS = ("us-east-2", "us-west-2", "eu-west-1", "ap-southeast-1")
"""Where Chatbot has an endpoint; the provider asks us-west-2 for any other region."""
_GIVEN = (
    "configurationName",
    "guardrailPolicyArns",
    "iamRoleArn",
    "loggingLevel",
    "slackChannelId",
    "slackTeamId",
    "snsTopicArns",
    "userAuthorizationRequired",
)
_FIXED = frozenset({"configurationName", "slackTeamId"})
"""What UpdateSlackChannelConfiguration does not take."""


def _client(c: Call) -> Any:
    return c.settings.client(c.spec.service, c.region if c.region in _REGIONS else "us-west-2")


def _given(c: Call, operation: str) -> Props:
    """Topics and guardrails that the program no longer names stay as they are: the provider computes them."""
    kept = {key: value for key in _GIVEN if (value := c.get(key, c.olds.get(key))) is not None}
    members = _client(c).meta.service_model.operation_model(operation).input_shape.members
    return {member: kept[key] for key in kept if (member := key[0].upper() + key[1:]) in members}


def _live(said: Props) -> Props:
    """A configuration as the API shows it, in the program's words."""
    shown = {member[0].lower() + member[1:]: value for member, value in said.items()}
    tags = {"tags": unpaired(shown.pop("tags", None), "TagKey", "TagValue")}
    return {key: value for key, value in shown.items() if key not in ("state", "stateReason")} | tags


def _create(c: Call) -> Props:
    tags = {"Tags": pairs(c["tags"], "TagKey", "TagValue")} if c.get("tags") else {}
    said = _client(c).create_slack_channel_configuration(**_given(c, "CreateSlackChannelConfiguration"), **tags)
    live = _live(said["ChannelConfiguration"])
    return {"id": live["chatConfigurationArn"], **live}


def _read(c: Call) -> Props:
    found = _client(c).describe_slack_channel_configurations(ChatConfigurationArn=c.id)["SlackChannelConfigurations"]
    if not found:
        raise Gone(c.id)
    return _live(found[0])


def _update(c: Call) -> Props:
    if c.changed(*_GIVEN):
        wanted = _given(c, "UpdateSlackChannelConfiguration")
        _client(c).update_slack_channel_configuration(ChatConfigurationArn=c.id, **wanted)
    return _read(c)


def _retag(c: Call, put: dict[str, str], removed: list[str]) -> None:
    if removed:
        _client(c).untag_resource(ResourceARN=c.id, TagKeys=removed)
    if put:
        _client(c).tag_resource(ResourceARN=c.id, Tags=pairs(put, "TagKey", "TagValue"))


SPECS: dict[str, Spec] = {
    "aws:chatbot/slackChannelConfiguration:SlackChannelConfiguration": Spec(
        "chatbot",
        _create,
        _read,
        lambda c: _client(c).delete_slack_channel_configuration(ChatConfigurationArn=c.id),
        update=_update,
        naming=None,
        inputs=frozenset(_GIVEN),
        replace=_FIXED,
        defaults={"loggingLevel": "NONE", "userAuthorizationRequired": False},
        computed=("chatConfigurationArn", "guardrailPolicyArns", "slackChannelName", "slackTeamName", "snsTopicArns"),
        moving={name: frozenset({*_GIVEN, "tags"}) for name in ("slackChannelName", "slackTeamName")},
        identify=lambda c: (
            f"arn:aws:chatbot::{c.settings.account}:chat-configuration/slack-channel/{c['configurationName']}"
        ),
        retag=_retag,
    ),
}
