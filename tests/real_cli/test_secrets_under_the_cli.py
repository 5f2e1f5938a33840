"""What `pulumi config set --secret` put into the config, under the real CLI: nowhere in clear, yet read by commands."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from cli.stack_config_file import StackConfigFile
from tests.real_cli.command import Aws, Projects
from tests.real_cli.flights import Flights

pytestmark = pytest.mark.real_cli
TOKEN, HOOK = "tok-4f9a7c1e", "https://hooks.example.com/services/T0/B0/s3cr3t"


def _clear(folder: Path) -> list[str]:
    """The files of the backend, states and history, that hold a secret as it is."""
    files = [one for one in folder.rglob("*") if one.is_file()]
    assert [one for one in files if "history" in str(one)]
    assert [one for one in files if "stacks" in str(one)]
    return [str(one) for one in files if any(text.encode() in one.read_bytes() for text in (TOKEN, HOOK, "s3cr3t"))]


def test_a_secret_is_nowhere_in_clear_and_commands_read_it(
    projects: Projects, simulated_aws: Aws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    flights = Flights.of(projects, simulated_aws)
    pulumi = flights.pulumi
    pulumi.run("config", "set", "--secret", "--path", "tidewatch:endpoint.environment.TOKEN", TOKEN)
    pulumi.run("config", "set", "--secret", "--path", "tidewatch:notify.P1[0].https", HOOK)
    pulumi.run("config", "rm", "--path", "tidewatch:notify.P1[0].email")
    pulumi.up()
    flights.publish("1")
    flights.serve(blue=("1", 100))

    shown = pulumi.run("preview", "--diff")
    done = pulumi.up()
    said = shown.out + shown.err + done.out + done.err
    for text in (TOKEN, HOOK, "s3cr3t"):
        assert text not in said
        assert text not in pulumi.run("stack", "export").out
    assert _clear(tmp_path / "backend") == []
    assert not pulumi.preview("--expect-no-changes").is_changed

    sagemaker, sns = simulated_aws.client("sagemaker"), simulated_aws.client("sns")
    (model,) = flights.models()
    assert sagemaker.describe_model(ModelName=model)["PrimaryContainer"]["Environment"]["TOKEN"] == TOKEN
    assert HOOK in {one["Endpoint"] for one in sns.list_subscriptions()["Subscriptions"]}

    for name, value in pulumi.env.items():
        monkeypatch.setenv(name, value)
    file = StackConfigFile.of("rehearsal", pulumi.project)
    assert "secure:" in file.text
    settings = _as_another_stack(file).load_settings()
    assert settings.endpoint.environment == {"TOKEN": TOKEN}
    assert settings.notify.p1 == (("https", HOOK),)


def _as_another_stack(file: StackConfigFile) -> StackConfigFile:
    """The rehearsal's file is never asked of the CLI; under this name it is, and the stack is the same."""
    return replace(file, stack="organization/tidewatch/rehearsal")
