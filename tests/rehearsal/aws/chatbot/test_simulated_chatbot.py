"""AWS Chatbot: configurations of Slack channels, and what they get."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from rehearsal.aws.chatbot.slack_outbox import is_supported_message
from rehearsal.simulator_process import SimulatorProcess
from tests.rehearsal.aws.account import Account, session
from tests.rehearsal.aws.alarm_history import TOPIC, mailbox, minutes, put_alarm

ROLE = "arn:aws:iam::123456789012:role/chat"
ARN = "arn:aws:chatbot::123456789012:chat-configuration/slack-channel/on-call"
GIVEN: dict[str, Any] = {
    "ConfigurationName": "on-call",
    "SlackTeamId": "T07EA123LEP",
    "SlackChannelId": "C07EZ1ABC23",
    "IamRoleArn": ROLE,
}
CUSTOM = {"version": "1.0", "source": "custom", "content": {"description": "traffic went back to blue"}}
EVENT = {"source": "aws.sagemaker", "detail-type": "SageMaker Endpoint State Change", "detail": {}}
ALARM = {"AlarmName": "errors", "NewStateValue": "ALARM"}


@pytest.fixture
def chat(account: Account) -> Any:
    """The client, with the configuration on-call, which subscribes to the topic pages."""
    mailbox(account)
    client = account.client("chatbot")
    client.create_slack_channel_configuration(**GIVEN, SnsTopicArns=[TOPIC])
    return client


def describe_channels(chat: Any, **given: Any) -> list[dict[str, Any]]:
    return chat.describe_slack_channel_configurations(**given)["SlackChannelConfigurations"]


def refusal(call: Any, **given: Any) -> str:
    with pytest.raises(ClientError) as refused:
        call(**given)
    return refused.value.response.get("Error", {}).get("Code", "")


def test_a_configuration_is_the_accounts_and_has_the_documented_defaults(chat: Any) -> None:
    assert describe_channels(chat) == describe_channels(session().client("chatbot", region_name="eu-west-1"))
    assert describe_channels(chat, ChatConfigurationArn=ARN) == [
        {
            "ChatConfigurationArn": ARN,
            "ConfigurationName": "on-call",
            "GuardrailPolicyArns": ["arn:aws:iam::aws:policy/AdministratorAccess"],
            "IamRoleArn": ROLE,
            "LoggingLevel": "NONE",
            "SlackChannelId": "C07EZ1ABC23",
            "SlackChannelName": "channel-c07ez1abc23",
            "SlackTeamId": "T07EA123LEP",
            "SlackTeamName": "workspace-t07ea123lep",
            "SnsTopicArns": [TOPIC],
            "State": "ENABLED",
            "Tags": [],
            "UserAuthorizationRequired": False,
        }
    ]


def test_a_second_configuration_of_a_name_conflicts(chat: Any) -> None:
    assert refusal(chat.create_slack_channel_configuration, **{**GIVEN, "SlackChannelId": "C1"}) == "ConflictException"


def test_a_channel_takes_one_configuration(chat: Any) -> None:
    """Source: hashicorp/terraform-provider-awscc issue 1011."""
    other = {**GIVEN, "ConfigurationName": "other"}
    with pytest.raises(ClientError, match=r"InvalidRequestException.*C07EZ1ABC23.*already been configured"):
        chat.create_slack_channel_configuration(**other)
    arn = chat.create_slack_channel_configuration(**{**other, "SlackChannelId": "C1"})["ChannelConfiguration"][
        "ChatConfigurationArn"
    ]
    taken = {"ChatConfigurationArn": arn, "SlackChannelId": "C07EZ1ABC23"}
    assert refusal(chat.update_slack_channel_configuration, **taken) == "InvalidRequestException"


@pytest.mark.parametrize(
    "wrong",
    [
        {"SlackTeamId": "t07ea123lep"},
        {"SlackChannelId": "#on-call"},
        {"ConfigurationName": "on call"},
        {"ConfigurationName": "n" * 129},
        {"IamRoleArn": "the-role-chat"},
        {"LoggingLevel": "DEBUG"},
        {"SnsTopicArns": ["arn:aws:sns:us-east-1"]},
        {"GuardrailPolicyArns": ["arn:aws:iam::aws:policy/aws-service-role/Some"]},
    ],
)
def test_what_the_service_model_refuses(account: Account, wrong: dict[str, Any]) -> None:
    create = account.client("chatbot").create_slack_channel_configuration
    assert refusal(create, **{**GIVEN, **wrong}) == "InvalidParameterException"
    assert describe_channels(account.client("chatbot")) == []


def test_an_update_leaves_what_it_does_not_name(chat: Any) -> None:
    chat.update_slack_channel_configuration(ChatConfigurationArn=ARN, SlackChannelId="C1", LoggingLevel="ERROR")
    (now,) = describe_channels(chat)
    assert (now["SlackChannelId"], now["SlackChannelName"], now["LoggingLevel"]) == ("C1", "channel-c1", "ERROR")
    assert now["SnsTopicArns"] == [TOPIC]
    chat.update_slack_channel_configuration(ChatConfigurationArn=ARN, SlackChannelId="C1", SnsTopicArns=[])
    assert describe_channels(chat)[0]["SnsTopicArns"] == []


def test_what_is_not_there_is_not_found(account: Account) -> None:
    chat = account.client("chatbot")
    assert describe_channels(chat, ChatConfigurationArn=ARN) == []
    update = {"ChatConfigurationArn": ARN, "SlackChannelId": "C1"}
    assert refusal(chat.update_slack_channel_configuration, **update) == "ResourceNotFoundException"
    assert refusal(chat.delete_slack_channel_configuration, ChatConfigurationArn=ARN) == "ResourceNotFoundException"
    assert refusal(chat.list_tags_for_resource, ResourceARN=ARN) == "ResourceNotFoundException"


def test_tags(chat: Any) -> None:
    chat.tag_resource(ResourceARN=ARN, Tags=[{"TagKey": "a", "TagValue": "1"}, {"TagKey": "b", "TagValue": "1"}])
    chat.tag_resource(ResourceARN=ARN, Tags=[{"TagKey": "a", "TagValue": "2"}])
    chat.untag_resource(ResourceARN=ARN, TagKeys=["b"])
    assert chat.list_tags_for_resource(ResourceARN=ARN)["Tags"] == [{"TagKey": "a", "TagValue": "2"}]
    assert describe_channels(chat)[0]["Tags"] == [{"TagKey": "a", "TagValue": "2"}]


def test_configurations_come_by_the_page(chat: Any) -> None:
    for number in range(4):
        name = {"ConfigurationName": f"c{number}", "SlackChannelId": f"C{number}"}
        chat.create_slack_channel_configuration(**{**GIVEN, **name})
    pages = chat.get_paginator("describe_slack_channel_configurations").paginate(PaginationConfig={"PageSize": 2})
    assert [len(page["SlackChannelConfigurations"]) for page in pages] == [2, 2, 1]


def test_an_alarm_is_heard_in_the_chat(account: Account, chat: Any) -> None:
    del chat
    put_alarm(account, AlarmActions=[TOPIC])
    minutes(account, [5])
    (post,) = account.control.posts()
    assert (post["configuration"], post["channel"], post["topic"]) == (ARN, "C07EZ1ABC23", TOPIC)
    assert post["subject"] == 'ALARM: "errors" in US East (N. Virginia)'
    assert json.loads(post["text"])["NewStateValue"] == "ALARM"
    assert post["is_posted"]


def test_a_topic_without_a_chat_and_a_deleted_configuration_post_nothing(account: Account, chat: Any) -> None:
    sns = account.client("sns")
    sns.publish(TopicArn=sns.create_topic(Name="other")["TopicArn"], Message=json.dumps(CUSTOM))
    chat.delete_slack_channel_configuration(ChatConfigurationArn=ARN)
    sns.publish(TopicArn=TOPIC, Message=json.dumps(CUSTOM))
    assert account.control.posts() == []


def test_a_message_by_protocol_is_posted_in_the_form_for_https(account: Account, chat: Any) -> None:
    del chat
    message = {"default": "plain", "https": json.dumps(CUSTOM)}
    account.client("sns").publish(TopicArn=TOPIC, Message=json.dumps(message), MessageStructure="json")
    assert [json.loads(post["text"]) for post in account.control.posts()] == [CUSTOM]


@pytest.mark.parametrize(
    ("text", "posted"),
    [
        (json.dumps(ALARM), True),
        (json.dumps(EVENT), True),
        (json.dumps(CUSTOM), True),
        (json.dumps({**CUSTOM, "version": "2"}), False),
        (json.dumps({**CUSTOM, "content": {"title": "no description"}}), False),
        (json.dumps({**EVENT, "source": "tidewatch"}), False),
        ("traffic went back to blue", False),
        ("[1]", False),
    ],
)
def test_only_known_forms_of_messages_are_posted(text: str, posted: bool) -> None:
    """Source: administrator guide, "Custom notifications"."""
    assert is_supported_message(text) is posted


def test_a_reset_forgets_configurations_and_posts(account: Account, chat: Any) -> None:
    account.client("sns").publish(TopicArn=TOPIC, Message=json.dumps(CUSTOM))
    account.control.reset()
    assert describe_channels(chat) == []
    assert account.control.posts() == []


def test_a_fault_of_the_api_meets_chatbot_too(account: Account, chat: Any) -> None:
    account.control.inject(
        "api", service="chatbot", action="DeleteSlackChannelConfiguration", code="InvalidRequestException", status=400
    )
    assert refusal(chat.delete_slack_channel_configuration, ChatConfigurationArn=ARN) == "InvalidRequestException"
    assert len(describe_channels(chat)) == 1


def test_the_simulator_as_a_process_serves_chatbot(tmp_path: Path) -> None:
    with SimulatorProcess(tmp_path) as rehearsal:
        environment = rehearsal.env
        given: dict[str, Any] = {
            "endpoint_url": environment["AWS_ENDPOINT_URL"],
            "region_name": "us-west-2",
            "aws_access_key_id": environment["AWS_ACCESS_KEY_ID"],
            "aws_secret_access_key": environment["AWS_SECRET_ACCESS_KEY"],
        }
        sns = boto3.client("sns", **{**given, "region_name": "us-east-1"})
        topic = sns.create_topic(Name="pages")["TopicArn"]
        chat = boto3.client("chatbot", **given)
        chat.create_slack_channel_configuration(**GIVEN, SnsTopicArns=[topic])
        sns.publish(TopicArn=topic, Message=json.dumps(CUSTOM))
        posted = [post["is_posted"] for post in rehearsal.control.posts()]
        chat.delete_slack_channel_configuration(ChatConfigurationArn=ARN)
        left = describe_channels(chat)

    assert (posted, left) == ([True], [])
