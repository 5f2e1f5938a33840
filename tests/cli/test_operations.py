"""What whoever is on call sees: the status, a rollback's receipt, an acknowledgement, mistakes as sentences."""

from __future__ import annotations

import io
import json
import shutil
import socket
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from cli import main as command_line
from cli.main import app
from cli.stack_config_file import StackConfigFile
from tests.stacks.deployed_program import ROOT, DeployedProgram


def _run(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    """Runs the command as a shell does; returns its exit code."""
    monkeypatch.setattr(sys, "argv", ["tidewatch", *words])
    with pytest.raises(SystemExit) as ended:
        command_line.main()
    return int(ended.value.code or 0)


def test_status_tells_declared_and_live_split_versions_and_champion(operated_canary: DeployedProgram) -> None:
    said = json.loads(CliRunner().invoke(app, ["status", "--stack", "rehearsal", "--json"]).output)
    assert said["champion"] == "blue"
    assert said["in_sync"] is True
    assert said["incidents"] == []
    assert said["endpoint"]["name"] == operated_canary.outputs()["endpoint"]["name"]
    assert said["variants"] == {
        "blue": {"version": "1", "declared": 0.95, "live": 0.95, "instances": 2},
        "green": {"version": "2", "declared": 0.05, "live": 0.05, "instances": 2},
    }


@pytest.mark.usefixtures("operated_canary")
def test_status_is_a_table_for_people() -> None:
    said = CliRunner().invoke(app, ["status", "--stack", "rehearsal"]).output
    assert "blue (champion)" in said
    assert "95.0%" in said


@pytest.mark.usefixtures("operated_canary")
def test_an_incident_that_never_was_cannot_be_acknowledged(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(monkeypatch, "acknowledge", "flights-never", "--stack", "rehearsal") == 1
    assert "flights-never" in capsys.readouterr().err


def test_an_incident_that_is_closed_does_not_take_the_place_of_an_open_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    closed = SimpleNamespace(get_incident=lambda name: SimpleNamespace(is_open=False, acknowledged_by="ann"))  # noqa: ARG005
    monkeypatch.setattr("cli.commands.rollback.create_ledger_controller", lambda *_: closed)
    monkeypatch.setattr("cli.commands.rollback.read_stack_outputs", lambda stack: {})  # noqa: ARG005
    monkeypatch.setattr("cli.commands.rollback.Session", lambda stack: None)  # noqa: ARG005
    assert _run(monkeypatch, "acknowledge", "flights-1", "--stack", "rehearsal") == 1
    assert "flights-1 is already closed: ann acknowledged it" in capsys.readouterr().err


def test_a_stack_that_serves_nothing_says_what_to_do(
    operated_canary: DeployedProgram, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    empty = {**operated_canary.outputs(), "endpoint": {"name": None}, "rollback": {"function": None}}
    for module, words in (("status", ["status"]), ("rollback", ["rollback"])):
        monkeypatch.setattr(f"cli.commands.{module}.read_stack_outputs", lambda stack: empty)  # noqa: ARG005
        assert _run(monkeypatch, *words, "--stack", "dev") == 1
        assert "tidewatch promote NAME/VERSION --stack dev" in capsys.readouterr().err


def test_an_incident_of_a_stack_that_was_retired_is_named_and_can_be_acknowledged(
    operated_canary: DeployedProgram, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    operated_canary.roll_back()
    (incident,) = operated_canary.controller().open_incidents()
    retired = {**operated_canary.outputs(), "endpoint": {"name": None}, "rollback": {"function": None}}
    for module in ("status", "rollback"):
        monkeypatch.setattr(f"cli.commands.{module}.read_stack_outputs", lambda stack: retired)  # noqa: ARG005
    edited: list[StackConfigFile] = []
    monkeypatch.setattr("cli.commands.rollback.commit_edit", lambda file, _console: edited.append(file))
    assert _run(monkeypatch, "status", "--stack", "dev") == 1
    assert f"`tidewatch acknowledge {incident.id} --stack dev`" in capsys.readouterr().err
    assert _run(monkeypatch, "acknowledge", incident.id, "--stack", "dev") == 0
    assert edited[0].config["tidewatch:acknowledgedIncident"] == incident.id


def test_a_second_acknowledgement_waits_until_the_first_is_recorded(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """The config holds one incident: the first would be lost."""
    incidents = [SimpleNamespace(id=name, is_open=True) for name in ("flights-1", "flights-2")]
    controller = SimpleNamespace(
        get_incident=lambda name: next(each for each in incidents if each.id == name), open_incidents=lambda: incidents
    )
    monkeypatch.setattr("cli.commands.rollback.create_ledger_controller", lambda *_: controller)
    monkeypatch.setattr("cli.commands.rollback.read_stack_outputs", lambda stack: {})  # noqa: ARG005
    monkeypatch.setattr("cli.commands.rollback.Session", lambda stack: None)  # noqa: ARG005
    monkeypatch.setattr("cli.stack_config_file.ROOT", tmp_path)
    shutil.copy(ROOT / "Pulumi.dev.yaml", tmp_path)
    assert _run(monkeypatch, "acknowledge", "flights-1", "--stack", "dev") == 0
    assert _run(monkeypatch, "acknowledge", "flights-1", "--stack", "dev") == 0
    assert _run(monkeypatch, "acknowledge", "flights-2", "--stack", "dev") == 1
    assert "acknowledges flights-1, which is still open: run `pulumi up --stack dev` first" in capsys.readouterr().err
    incidents.pop(0)
    assert _run(monkeypatch, "acknowledge", "flights-2", "--stack", "dev") == 0


ROLLBACK_OUTPUTS = {"rollback": {"function": "f"}, "buckets": {"monitoring": "flights-monitoring"}}
CALLER = "arn:aws:sts::123456789012:assumed-role/on-call/ana"


class _Lambda:
    """A rollback function that gives one answer, and the STS that says who asks."""

    def __init__(self, answer: dict[str, Any], **more: str) -> None:
        self.answer, self.more, self.event = answer, more, dict[str, str]()

    def client(self, service: str) -> _Lambda:
        assert service in ("lambda", "sts")
        return self

    def get_caller_identity(self) -> dict[str, str]:
        return {"Arn": CALLER}

    def invoke(self, *, FunctionName: str, Payload: bytes) -> dict[str, Any]:
        self.event = {"function": FunctionName, **json.loads(Payload)}
        return {"Payload": io.BytesIO(json.dumps(self.answer).encode()), **self.more}


def _answering(monkeypatch: pytest.MonkeyPatch, answer: dict[str, Any], **more: str) -> _Lambda:
    function = _Lambda(answer, **more)
    monkeypatch.setattr("cli.commands.rollback.read_stack_outputs", lambda stack: ROLLBACK_OUTPUTS)  # noqa: ARG005
    monkeypatch.setattr("cli.commands.rollback.Session", lambda stack: function)  # noqa: ARG005
    return function


def test_a_rollback_says_why_and_prints_its_receipt(monkeypatch: pytest.MonkeyPatch) -> None:
    receipt = {"api_accepted_s": 0.2, "weights_observed_s": 31.5, "traffic_observed_s": None}
    answer = {"incident": "flights-1", "state": "rolled_back", "message": "blue has all traffic.", "receipt": receipt}
    function = _answering(monkeypatch, answer)
    said = CliRunner().invoke(app, ["rollback", "--stack", "prod", "--reason", "errors"])
    assert (function.event["action"], function.event["reason"], said.exit_code) == ("rollback", "errors", 0)
    assert function.event["requested_by"] == CALLER
    assert "31.50 s until the weights were observed" in said.output
    assert "traffic was observed" not in said.output
    assert "tidewatch acknowledge flights-1 --stack prod" in said.output
    assert "s3://flights-monitoring/incidents/flights-1.md" in said.output


@pytest.mark.parametrize(
    ("answer", "more", "told"),
    [
        ({"state": "blocked", "message": "green has no instance.", "incident": "i"}, {}, "green has no instance."),
        ({"errorMessage": "it broke"}, {"FunctionError": "Unhandled"}, "it broke"),
    ],
)
def test_a_rollback_that_did_not_flip_is_a_failure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], answer: dict[str, Any], more: dict[str, str],
    told: str,
) -> None:  # fmt: skip
    _answering(monkeypatch, answer, **more)
    assert _run(monkeypatch, "rollback", "--stack", "prod") == 1
    assert told in capsys.readouterr().err


@pytest.mark.skipif(shutil.which("pulumi") is not None, reason="says what is missing where the Pulumi CLI is missing")
def test_without_the_pulumi_cli_it_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(monkeypatch, "status", "--stack", "prod") == 1
    assert "the Pulumi CLI is not on PATH" in capsys.readouterr().err


def test_a_port_in_use_is_told_and_nothing_is_started(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    shutil.copy(ROOT / "Pulumi.rehearsal.yaml", tmp_path)
    monkeypatch.setattr("rehearsal.commands.rehearse.ROOT", tmp_path)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert _run(monkeypatch, "rehearse", "--port", str(port)) == 1
    assert f"Port {port} of this machine is in use" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words", [["promote", "flights", "--stack", "dev"], ["promote", "flights/3"], ["rollback", "--stak", "dev"], ["go"]]
)
def test_wrong_usage_ends_with_2(monkeypatch: pytest.MonkeyPatch, words: list[str]) -> None:
    assert _run(monkeypatch, *words) == 2
