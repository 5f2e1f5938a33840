"""AWS Chatbot's Slack channel configurations, which moto lacks: its API as a moto service.

Source: botocore/data/chatbot/2017-10-11/service-2.json. Configurations belong to the account and are the same in all of
the API's regions. The model does not contain the rule that a channel has one configuration: the service's own message
has it, as quoted in hashicorp/terraform-provider-awscc issue 1011.
"""

from __future__ import annotations

import re
import sys
from typing import Any

import moto.backend_index as backend_index
from moto.core.base_backend import BackendDict, BaseBackend
from moto.core.exceptions import ServiceException
from moto.core.responses import ActionResult, BaseResponse, EmptyResult

from rehearsal.aws.account import current_account
from rehearsal.aws.chatbot import slack_outbox
from rehearsal.aws.constants import ACCOUNT, REGION

SERVICE = "chatbot"
DEFAULT_GUARDRAIL = "arn:aws:iam::aws:policy/AdministratorAccess"
MAX_RESULTS = 100
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
    """A configuration with that name exists."""

    code = "ConflictException"


class InvalidRequestException(ServiceException):
    """The channel already has a configuration."""

    code = "InvalidRequestException"


class ResourceNotFoundException(ServiceException):
    """The configuration does not exist."""

    code = "ResourceNotFoundException"


class ChatbotResponse(BaseResponse):
    """The operations on Slack channel configurations and their tags."""

    def __init__(self) -> None:
        super().__init__(service_name=SERVICE)
        self.automated_parameter_parsing = True

    def call_action(self) -> Any:
        with current_account().lock:
            return super().call_action()

    def create_slack_channel_configuration(self) -> ActionResult:
        """CreateSlackChannelConfiguration; every workspace counts as authorized."""
        params, configurations = self.params, current_account().slack_configurations
        arn = f"arn:aws:chatbot::{ACCOUNT}:chat-configuration/slack-channel/{params['ConfigurationName']}"
        if arn in configurations:
            raise ConflictException(f"A configuration named {params['ConfigurationName']} exists already.")
        self._check_channel(arn, params["SlackTeamId"], params["SlackChannelId"])
        configurations[arn] = {
            "SlackTeamName": f"workspace-{params['SlackTeamId'].lower()}",
            "SnsTopicArns": [],
            "LoggingLevel": "NONE",
            "GuardrailPolicyArns": [DEFAULT_GUARDRAIL],
            "UserAuthorizationRequired": False,
            "Tags": [],
            **_add_channel_name(params),
            "ChatConfigurationArn": arn,
            "State": "ENABLED",
        }
        return ActionResult({"ChannelConfiguration": configurations[arn]})

    def describe_slack_channel_configurations(self) -> ActionResult:
        """DescribeSlackChannelConfigurations: all, or the one with an ARN, which may be missing."""
        requested_arn = self.params.get("ChatConfigurationArn")
        found = [
            configuration
            for arn, configuration in current_account().slack_configurations.items()
            if requested_arn in (None, arn)
        ]
        first = int(str(self.params.get("NextToken") or _PAGE).removeprefix(_PAGE) or 0)
        last = first + (self.params.get("MaxResults") or MAX_RESULTS)
        more = {"NextToken": f"{_PAGE}{last}"} if found[last:] else {}
        return ActionResult({"SlackChannelConfigurations": found[first:last], **more})

    def update_slack_channel_configuration(self) -> ActionResult:
        """UpdateSlackChannelConfiguration: keeps omitted fields; name and workspace cannot change."""
        params, configuration = self.params, self._get_configuration(self.params["ChatConfigurationArn"])
        self._check_channel(
            configuration["ChatConfigurationArn"], configuration["SlackTeamId"], params["SlackChannelId"]
        )
        changes = {key: params[key] for key in _CHANGEABLE if params.get(key) is not None}
        if params["SlackChannelId"] != configuration["SlackChannelId"]:
            changes = _add_channel_name(changes)
        configuration.update(changes)
        return ActionResult({"ChannelConfiguration": configuration})

    def delete_slack_channel_configuration(self) -> ActionResult:
        """DeleteSlackChannelConfiguration."""
        del current_account().slack_configurations[
            self._get_configuration(self.params["ChatConfigurationArn"])["ChatConfigurationArn"]
        ]
        return EmptyResult()

    def list_tags_for_resource(self) -> ActionResult:
        """ListTagsForResource."""
        return ActionResult({"Tags": self._get_configuration(self.params["ResourceARN"])["Tags"]})

    def tag_resource(self) -> ActionResult:
        """TagResource."""
        configuration = self._get_configuration(self.params["ResourceARN"])
        new_tags = {tag["TagKey"]: tag for tag in self.params["Tags"]}
        configuration["Tags"] = [tag for tag in configuration["Tags"] if tag["TagKey"] not in new_tags] + list(
            new_tags.values()
        )
        return EmptyResult()

    def untag_resource(self) -> ActionResult:
        """UntagResource."""
        configuration = self._get_configuration(self.params["ResourceARN"])
        configuration["Tags"] = [tag for tag in configuration["Tags"] if tag["TagKey"] not in self.params["TagKeys"]]
        return EmptyResult()

    def _get_configuration(self, arn: str) -> dict[str, Any]:
        if arn not in current_account().slack_configurations:
            raise ResourceNotFoundException(f"Could not find the configuration {arn}.")
        return current_account().slack_configurations[arn]

    def _check_channel(self, arn: str, team: str, channel: str) -> None:
        for other_arn, configuration in current_account().slack_configurations.items():
            if other_arn != arn and (configuration["SlackTeamId"], configuration["SlackChannelId"]) == (team, channel):
                raise InvalidRequestException(
                    f"Slack channel with ID {channel} in Slack team {team} has already been configured for AWS account "
                    f"{ACCOUNT}."
                )


def _add_channel_name(fields: Any) -> dict[str, Any]:
    """Adds a channel name derived from the id if none is given; only Slack knows the real one."""
    return {"SlackChannelName": f"channel-{fields['SlackChannelId'].lower()}", **fields}


class ChatbotBackend(BaseBackend):
    """Holds no state, which is in the account; moto uses it to route the service's requests."""

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
    """Registers this module as the service that moto finds under Chatbot's name, and connects it to topics."""
    sys.modules[f"moto.{SERVICE}"] = sys.modules[__name__]
    backend_index.backend_url_patterns.append((SERVICE, re.compile(url_bases[0])))
    slack_outbox.install()
