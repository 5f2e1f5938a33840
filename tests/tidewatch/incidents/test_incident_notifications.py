"""What people learn of an incident, in which form, and how often."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest

from tests.tidewatch.incidents.incident import TOLD, TOPIC, read_document
from tests.tidewatch.traffic.account import ENDPOINT, Flights


@pytest.fixture
def pages(monkeypatch: pytest.MonkeyPatch, canary: Flights) -> list[dict[str, str]]:
    """What is published, in order."""
    found: list[dict[str, str]] = []
    sns = canary.clients.sns
    original = sns.publish  # type: ignore[union-attr]

    def publish(**given: Any) -> Any:
        found.append(given)
        return original(**given)

    monkeypatch.setattr(sns, "publish", publish)
    return found


def test_the_page_says_all_that_its_reader_needs(canary: Flights, pages: list[dict[str, str]]) -> None:
    result = canary.roll_back(canary.request(reason="too many late flights"), **TOLD)
    (page,) = pages
    for part in (
        "too many late flights",
        "Action taken: blue has all traffic",
        result.incident,
        "https://example.com/runbooks/unacknowledged.md",
        f"s3://flights-monitoring/incidents/{result.incident}.md",
        f"tidewatch acknowledge {result.incident} --stack prod",
    ):
        assert part in page["Message"]


def test_a_chat_is_told_in_the_form_that_it_posts_and_people_in_words(
    canary: Flights, pages: list[dict[str, str]]
) -> None:
    chat = boto3.client("chatbot", region_name="us-east-1")
    chat.create_slack_channel_configuration(
        ConfigurationName="on-call",
        SlackTeamId="T07EA123LEP",
        SlackChannelId="C07EZ1ABC23",
        IamRoleArn="arn:aws:iam::123456789012:role/chat",
        SnsTopicArns=[TOPIC],
    )
    result = canary.roll_back(**TOLD, posts_to_slack=True)
    (post,) = canary.control.posts()
    assert post["is_posted"]
    assert result.incident in json.loads(post["text"])["content"]["description"]
    (page,) = pages
    assert json.loads(page["Message"])["default"].startswith("Endpoint: ")


@pytest.mark.parametrize(
    ("status", "runbook"), [("UpdateRollbackFailed", "rollback-blocked"), ("SystemUpdating", "rollback-pending")]
)
def test_a_rollback_that_does_not_get_on_names_the_runbook_for_that(
    canary: Flights, pages: list[dict[str, str]], status: str, runbook: str
) -> None:
    canary.control.inject("status", endpoint=ENDPOINT, status=status)
    canary.roll_back(**TOLD)
    assert f"{TOLD['runbooks']}/{runbook}.md" in pages[0]["Message"]


def test_a_rollback_that_a_guardrail_asked_for_names_the_runbook_of_what_rolls_back(
    canary: Flights, pages: list[dict[str, str]]
) -> None:
    canary.roll_back(canary.alarm(name="guardrail-green"), **TOLD)
    assert "runbooks/guardrail-errors.md" in pages[0]["Message"]


def test_a_change_that_nobody_announced_gets_its_document_and_its_runbook(
    canary: Flights, pages: list[dict[str, str]]
) -> None:
    canary.flip_behind(blue=1, green=1)
    found = canary.sweep(**TOLD).out_of_band_incident
    assert "runbooks/traffic-changed.md" in pages[0]["Message"]
    facts = read_document(canary, found)
    assert facts["kind"] == "out_of_band"
    assert facts["versions"]["green"]["after"]["share"] == 0.5


def test_people_are_told_before_the_document_is_written_and_once_though_it_dies(
    canary: Flights, pages: list[dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(**_: Any) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as dying:
        dying.setattr(canary.clients.s3, "put_object", die)
        with pytest.raises(KeyboardInterrupt):
            canary.roll_back(**TOLD)
    assert len(pages) == 1
    assert canary.live() == {"blue": 1.0, "green": 0.0}
    canary.sweeps(2, **TOLD)
    assert len(pages) == 1
    canary.sweeps(15, **TOLD)
    assert len(pages) == 1
    assert read_document(canary, canary.controller().open_incidents()[0].id)["state"] == "closed"
