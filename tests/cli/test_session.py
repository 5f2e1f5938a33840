"""Clients of a stack: their region, and the time where the stack is."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.aws_session import Session
from cli.errors import UserError
from cli.main import app
from rehearsal.demo.paths import RehearsalPaths
from rehearsal.simulated_clock import SharedClock
from tests.stacks.deployed_program import ROOT
from tidewatch import clock


@pytest.fixture(autouse=True)
def _account(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)


def test_without_a_stack_it_is_this_machine() -> None:
    session = Session("")
    assert (session.region, session.is_simulated) == ("eu-west-1", False)
    assert session.client("sns").meta.region_name == "eu-west-1"
    assert session.client("pricing", "us-east-1").meta.region_name == "us-east-1"
    assert abs((session.now() - clock.get_clock().now()).total_seconds()) < 60


def test_a_stack_names_its_region() -> None:
    session = Session("dev")
    assert session.region == session.client("sns").meta.region_name == "us-east-1"


@pytest.fixture
def rehearsal_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RehearsalPaths:
    """Of a rehearsal in a checkout of its own; nothing was announced yet."""
    for module in ("cli.stack_config_file", "rehearsal.backend", "rehearsal.commands.deploy"):
        monkeypatch.setattr(f"{module}.ROOT", tmp_path)
    shutil.copyfile(ROOT / "Pulumi.rehearsal.yaml", tmp_path / "Pulumi.rehearsal.yaml")
    made = RehearsalPaths.of(tmp_path)
    made.folder.mkdir(parents=True)
    return made


@contextmanager
def _announce_simulator(home: RehearsalPaths) -> Iterator[str]:
    """Where something takes connections, as a simulator would."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        names = {"AWS_DEFAULT_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "r", "AWS_SECRET_ACCESS_KEY": "r"}
        home.write_connection({"AWS_ENDPOINT_URL": url, **names})
        yield url


def test_a_rehearsal_has_its_own_place_and_time(rehearsal_paths: RehearsalPaths) -> None:
    moved = SharedClock.create(rehearsal_paths.folder / "simulator" / "clock")
    moved.advance_to(datetime(2031, 1, 1, tzinfo=UTC))
    with _announce_simulator(rehearsal_paths) as url:
        session = Session("rehearsal")
        assert (session.region, session.is_simulated) == ("us-east-1", True)
        assert session.now().year == 2031
        assert session.client("ecr", "us-west-2").meta.endpoint_url == url


def test_what_a_rehearsal_announces_is_for_its_user_alone(rehearsal_paths: RehearsalPaths, tmp_path: Path) -> None:
    """Whoever reads the key may run code as the user; a link that was put there first must lead nowhere."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("kept")
    (rehearsal_paths.folder / "simulator.json").symlink_to(elsewhere)
    with _announce_simulator(rehearsal_paths):
        (announced,) = rehearsal_paths.folder.glob("simulator.json")
        assert not announced.is_symlink()
        assert announced.stat().st_mode & 0o777 == 0o600
    assert elsewhere.read_text() == "kept"


@pytest.mark.parametrize("words", [["status"], ["doctor"], ["models"], ["promote", "flights/3"]])
def test_a_rehearsal_whose_process_was_killed_is_over(words: list[str], rehearsal_paths: RehearsalPaths) -> None:
    with _announce_simulator(rehearsal_paths):
        pass
    said = CliRunner().invoke(app, [*words, "--stack", "rehearsal"])
    assert said.exit_code == 1
    assert "the rehearsal is over: start another with `tidewatch rehearse --stay`" in said.output + str(said.exception)
    assert "pulumi up" not in said.output + str(said.exception)


@pytest.mark.parametrize("outputs", [{}, {"registry": {"bucket": "b", "prefix": "models/flights/"}}])
def test_a_rehearsal_that_has_no_endpoint_yet_says_what_to_wait_for(
    outputs: dict[str, object], rehearsal_paths: RehearsalPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rehearsal.backend.Stack.outputs", lambda _: outputs)
    SharedClock.create(rehearsal_paths.folder / "simulator" / "clock")
    with _announce_simulator(rehearsal_paths):
        said = CliRunner().invoke(app, ["status", "--stack", "rehearsal"])
    assert isinstance(said.exception, UserError)
    assert "the endpoint of the rehearsal is not deployed yet: try again once" in str(said.exception)
    assert '"pulumi up: all traffic to blue"' in str(said.exception)
    assert "--stack" not in str(said.exception)


@pytest.mark.parametrize("words", [["promote", "flights/3"], ["up"], ["preview"], ["destroy"]])
def test_while_the_story_plays_the_stack_is_its_own(words: list[str], rehearsal_paths: RehearsalPaths) -> None:
    shutil.copyfile(ROOT / "Pulumi.rehearsal.yaml", rehearsal_paths.stack_file)
    with _announce_simulator(rehearsal_paths):
        said = CliRunner().invoke(app, [*words, "--stack", "rehearsal"])
    assert isinstance(said.exception, UserError)
    assert "the demo is still running" in str(said.exception)
    assert 'wait for the line "The simulated AWS stays"' in str(said.exception)
    assert rehearsal_paths.stack_file.read_text() == (ROOT / "Pulumi.rehearsal.yaml").read_text()


def test_once_the_story_is_over_its_stack_may_be_edited(
    rehearsal_paths: RehearsalPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copyfile(ROOT / "Pulumi.rehearsal.yaml", rehearsal_paths.stack_file)
    with _announce_simulator(rehearsal_paths):
        with monkeypatch.context() as story:
            story.setenv("TIDEWATCH_RUN_BY_DEMO", "1")
            assert CliRunner().invoke(app, ["promote", "flights/3", "--stack", "rehearsal"]).exit_code == 0
        rehearsal_paths.summary_file.write_text("{}")
        said = CliRunner().invoke(app, ["promote", "flights/4", "--stack", "rehearsal"])
    assert said.exit_code == 0, said.exception
    assert "run `tidewatch up --stack rehearsal`" in said.output


@pytest.mark.usefixtures("rehearsal_paths")
def test_where_nothing_was_rehearsed_there_is_no_rehearsal() -> None:
    said = CliRunner().invoke(app, ["status", "--stack", "rehearsal"])
    assert "there is no rehearsal: start one with `tidewatch rehearse --stay`" in str(said.exception)
