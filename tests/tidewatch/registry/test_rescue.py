"""The commands by which a registry is brought back, as a shell reads them."""

from __future__ import annotations

import json
import shlex

from tidewatch.registry.recovery_commands import (
    format_create_bucket_command,
    format_put_parameter_command,
    format_tag_bucket_command,
)

TAGS = {"tidewatch:stack": "tidewatch/prod", "owner": "the team's; all of it"}


def test_a_bucket_is_made_in_its_region_and_tagged():
    made = shlex.split(format_create_bucket_command("flights-registry-1", TAGS, "eu-west-1"))
    assert made[:3] == ["aws", "s3api", "create-bucket"]
    assert "LocationConstraint=eu-west-1" in made
    assert made[made.index("&&") + 1 :] == shlex.split(
        format_tag_bucket_command("flights-registry-1", TAGS, "eu-west-1")
    )


def test_the_region_that_takes_no_constraint_gets_none():
    assert "LocationConstraint" not in format_create_bucket_command("flights-registry-1", TAGS, "us-east-1")


def test_tags_reach_s3_as_they_are():
    *_, said = shlex.split(format_tag_bucket_command("flights-registry-1", TAGS, "eu-west-1"))
    assert {tag["Key"]: tag["Value"] for tag in json.loads(said)["TagSet"]} == TAGS


def test_the_parameter_is_written_with_the_bucket_and_its_prefix():
    *command, value = shlex.split(
        format_put_parameter_command("/tidewatch/p/s/registry", "b-1", "flights", "eu-west-1")
    )
    assert json.loads(value) == {"bucket": "b-1", "prefix": "models/flights/"}
    assert command[command.index("--region") + 1] == "eu-west-1"
    assert "--overwrite" in command
