"""Stack files with secure values and environments: read through the Pulumi CLI, or said what cannot be read."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from cli.aws_session import Session
from cli.commands.promote import edit_variants
from cli.errors import UserError
from cli.resolved_config import UnreadableSecret
from cli.stack_config_file import StackConfigFile

FILE = """# a comment
config:
  aws:region: us-east-1
  tidewatch:model: {name: flights, owner: a@example.com, oncall: b@example.com, escalation: c@example.com}
  tidewatch:endpoint:
    instanceType: ml.g5.xlarge
    environment:
      TOKEN:
        secure: AAABAD0x # kept as it is
      MODE: fast
  tidewatch:notify:
    P1: [{https: {secure: AAABAF9y}}]
"""
ANSWER = {
    "aws:region": {"value": "us-east-1", "secret": False},
    "tidewatch:endpoint": {
        "value": "{}",
        "objectValue": {"instanceType": "ml.g5.xlarge", "environment": {"TOKEN": "opened", "MODE": "fast"}},
        "secret": True,
    },
    "tidewatch:notify": {"value": "{}", "objectValue": {"P1": [{"https": "https://hook.example.com"}]}, "secret": True},
}


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A project of its own on a machine without the Pulumi CLI."""
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    (tmp_path / "bin").mkdir()
    return tmp_path


def write_stack_file(folder: Path, text: str = FILE) -> StackConfigFile:
    (folder / "Pulumi.dev.yaml").write_text(text)
    return StackConfigFile.of("dev", folder)


def answering(folder: Path, script: str) -> None:
    """A `pulumi` that answers so."""
    command = folder / "bin" / "pulumi"
    command.write_text(f"#!/bin/sh\n{script}\n")
    command.chmod(0o755)


def test_with_the_cli_secrets_are_opened_and_known_as_secret(alone: Path):
    (alone / "answer.json").write_text(json.dumps(ANSWER))
    answering(alone, f"/bin/cat {alone}/answer.json")
    settings = write_stack_file(alone).load_settings()
    assert settings.endpoint.environment == {"TOKEN": "opened", "MODE": "fast"}
    assert settings.notify.p1 == (("https", "https://hook.example.com"),)
    assert settings.secret == {"endpoint", "notify"}


def test_without_the_cli_the_rest_is_read_and_what_is_not_is_named(alone: Path):
    file = write_stack_file(alone)
    settings = file.load_settings()
    assert settings.endpoint.environment["MODE"] == "fast"
    assert isinstance(settings.endpoint.environment["TOKEN"], str)
    note = file.resolve().note
    assert "tidewatch:endpoint.environment.TOKEN" in note
    assert "tidewatch:notify.P1.0.https" in note
    assert "the Pulumi CLI, which decrypts it, is not on PATH" in note


def test_a_cli_that_cannot_decrypt_is_told_in_its_own_words(alone: Path):
    answering(alone, "echo 'error: incorrect passphrase' >&2; exit 255")
    file = write_stack_file(alone)
    file.load_settings()
    assert "`pulumi config` failed: incorrect passphrase" in file.resolve().note


def test_an_edit_keeps_secure_values_and_comments_as_they_are(alone: Path):
    file = write_stack_file(alone)
    edit_variants(file, file.load_settings(), "1", None)
    file.save()
    text = (alone / "Pulumi.dev.yaml").read_text()
    assert "secure: AAABAD0x # kept as it is" in text
    assert "P1: [{https: {secure: AAABAF9y}}]" in text
    assert text.startswith("# a comment\n")
    assert 'blue: {version: "1"' in text


def test_a_mistake_is_told_with_what_could_not_be_read_and_nothing_about_that(alone: Path):
    file = write_stack_file(alone, FILE.replace("ml.g5.xlarge", "{secure: AAABA}").replace("a@example.com", '"<a>"'))
    with pytest.raises(UserError) as refused:
        file.load_settings()
    told = str(refused.value).splitlines()[1:]
    assert [line.partition(": ")[0] for line in told[:-1]] == ["tidewatch:model.owner"]
    assert "tidewatch:endpoint.instanceType" in told[-1]


def test_an_environment_is_read_through_the_cli_under_what_the_file_says(alone: Path):
    told = {**ANSWER, "tidewatch:forceDestroy": {"value": "true", "secret": False}}
    told["tidewatch:model"] = {
        "value": "{}",
        "objectValue": {"name": "other", "owner": "e@example.com", "oncall": "b", "escalation": "c"},
        "secret": False,
    }
    (alone / "answer.json").write_text(json.dumps(told))
    answering(alone, f"/bin/cat {alone}/answer.json")
    settings = write_stack_file(
        alone, "environment:\n  - team/shared\n" + FILE.replace("owner: a@example.com, ", "")
    ).load_settings()
    assert settings.force_destroy
    assert (settings.model.name, settings.model.owner) == ("flights", "e@example.com")


def test_an_environment_that_cannot_be_read_is_named(alone: Path):
    file = write_stack_file(alone, "environment:\n  - team/shared\n" + FILE.replace("owner: a@example.com, ", ""))
    with pytest.raises(UserError, match=r"(?s)model.owner: is missing.*environment team/shared cannot be read"):
        file.load_settings()


def test_credentials_that_cannot_be_read_end_what_needs_them(alone: Path, monkeypatch: pytest.MonkeyPatch):
    write_stack_file(
        alone, FILE.replace("  aws:region", "  aws:accessKey: AKIA\n  aws:secretKey: {secure: AAAB}\n  aws:region")
    )
    monkeypatch.setattr("cli.stack_config_file.StackConfigFile.of", lambda stack: _of(stack, alone))
    with pytest.raises(UserError, match=r"aws:secretKey cannot be read here, and AWS cannot be reached without it"):
        Session("dev")


_of = StackConfigFile.of


def test_what_stands_for_a_secret_has_its_form_and_is_known(alone: Path):
    values = write_stack_file(alone).resolve().values
    assert isinstance(values["tidewatch:notify"]["P1"][0]["https"], UnreadableSecret)
    assert os.environ["PATH"] == str(alone / "bin")
