"""`tidewatch runbook`: a page with the stack's own names in its commands."""

from __future__ import annotations

import sys

import pytest
from typer.testing import CliRunner

from cli import main as command_line
from cli.commands import runbook as runbook_command
from cli.commands.runbook import collect_names, fill_placeholders
from cli.errors import UserError
from cli.main import app
from cli.runbook_search import RunbookMatch, find_runbook
from tests.stacks.deployed_program import DeployedProgram

CONFIG = {
    "aws:region": "eu-central-1",
    "tidewatch:model": {"name": "flights", "owner": "o@example.com", "escalation": "e@example.com"},
}
OUTPUTS = {
    "model": "flights",
    "registry": {"bucket": "models-1", "prefix": "models/flights/"},
    "endpoint": {"name": "flights-9f3"},
    "traffic": {"champion": "blue", "versions": {"blue": "1", "green": "2"}},
    "topics": {"P1": "arn:aws:sns:eu-central-1:123456789012:flights-p1-5d"},
    "alarms": {"names": {"guardrail-metric-purchases-green": "flights-guardrail-metric-purchases-green-0a1"}},
}


def test_a_name_like_no_other_gets_all_of_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["tidewatch", "runbook", "qqqq"])
    with pytest.raises(SystemExit) as ended:
        command_line.main()
    said = capsys.readouterr().err
    assert ended.value.code == 1
    assert "did you mean" not in said
    assert "server-errors, silence" in said


def test_the_names_are_those_of_the_stack() -> None:
    names = collect_names("prod", CONFIG, OUTPUTS, find_runbook("guardrail-metric-purchases-green"))
    assert names["alarm"] == "flights-guardrail-metric-purchases-green-0a1"
    assert (names["variant"], names["other"], names["champion"]) == ("green", "blue", "blue")
    assert (names["stack"], names["region"], names["model"]) == ("prod", "eu-central-1", "flights")
    assert (names["owner"], names["escalation"]) == ("o@example.com", "e@example.com")
    assert (names["endpoint"], names["registry"]) == ("flights-9f3", "s3://models-1/models/flights/")
    assert names["topic_pages"].endswith("flights-p1-5d")


@pytest.mark.parametrize(("asked", "physical"), [("flights-disk-blue-7c", "flights-disk-blue-7c"), ("disk-blue", None)])
def test_what_the_stack_has_no_name_for_is_not_guessed(asked: str, physical: str | None) -> None:
    names = collect_names("prod", CONFIG, {}, find_runbook(asked))
    assert names.get("alarm") == physical
    assert "endpoint" not in names
    assert fill_placeholders("{endpoint} in {region}", names) == "{endpoint} in eu-central-1"


def test_what_names_begin_with_is_read_off_the_stack() -> None:
    cut = {"prefix": "a-model-with-a-name-that-1f2e3d"}
    assert collect_names("prod", CONFIG, cut, find_runbook("disk"))["prefix"] == "a-model-with-a-name-that-1f2e3d"
    assert collect_names("prod", CONFIG, {}, find_runbook("disk"))["prefix"] == "flights"


def test_a_guardrail_is_of_the_variant_that_is_no_champion() -> None:
    assert (
        collect_names("prod", CONFIG, OUTPUTS, RunbookMatch("guardrail-errors", "guardrail-errors"))["variant"]
        == "green"
    )


def test_it_says_that_nothing_serves_in_a_stack_that_is_retired(monkeypatch: pytest.MonkeyPatch) -> None:
    retired = {**OUTPUTS, "endpoint": {"name": None}, "traffic": {"champion": None, "versions": None}}
    monkeypatch.setattr(runbook_command, "read_stack_outputs", lambda _stack: retired)
    said = CliRunner().invoke(app, ["runbook", "server-errors", "--stack", "dev"])
    assert said.exit_code == 0, said.output
    assert said.stdout.startswith("Nothing serves in the stack dev")
    assert "tidewatch: fill in" not in said.stderr


def test_it_prints_the_page_as_it_is_without_a_stack() -> None:
    said = CliRunner().invoke(app, ["runbook", "flights-server-errors-blue-3fa9c1d"])
    assert said.exit_code == 0
    assert said.output.startswith("# Server errors")
    assert "{rollback_command}" in said.output


def test_it_prints_the_page_with_what_the_stack_has(operated_canary: DeployedProgram) -> None:
    outputs = operated_canary.outputs()
    said = CliRunner().invoke(app, ["runbook", "server-errors-green", "--stack", "rehearsal"])
    assert said.exit_code == 0
    assert f"\n{outputs['rollback']['command']}\n" in said.output
    assert f"Value={outputs['endpoint']['name']} Name=VariantName,Value=green" in said.output
    assert "ml-leads@example.com" in said.output
    assert "{variant}" not in said.output


@pytest.mark.usefixtures("operated_canary")
def test_it_says_where_to_find_what_the_words_in_capitals_stand_for() -> None:
    said = CliRunner().invoke(app, ["runbook", "drift", "--stack", "rehearsal"]).stdout
    _, _, explained = said.partition("\n## Words in capitals\n\n")
    assert [line.partition(":")[0] for line in explained.splitlines()] == ["- VERSION", "- OLD NEW", "- YYYY/MM/DD/HH"]
    assert "`tidewatch models --stack rehearsal` lists all of them" in explained
    said = CliRunner().invoke(app, ["runbook", "silence", "--stack", "rehearsal"]).stdout
    assert "## Words in capitals" not in said


def test_where_two_variants_can_be_meant_the_first_line_says_what_VARIANT_is(operated_canary: DeployedProgram) -> None:
    said = CliRunner().invoke(app, ["runbook", "server-errors", "--stack", "rehearsal"])
    first, _, title = said.stdout.splitlines()[:3]
    assert "blue (the champion) or green, and OTHER the other one" in first
    assert "`tidewatch runbook server-errors-green --stack rehearsal`" in first
    assert title.startswith("# Server errors")
    assert f"Value={operated_canary.outputs()['endpoint']['name']} Name=VariantName,Value=VARIANT " in said.stdout
    assert "VariantName=OTHER,DesiredWeight=1 VariantName=VARIANT,DesiredWeight=0" in said.stdout
    assert "{variant}" not in said.output


@pytest.mark.usefixtures("operated_canary")
def test_a_challengers_alarm_and_a_page_of_no_variant_need_no_such_line() -> None:
    for alarm in ("guardrail-errors", "undelivered"):
        said = CliRunner().invoke(app, ["runbook", alarm, "--stack", "rehearsal"])
        assert said.stdout.startswith("# ")
        assert "VARIANT" not in said.stdout


@pytest.mark.parametrize("alarm", ["latency-burn-fast", "insufficient-data"])
@pytest.mark.usefixtures("operated_canary")
def test_an_alarm_about_the_whole_endpoint_has_every_variant_looked_at(alarm: str) -> None:
    said = CliRunner().invoke(app, ["runbook", alarm, "--stack", "rehearsal"])
    first = said.stdout.splitlines()[0]
    assert first.startswith("The alarm is about the whole endpoint: VARIANT is blue (the champion), then green")


def test_where_one_variant_is_served_it_is_meant_and_there_is_no_other() -> None:
    alone = {**OUTPUTS, "traffic": {"champion": "blue", "versions": {"blue": "1"}}}
    names = collect_names("prod", CONFIG, alone, find_runbook("server-errors"))
    assert (names["variant"], "other" in names) == ("blue", False)
    names = collect_names("prod", CONFIG, alone, find_runbook("guardrail-errors"))
    assert (names["variant"], names["other"]) == ("green", "blue")


def test_a_page_that_names_another_variant_says_where_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    alone = {**OUTPUTS, "traffic": {"champion": "blue", "versions": {"blue": "1"}}}
    monkeypatch.setattr("cli.commands.runbook.read_stack_outputs", lambda stack: alone)  # noqa: ARG005
    said = CliRunner().invoke(app, ["runbook", "server-errors", "--stack", "rehearsal"])
    assert said.stdout.startswith("This stack has no other variant for OTHER")
    assert "VariantName=green" not in said.stdout


def test_it_prints_the_page_though_the_outputs_cannot_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(stack: str) -> dict[str, object]:
        raise UserError(f"the stack {stack} has no outputs yet")

    monkeypatch.setattr("cli.commands.runbook.read_stack_outputs", missing)
    said = CliRunner().invoke(app, ["runbook", "disk", "--stack", "prod"])
    assert said.exit_code == 0
    assert "tidewatch status --stack prod" in said.output or "--stack prod" in said.output
    assert "fill in {endpoint} yourself: the endpoint's name at SageMaker" in said.stderr
