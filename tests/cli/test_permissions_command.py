"""`tidewatch permissions`: a policy with the names of the stack."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cli.commands.permissions import permissions
from cli.errors import UserError
from cli.main import app
from tidewatch.naming import hash_stack_key
from tidewatch.permissions import PolicyVariables, build_policy_documents, load_roles

ACCOUNT = "210987654321"
MARK = hash_stack_key("tidewatch/dev/flights")


def print_policies(*words: str) -> list[dict[str, Any]]:
    done = CliRunner().invoke(app, ["permissions", *words])
    assert done.exit_code == 0, done.output
    printed = json.loads(done.stdout)
    return printed if isinstance(printed, list) else [printed]


def test_a_role_is_printed_with_the_names_of_the_stack() -> None:
    (reader,) = print_policies("reader", "--stack", "dev", "--account", ACCOUNT)
    done = CliRunner().invoke(app, ["permissions", "reader", "--stack", "dev", "--account", ACCOUNT])
    assert json.loads(done.stdout) == reader, "one document, as IAM takes it"
    assert reader["Version"] == "2012-10-17"
    (seen,) = [one for one in reader["Statement"] if "sagemaker:DescribeEndpoint" in one["Action"]]
    assert seen["Resource"] == [f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:endpoint/flights-{MARK}-*"]
    assert "{" not in "".join(json.dumps(one["Resource"]) for one in reader["Statement"])


def test_the_deployers_policy_comes_in_parts_that_are_all_to_be_attached() -> None:
    done = CliRunner().invoke(app, ["permissions", "deployer", "--stack", "dev", "--account", ACCOUNT])
    parts = print_policies("deployer", "--stack", "dev", "--account", ACCOUNT)
    assert len(parts) > 1
    assert f"{len(parts)} documents" in done.stderr
    assert "--output FOLDER writes each into its own file" in done.stderr
    sids = [one["Sid"] for part in parts for one in part["Statement"]]
    assert len(sids) == len(set(sids))


def test_each_document_can_be_written_into_a_file_of_its_own(tmp_path: Path) -> None:
    printed = print_policies("deployer", "--stack", "dev", "--account", ACCOUNT)
    words = ["permissions", "deployer", "--stack", "dev", "--account", ACCOUNT, "--output", str(tmp_path / "policies")]
    done = CliRunner().invoke(app, words)
    files = [Path(line) for line in done.stdout.splitlines()]
    assert "--output" not in done.stderr
    assert [file.name for file in files] == [f"deployer-{number}.json" for number in range(1, len(printed) + 1)]
    assert [json.loads(file.read_text()) for file in files] == printed
    (tmp_path / "file").write_text("")
    refused = CliRunner().invoke(app, [*words[:-1], str(tmp_path / "file" / "below")])
    assert "the policies cannot be written" in str(refused.exception)


def test_an_unknown_role_is_told_the_known_ones() -> None:
    with pytest.raises(UserError, match="deployer, preview, publisher, operator, responder, reader"):
        permissions("admin", "dev", ACCOUNT)


def test_a_volume_key_is_the_deployers_to_grant() -> None:
    key = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/1"
    names = PolicyVariables("aws", ACCOUNT, "us-east-1", "tidewatch", "dev", "flights", "flights", key)
    granted = [
        one
        for role in load_roles().values()
        for text in build_policy_documents(role, names)
        for one in json.loads(text)["Statement"]
        if one["Resource"] == [key]
    ]
    assert [one["Action"] for one in granted] == [["kms:DescribeKey"], ["kms:CreateGrant"]]
