"""Source of every rule: Tagging AWS Resources guide, "Tag naming limits and requirements", and botocore's models."""

import re
import unicodedata
from functools import cache

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as some

from tidewatch.aws import tags


@cache
def patterns() -> list[str]:
    """The patterns of tag keys and values in the models of services that have some."""
    found: list[str] = []
    for service in ("sagemaker", "iam", "ssm", "logs"):
        client = boto3.client(service, region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b")
        shapes = client.meta.service_model.shape_for("Tag" if service != "logs" else "Tags")
        members = shapes.members.values() if service != "logs" else (shapes.key, shapes.value)  # type: ignore[attr-defined]
        found += [str(member.metadata["pattern"]) for member in members]
    return found


def test_the_characters_are_those_of_the_models_that_name_them() -> None:
    spelled = {re.sub(r"[\^$()*+]+$|^[\^(]+", "", pattern) for pattern in patterns()}
    assert spelled == {r"[\p{L}\p{Z}\p{N}_.:/=+\-@]"}


@given(some.characters(exclude_categories=("Cs",)))
def test_a_character_is_allowed_if_it_is_a_letter_a_number_a_separator_or_one_of_eight_signs(one: str) -> None:
    allowed = unicodedata.category(one)[0] in "LNZ" or one in "_.:/=+-@"
    assert (tags.find_forbidden_characters(one) == "") == allowed


@pytest.mark.parametrize("text", ["ml-platform@example.com", "Équipe données 7", "a:b/c=d+e", "東京", "", "x" * 256])
def test_what_people_write_is_taken(text: str) -> None:
    assert list(tags.find_value_faults(text)) == []


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("ML Platform <ml@example.com>", "has '<' '>': a tag may hold letters, digits, spaces and _ . : / = + - @"),
        ("a, b; c", "has ',' ';'"),
        ("two\nlines", r"has '\n'"),
        ("x" * 257, "has 257 characters: a tag's value has at most 256"),
    ],
)
def test_what_a_value_must_not_be_is_said(text: str, fault: str) -> None:
    assert any(fault in found for found in tags.find_value_faults(text))


@pytest.mark.parametrize(
    ("key", "fault"),
    [
        ("", "is empty"),
        ("k" * 129, "has 129 characters: a tag's key has at most 128"),
        ("AWS:team", "begins with 'AWS:', which AWS reserves"),
        ("team#", "has '#'"),
    ],
)
def test_what_a_key_must_not_be_is_said(key: str, fault: str) -> None:
    assert any(fault in found for found in tags.find_key_faults(key))


def test_all_faults_of_a_set_are_told_at_once() -> None:
    found = list(tags.find_tag_faults({**{f"k{n}": "v" for n in range(49)}, "Team": "a|b", "team": "c"}))
    assert found == [
        "there are 51 tags: AWS allows at most 50",
        "the value of 'Team' has '|': a tag may hold letters, digits, spaces and _ . : / = + - @",
        "the keys 'Team', 'team' differ only in capitals, and IAM treats them as one",
    ]
    assert list(tags.find_tag_faults({f"k{n}": "v" for n in range(11)}, max_tags=tags.MAX_OBJECT_TAGS)) == [
        "there are 11 tags: AWS allows at most 10"
    ]
