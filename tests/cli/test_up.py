"""A kept rehearsal, worked in from another terminal: its `up`, and lines that reach it as they stand."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cli.backend import get_backend
from cli.commands.runbook import FOLDER
from cli.errors import UserError
from cli.main import app
from rehearsal.demo.paths import RehearsalPaths
from rehearsal.engine import DeploymentStep, DeploymentSummary, OperationFailed
from rehearsal.engine.results import Phase
from rehearsal.simulator_process import SimulatorProcess
from tests.runbooks.written_commands import in_blocks, in_text, mistake
from tests.stacks.deployed_program import ROOT


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RehearsalPaths]:
    """A rehearsal that another process would keep: announced, and nothing deployed."""
    home = RehearsalPaths(tmp_path_factory.mktemp("kept") / "out" / "rehearsal")
    home.folder.mkdir(parents=True)
    with SimulatorProcess(home.folder) as session:
        shutil.copyfile(ROOT / "Pulumi.rehearsal.yaml", home.stack_file)
        home.write_connection(session.env)
        home.summary_file.write_text("{}")
        yield home


@pytest.fixture
def checkout_rehearsal(running: RehearsalPaths, monkeypatch: pytest.MonkeyPatch) -> RehearsalPaths:
    """The same, as the checkout's own."""
    monkeypatch.setattr(RehearsalPaths, "of", lambda _root: running)
    return running


def run(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


def test_the_program_is_previewed_deployed_and_destroyed(checkout_rehearsal: RehearsalPaths) -> None:
    foreseen = run("preview")
    assert foreseen.exit_code == 0, foreseen.exception
    assert not checkout_rehearsal.state_file.exists()
    assert re.search(r"planned in [\d.]+ s: \d+ create", foreseen.output)
    made = run("up", "--stack", "rehearsal")
    assert made.exit_code == 0, made.exception
    assert "aws:s3/bucket:Bucket" in made.output
    assert "nothing changed" in run("up").output
    assert run("up", "--refresh").exit_code == 0

    text = checkout_rehearsal.stack_file.read_text()
    checkout_rehearsal.stack_file.write_text(text.replace("captureSampling: 100", "captureSampling: 101"))
    refused = run("up")
    assert isinstance(refused.exception, UserError)
    assert "captureSampling" in str(refused.exception)
    checkout_rehearsal.stack_file.write_text(text)

    unserved = run("status", "--stack", "rehearsal")
    assert "no variant is set: `tidewatch promote` a version" in str(unserved.exception)

    gone = run("destroy")
    assert gone.exit_code == 0, gone.exception
    assert "delete" in gone.output
    anew = str(run("status", "--stack", "rehearsal").exception)
    assert "the stack of the rehearsal was destroyed. To deploy it again, remove tidewatch:variants" in anew
    assert "tidewatch:acknowledgedIncident" in anew
    assert "out/rehearsal/Pulumi.rehearsal.yaml" in anew


def test_what_a_failed_up_had_changed_is_told_without_what_it_only_read(
    checkout_rehearsal: RehearsalPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    del checkout_rehearsal
    urn = "urn:pulumi:rehearsal::tidewatch::aws:sns/topic:Topic::"
    steps = (
        DeploymentStep("refresh", f"{urn}seen", ("update",)),
        DeploymentStep("replace", f"{urn}made"),
        DeploymentStep("create", f"{urn}made"),
    )

    class Failing:
        def up(self, *, refresh: bool) -> DeploymentSummary:
            raise OperationFailed(["no"], DeploymentSummary(steps if refresh else steps[:1], {}, ()))

    monkeypatch.setattr("rehearsal.commands.deploy.create_stack", lambda *_: Failing())
    assert str(run("up").exception) == "no"
    assert str(run("up", "--refresh").exception) == "no\n1 resource was changed before"


@pytest.mark.parametrize(
    ("command", "steps", "lines"),
    [
        (
            "destroy",
            [("delete", "one", "planned"), ("delete", "two", "planned"), ("delete", "six", "planned"),
             ("delete", "one", "start"), ("delete", "one", "done"), ("delete", "two", "start")],
            ["tidewatch: destroy was interrupted after 1 of 3 planned changes, during delete two.",
             "To go on from there: tidewatch destroy --stack rehearsal"],
        ),
        (
            "up",
            [("same", "one", "planned"), ("create", "two", "planned"), ("same", "one", "done")],
            ["tidewatch: up was interrupted before it changed anything.",
             "To begin again: tidewatch up --stack rehearsal"],
        ),
    ],
)  # fmt: skip
def test_an_interrupted_command_says_how_far_it_came_and_how_to_go_on(
    checkout_rehearsal: RehearsalPaths,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    steps: list[tuple[str, str, Phase]],
    lines: list[str],
) -> None:
    del checkout_rehearsal

    class Interrupted:
        def __init__(self, _root: Path, _paths: RehearsalPaths, on_step: Callable[[DeploymentStep], None]) -> None:
            self.on_step = on_step

        def destroy(self, **_: bool) -> DeploymentSummary:
            for op, name, phase in steps:
                self.on_step(DeploymentStep(op, f"urn:pulumi:r::t::aws:sns/topic:Topic::{name}", phase=phase))
            raise KeyboardInterrupt

        up = destroy

    monkeypatch.setattr("rehearsal.commands.deploy.create_stack", Interrupted)
    ended = run(command)
    assert ended.exit_code == 130
    assert ended.output.splitlines()[-2:] == lines


def test_printed_lines_reach_the_simulator_at_its_clock(checkout_rehearsal: RehearsalPaths, tmp_path: Path) -> None:
    said = run("runbook", "drift", "--stack", "rehearsal").output
    assert f"{checkout_rehearsal.aws_cli} s3 ls " in said
    assert "$(date" not in said
    assert "\npulumi up" not in run("runbook", "endpoint-not-in-service", "--stack", "rehearsal").output
    assert "aws s3 ls " in run("runbook", "drift", "--stack", "dev").output
    assert f"{checkout_rehearsal.request_file} --region " in run("runbook", "silence", "--stack", "rehearsal").output

    fake = tmp_path / "aws"
    fake.write_text('#!/bin/sh\necho "$AWS_ENDPOINT_URL $AWS_PROFILE $AWS_SESSION_TOKEN $*"\n')
    fake.chmod(0o755)
    elsewhere = {"PATH": f"{tmp_path}:/usr/bin:/bin", "AWS_PROFILE": "prod", "AWS_SESSION_TOKEN": "t"}
    done = subprocess.run(
        [checkout_rehearsal.aws_cli, "s3", "ls"], env=elsewhere, capture_output=True, text=True, check=True
    )
    url = checkout_rehearsal.read_environment()["AWS_ENDPOINT_URL"]
    assert done.stdout.split() == [url, "--endpoint-url", url, "s3", "ls"], "the AWS CLI 1 ignores the variable for SQS"
    assert checkout_rehearsal.aws_cli.stat().st_mode & 0o777 == 0o700


def test_commands_that_the_simulator_does_not_know_are_for_aws_with_all_their_lines(
    checkout_rehearsal: RehearsalPaths,
) -> None:
    del checkout_rehearsal
    text = "aws cloudtrail lookup-events --region us-east-1 \\\n  --max-items 20\naws s3 ls\n"
    shown = get_backend("rehearsal").adapt_commands(text).splitlines()
    assert shown[:2] == ["# on AWS: aws cloudtrail lookup-events --region us-east-1 \\", "#  --max-items 20"]
    assert shown[2].endswith("/aws s3 ls")


@pytest.mark.parametrize("page", sorted(FOLDER.glob("*.md")), ids=lambda page: page.stem)
def test_every_printed_line_is_one_that_tidewatch_takes_or_is_said_to_be_for_aws(
    page: Path, checkout_rehearsal: RehearsalPaths
) -> None:
    del checkout_rehearsal
    said = run("runbook", page.stem, "--stack", "rehearsal").output
    printed = [*in_blocks(said), *in_text(said)]
    assert [wrong for words in printed if words[0] == "tidewatch" and (wrong := mistake(words))] == []
    assert [words for words in in_blocks(said) if words[0] == "pulumi"] == []
    assert not re.search(r"(?m)(^|`)aws ", said)
    assert "`pulumi" not in said.replace("(on AWS:) `pulumi", "")


def test_what_tidewatch_does_not_take_is_said_to_be_for_aws(checkout_rehearsal: RehearsalPaths) -> None:
    del checkout_rehearsal
    text = (
        "`pulumi up --refresh --stack rehearsal`, `pulumi stack history`\npulumi up --replace URN --stack rehearsal\n"
    )
    assert get_backend("rehearsal").adapt_commands(text) == (
        "`tidewatch up --refresh --stack rehearsal`, (on AWS:) `pulumi stack history`\n"
        "# on AWS: pulumi up --replace URN --stack rehearsal\n"
    )
    assert (
        get_backend("rehearsal").adapt_commands("tidewatch promote NAME/2, then pulumi up")
        == "tidewatch promote NAME/2, then tidewatch up"
    )
    assert get_backend("prod").adapt_commands(text) == text


def test_links_into_the_console_and_the_history_of_the_template_are_said_to_be_for_aws(
    checkout_rehearsal: RehearsalPaths,
) -> None:
    del checkout_rehearsal
    link = "https://us-east-1.console.aws.amazon.com/cloudwatch/home#dashboards/dashboard/flights"
    text = f"Dashboard: {link}\nWho: `git log -5 --format='%h' -- Pulumi.rehearsal.yaml`.\n"
    shown = get_backend("rehearsal").adapt_commands(text)
    assert shown == (
        f"Dashboard: (on AWS:) {link}\nWho: (on AWS:) `git log -5 --format='%h' -- Pulumi.rehearsal.yaml`.\n"
    )
    assert get_backend("prod").adapt_commands(text) == text


def test_the_command_that_reaches_the_simulator_is_never_looked_for_on_the_path(
    checkout_rehearsal: RehearsalPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rehearsal.backend.ROOT", checkout_rehearsal.folder.parents[1])
    for folder, shown in ((checkout_rehearsal.folder, "./aws"), (checkout_rehearsal.folder.parent, "rehearsal/aws")):
        monkeypatch.chdir(folder)
        assert get_backend("rehearsal").adapt_commands("aws s3 ls") == f"{shown} s3 ls"
    spaced = checkout_rehearsal.folder.parent / "a b"
    shutil.copytree(checkout_rehearsal.folder, spaced)
    monkeypatch.setattr(RehearsalPaths, "of", lambda _root: RehearsalPaths(spaced))
    assert get_backend("rehearsal").adapt_commands("aws s3 ls") == "'a b/aws' s3 ls"


@pytest.mark.parametrize("words", [["up"], ["preview"], ["destroy"]])
def test_a_stack_on_aws_is_for_pulumi(words: list[str]) -> None:
    said = run(*words, "--stack", "prod")
    assert isinstance(said.exception, UserError)
    assert f"run `pulumi {words[0]} --stack prod`" in str(said.exception)


def test_without_the_pulumi_cli_the_other_engine_says_how_to_get_it(
    checkout_rehearsal: RehearsalPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    del checkout_rehearsal
    monkeypatch.setenv("PATH", "/nowhere")
    said = run("preview", "--engine", "pulumi")
    assert isinstance(said.exception, UserError)
    assert "the Pulumi CLI is not on PATH: install it" in str(said.exception)


def test_without_a_rehearsal_there_is_nothing_to_deploy_to(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(RehearsalPaths, "of", lambda _root: RehearsalPaths(tmp_path))
    said = run("up")
    assert isinstance(said.exception, UserError)
    assert "start one with `tidewatch rehearse --stay`" in str(said.exception)
