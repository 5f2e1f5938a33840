"""Slack channels of AWS Chatbot, as the provider leads them and as a program declares them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from rehearsal.engine import Stack
from tests.rehearsal.engine.providers.conftest import Aws, Resource

TOKEN = "aws:chatbot/slackChannelConfiguration:SlackChannelConfiguration"
ARN = "arn:aws:chatbot::123456789012:chat-configuration/slack-channel/on-call"
PAGES, TICKETS = (f"arn:aws:sns:us-east-1:123456789012:{name}" for name in ("pages", "tickets"))
GIVEN: dict[str, Any] = {
    "configurationName": "on-call",
    "iamRoleArn": "arn:aws:iam::123456789012:role/chat",
    "slackChannelId": "C07EZ1ABC23",
    "slackTeamId": "T07EA123LEP",
}
PROGRAM = """
import pulumi
import pulumi_aws as aws

topics = [aws.sns.Topic(name) for name in ("pages", "tickets")]
aws.chatbot.SlackChannelConfiguration(
    "chat",
    configuration_name="on-call",
    iam_role_arn="arn:aws:iam::123456789012:role/chat",
    slack_channel_id=pulumi.Config("test").require("channel"),
    slack_team_id="T07EA123LEP",
    sns_topic_arns=[topic.arn for topic in topics],
    tags={"team": "flights"},
)
"""


@pytest.fixture
def chat(aws: Aws) -> Resource:
    return aws.create_resource(TOKEN, **GIVEN, snsTopicArns=[PAGES, TICKETS])


def describe_channels(aws: Aws) -> list[dict[str, Any]]:
    return aws.settings.get_client("chatbot").describe_slack_channel_configurations()["SlackChannelConfigurations"]


def test_a_chat_is_made_with_the_documented_defaults(aws: Aws, chat: Resource) -> None:
    assert chat.id == ARN
    assert {key: value for key, value in chat.outs.items() if key not in GIVEN} == {
        "chatConfigurationArn": ARN,
        "guardrailPolicyArns": ["arn:aws:iam::aws:policy/AdministratorAccess"],
        "loggingLevel": "NONE",
        "region": "us-east-1",
        "slackChannelName": "channel-c07ez1abc23",
        "slackTeamName": "workspace-t07ea123lep",
        "snsTopicArns": [PAGES, TICKETS],
        "tags": {},
        "tagsAll": {},
        "userAuthorizationRequired": False,
    }
    assert describe_channels(aws)[0]["SnsTopicArns"] == [PAGES, TICKETS]


def test_nothing_differs_when_a_chat_is_read_back(aws: Aws, chat: Resource) -> None:
    del aws
    assert chat.read().inputs is None
    assert chat.replaced_by(**GIVEN, snsTopicArns=[PAGES, TICKETS]) == []


def test_another_channel_and_other_topics_change_a_chat_in_place(aws: Aws, chat: Resource) -> None:
    changed = {**GIVEN, "slackChannelId": "C1", "snsTopicArns": [PAGES], "loggingLevel": "ERROR"}
    assert chat.update(**changed)["slackChannelName"] == "channel-c1"
    (now,) = describe_channels(aws)
    assert (now["SlackChannelId"], now["SnsTopicArns"], now["LoggingLevel"]) == ("C1", [PAGES], "ERROR")


def test_topics_that_the_program_no_longer_names_stay(aws: Aws, chat: Resource) -> None:
    chat.update(**GIVEN, loggingLevel="INFO")
    assert describe_channels(aws)[0]["SnsTopicArns"] == [PAGES, TICKETS]


@pytest.mark.parametrize(("key", "value"), [("configurationName", "other"), ("slackTeamId", "T1")])
def test_what_the_api_cannot_change_replaces_a_chat(chat: Resource, key: str, value: str) -> None:
    assert chat.replaced_by(**{**GIVEN, key: value}) == [key]


def test_a_chat_that_was_changed_by_hand_is_put_back(aws: Aws, chat: Resource) -> None:
    client = aws.settings.get_client("chatbot")
    client.update_slack_channel_configuration(ChatConfigurationArn=ARN, SlackChannelId="C1", SnsTopicArns=[PAGES])
    found = chat.read().inputs
    assert (found["slackChannelId"], found["snsTopicArns"]) == ("C1", [PAGES])


def test_topics_in_another_order_are_no_difference(aws: Aws, chat: Resource) -> None:
    client = aws.settings.get_client("chatbot")
    same = {"SlackChannelId": "C07EZ1ABC23", "SnsTopicArns": [TICKETS, PAGES]}
    client.update_slack_channel_configuration(ChatConfigurationArn=ARN, **same)
    assert chat.read().inputs is None


def test_a_deleted_chat_is_gone(aws: Aws, chat: Resource) -> None:
    chat.delete()
    assert describe_channels(aws) == []
    assert not chat.exists()
    chat.delete()


def test_a_chat_is_imported_by_its_arn(aws: Aws, chat: Resource) -> None:
    del chat
    found = aws.resource(TOKEN).type.read(ARN, {})
    assert {key: value for key, value in (found.inputs or {}).items() if key in GIVEN} == GIVEN


def test_a_chat_whose_create_was_cut_off_is_found(aws: Aws, chat: Resource) -> None:
    assert aws.resource(TOKEN).type.find(chat.inputs).id == ARN


def test_an_id_that_slack_does_not_have_is_refused(aws: Aws) -> None:
    with pytest.raises(ClientError, match=r"InvalidParameterException.*slackTeamId"):
        aws.create_resource(TOKEN, **{**GIVEN, "slackTeamId": "flights"})


def test_a_programs_chat_is_made_once_changed_in_place_and_destroyed(
    aws: Aws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    folder = tmp_path / "program"
    folder.mkdir()
    (folder / "__main__.py").write_text(PROGRAM)

    def stack(channel: str = "C07EZ1ABC23") -> Stack:
        config = {"aws:region": "us-east-1", "test:channel": channel}
        return Stack("test", "dev", folder, tmp_path / "state.json", config)

    assert stack().up().op_counts["create"] == 4
    assert len(describe_channels(aws)[0]["SnsTopicArns"]) == 2
    assert stack().up().changed_steps == ()
    assert [step.name for step in stack().refresh().changed_steps if step.name == "chat"] == []
    assert [(step.op, step.name, step.keys) for step in stack("C1").up().changed_steps] == [
        ("update", "chat", ("slackChannelId",))
    ]
    assert describe_channels(aws)[0]["SlackChannelId"] == "C1"
    stack("C1").destroy()
    assert describe_channels(aws) == []
