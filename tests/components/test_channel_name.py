"""The name of a Slack channel's configuration: one that Chatbot takes, whatever the stack is called."""

import re

import pulumi
import pytest

from components.stack_context import StackContext
from components.topics import _build_channel_name


def scope(stack: str, model: str = "flights", project: str = "tidewatch") -> StackContext:
    nowhere = pulumi.Output.from_input("")
    return StackContext(project, stack, model, "us-east-1", nowhere, nowhere)


@pytest.mark.parametrize("stack", ["prod", "eu.prod", "a.b.c", "x" * 100, "x." * 50])
def test_it_matches_the_pattern_of_chatbots_model(stack: str):
    assert re.fullmatch(r"[A-Za-z0-9-_]{1,128}", _build_channel_name(scope(stack, "m" * 63)))


def test_stacks_that_differ_in_a_dot_have_names_of_their_own():
    assert _build_channel_name(scope("eu.prod")) != _build_channel_name(scope("eu-prod"))
    assert re.fullmatch("flights-[0-9a-f]{6}-eu-prod", _build_channel_name(scope("eu-prod")))


def test_projects_with_a_stack_and_a_model_of_one_name_have_names_of_their_own():
    assert _build_channel_name(scope("prod")) != _build_channel_name(scope("prod", project="fares"))
