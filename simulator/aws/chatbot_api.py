"""AWS Chatbot's Slack channel configurations, which moto does not have: its API as a service of moto's own.

Source: botocore/data/chatbot/2017-10-11/service-2.json. Configurations belong to the account, whichever of the API's
regions is asked. That a channel is taken by one configuration is not in the model: it is the service's own message, as
told in hashicorp/terraform-provider-awscc issue 1011.
"""

from __future__ import annotations

import re
import sys
from typing import Any

import moto.backend_index as backend_index
from moto.core.base_backend import BackendDict, BaseBackend
from moto.core.exceptions import ServiceException
from moto.core.responses import ActionResult, BaseResponse, EmptyResult

from simulator.aws import chats
from simulator.aws.world import ACCOUNT, REGION, world

SERVICE = "chatbot"
DEFAULT_GUARDRAIL = "arn:aws:iam::aws:policy/AdministratorAccess"
MOST_RESULTS = 100
_PAGE = "page-"
_CHANGEABLE = (
    "SlackChannelId",
    "SlackChannelName",
    "SnsTopicArns",
    "IamRoleArn",
    "LoggingLevel",
    "GuardrailPolicyArns",
    "UserAuthorizationRequired",
)


class ConflictException(ServiceException):
    """There is a configuration of that name."""

    code = "ConflictException"


class InvalidRequestException(ServiceException):
    """A request that cannot be met: the channel is taken."""

    code = "InvalidRequestException"


class ResourceNotFoundException(ServiceException):
    """There is no such configuration."""

    code = "ResourceNotFoundException"


class ChatbotResponse(BaseResponse):
    """The operations on Slack channel configurations and their tags."""

    def __init__(self) -> None:
        super().__init__(service_name=SERVICE)
        self.automated_parameter_parsing = True

    def call_action(self) -> Any:
        with world().lock:
            return super().call_action()

    def create_slack_channel_configuration(self) -> ActionResult:
        """CreateSlackChannelConfiguration; every workspace counts as authorized."""
        given, held = self.params, world().chats
        arn = f"arn:aws:chatbot::{ACCOUNT}:chat-configuration/slack-channel/{given['ConfigurationName']}"
        if arn in held:
            raise ConflictException(f"A configuration named {given['ConfigurationName']} exists already.")
        self._check_channel(arn, given["SlackTeamId"], given["SlackChannelId"])
        held[arn] = {
            "SlackTeamName": f"workspace-{given['SlackTeamId'].lower()}",
            "SnsTopicArns": [],
            "LoggingLevel": "NONE",
            "GuardrailPolicyArns": [DEFAULT_GUARDRAIL],
            "UserAuthorizationRequired": False,
            "Tags": [],
            **_named(given),
            "ChatConfigurationArn": arn,
            "State": "ENABLED",
        }
        return ActionResult({"ChannelConfiguration": held[arn]})

    def describe_slack_channel_configurations(self) -> ActionResult:
        """DescribeSlackChannelConfigurations: all, or the one of an ARN, of which there may be none."""
        wanted = self.params.get("ChatConfigurationArn")
        found = [one for arn, one in world().chats.items() if wanted in (None, arn)]
        first = int(str(self.params.get("NextToken") or _PAGE).removeprefix(_PAGE) or 0)
        last = first + (self.params.get("MaxResults") or MOST_RESULTS)
        more = {"NextToken": f"{_PAGE}{last}"} if found[last:] else {}
        return ActionResult({"SlackChannelConfigurations": found[first:last], **more})

    def update_slack_channel_configuration(self) -> ActionResult:
        """UpdateSlackChannelConfiguration: what is left out stays; neither name nor workspace can change."""
        given, one = self.params, self._held(self.params["ChatConfigurationArn"])
        self._check_channel(one["ChatConfigurationArn"], one["SlackTeamId"], given["SlackChannelId"])
        changed = {key: given[key] for key in _CHANGEABLE if given.get(key) is not None}
        if given["SlackChannelId"] != one["SlackChannelId"]:
            changed = _named(changed)
        one.update(changed)
        return ActionResult({"ChannelConfiguration": one})

    def delete_slack_channel_configuration(self) -> ActionResult:
        """DeleteSlackChannelConfiguration."""
        del world().chats[self._held(self.params["ChatConfigurationArn"])["ChatConfigurationArn"]]
        return EmptyResult()

    def list_tags_for_resource(self) -> ActionResult:
        """ListTagsForResource."""
        return ActionResult({"Tags": self._held(self.params["ResourceARN"])["Tags"]})

    def tag_resource(self) -> ActionResult:
        """TagResource."""
        one = self._held(self.params["ResourceARN"])
        put = {tag["TagKey"]: tag for tag in self.params["Tags"]}
        one["Tags"] = [tag for tag in one["Tags"] if tag["TagKey"] not in put] + list(put.values())
        return EmptyResult()

    def untag_resource(self) -> ActionResult:
        """UntagResource."""
        one = self._held(self.params["ResourceARN"])
        one["Tags"] = [tag for tag in one["Tags"] if tag["TagKey"] not in self.params["TagKeys"]]
        return EmptyResult()

    def _held(self, arn: str) -> dict[str, Any]:
        if arn not in world().chats:
            raise ResourceNotFoundException(f"Could not find the configuration {arn}.")
        return world().chats[arn]

    def _check_channel(self, arn: str, team: str, channel: str) -> None:
        for other, one in world().chats.items():
            if other != arn and (one["SlackTeamId"], one["SlackChannelId"]) == (team, channel):
                raise InvalidRequestException(
                    f"Slack channel with ID {channel} in Slack team {team} has already been configured for AWS account "
                    f"{ACCOUNT}."
                )


def _named(given: Any) -> dict[str, Any]:
    """A channel has a name, which Slack alone knows: one is made of its id where none is given."""
    return {"SlackChannelName": f"channel-{given['SlackChannelId'].lower()}", **given}


class ChatbotBackend(BaseBackend):
    """Holds nothing, the world does; moto asks it where the service's requests go."""

    @property
    def _url_module(self) -> Any:
        return sys.modules[__name__]


chatbot_backends = BackendDict(ChatbotBackend, SERVICE, use_boto3_regions=False, additional_regions=[REGION])
url_bases = [r"https?://chatbot\.(.+)\.amazonaws\.com"]
url_paths = {
    f"{{0}}/{operation}$": ChatbotResponse.dispatch
    for operation in (
        "create-slack-channel-configuration",
        "describe-slack-channel-configurations",
        "update-slack-channel-configuration",
        "delete-slack-channel-configuration",
        "list-tags-for-resource",
        "tag-resource",
        "untag-resource",
    )
}


def install() -> None:
    """Makes this module the service that moto finds under Chatbot's name, and lets it hear topics."""
    sys.modules[f"moto.{SERVICE}"] = sys.modules[__name__]
    backend_index.backend_url_patterns.append((SERVICE, re.compile(url_bases[0])))
    chats.install()
