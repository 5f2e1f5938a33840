"""The simulator's provider under the real CLI: what its engine asks of a provider, step by step."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.real_cli.command import Aws, Projects, Pulumi, session

pytestmark = pytest.mark.real_cli
SMALL = Path(__file__).parent / "small"


@pytest.fixture
def small(projects: Projects) -> Pulumi:
    return projects.of(SMALL, {})


def test_a_program_goes_up_changes_and_goes_down(small: Pulumi, simulated_aws: Aws) -> None:
    foreseen = small.preview()
    assert foreseen.changes["create"] == len(foreseen.operations) + 1  # the stack counts as one
    assert small.up().operations == foreseen.operations
    outputs = small.outputs
    assert re.fullmatch(r"bucket-[0-9a-f]{7}", outputs["bucket"])
    assert outputs["account"] == "123456789012"
    assert not small.preview("--expect-no-changes").is_changed

    small.configure("small:timeout", 20)
    assert small.up().operations == {"function": "update"}
    function = simulated_aws.client("lambda").get_function_configuration(FunctionName=outputs["function"])
    assert function["Timeout"] == 20
    assert function["Environment"]["Variables"] == {"BUCKET": outputs["bucket"]}

    small.configure("small:prefix", "second")
    assert small.up().operations["greeting"] in ("create-replacement", "replace")
    found = simulated_aws.client("s3").list_objects_v2(Bucket=outputs["bucket"])["Contents"]
    assert [o["Key"] for o in found] == ["second/greeting"]

    assert small.destroy().changes["delete"] > 0
    assert simulated_aws.client("s3").list_buckets()["Buckets"] == []


def test_an_edit_of_an_archive_is_an_update_and_moving_it_is_not(small: Pulumi) -> None:
    small.up()
    (small.project / "lib").rename(small.project / "elsewhere")
    program = small.project / "__main__.py"
    program.write_text(program.read_text().replace('FileArchive("lib")', 'FileArchive("elsewhere")'))
    assert small.up().operations == {}
    (small.project / "elsewhere" / "values.py").write_text("VALUE = 2\n")
    assert small.up().operations == {"function": "update"}


def test_a_refresh_sees_what_changed_behind_its_back(small: Pulumi, simulated_aws: Aws) -> None:
    small.up()
    outputs = small.outputs
    simulated_aws.client("sqs").set_queue_attributes(
        QueueUrl=outputs["queue"], Attributes={"MessageRetentionPeriod": "60"}
    )
    simulated_aws.client("lambda").delete_function(FunctionName=outputs["function"])
    small.refresh()
    assert {r["urn"].rsplit("::", 1)[1] for r in small.resources}.isdisjoint({"function"})
    assert small.up().operations == {"queue": "update", "function": "create"}
    said = simulated_aws.client("sqs").get_queue_attributes(QueueUrl=outputs["queue"], AttributeNames=["All"])
    assert said["Attributes"]["MessageRetentionPeriod"] == "1209600"


def test_a_secret_stays_one_in_the_state(small: Pulumi) -> None:
    small.up()
    assert small.outputs["secret"] == "hush"
    assert "hush" not in small.run("stack", "export").out


def test_a_wrong_argument_is_refused_before_anything_is_made(small: Pulumi, simulated_aws: Aws) -> None:
    program = small.project / "__main__.py"
    program.write_text(program.read_text() + '\naws.sqs.Queue("bad", name="no spaces")\n')
    refused = small.preview(ok=False)
    assert "letters, digits, _ and -" in refused.errors
    assert simulated_aws.client("s3").list_buckets()["Buckets"] == []


def test_what_the_simulator_lacks_is_said_by_name(small: Pulumi) -> None:
    program = small.project / "__main__.py"
    program.write_text(program.read_text() + '\naws.kinesis.Stream("stream", shard_count=1)\n')
    assert "the simulator has no aws:kinesis/stream:Stream" in small.preview(ok=False).errors


def test_a_killed_run_leaves_nothing_running_and_is_picked_up(small: Pulumi, simulated_aws: Aws) -> None:
    small.run_and_kill("up", "function")
    assert session(small.started[-1].pid) == []
    small.run("cancel", "--yes")
    assert small.up().code == 0
    assert not small.preview("--expect-no-changes").is_changed
    assert len(simulated_aws.client("s3").list_buckets()["Buckets"]) >= 1


def test_what_a_failed_create_left_is_kept_with_its_error_and_updated_next(small: Pulumi, simulated_aws: Aws) -> None:
    program = small.project / "__main__.py"
    program.write_text(program.read_text() + '\naws.s3.Bucket("untagged", bucket="untagged", tags={"aws:a": "1"})\n')
    assert "InvalidTag" in small.up(ok=False).errors
    (kept,) = (one for one in small.resources if one["urn"].endswith("::untagged"))
    assert kept["id"] == "untagged"
    assert len(kept["initErrors"]) == 1
    assert "arn" not in kept["outputs"]
    assert simulated_aws.client("s3").head_bucket(Bucket="untagged")
    assert small.up().operations["untagged"] == "update"
    (kept,) = (one for one in small.resources if one["urn"].endswith("::untagged"))
    assert "initErrors" not in kept
    assert kept["outputs"]["arn"] == "arn:aws:s3:::untagged"
    assert not small.preview("--expect-no-changes").is_changed
