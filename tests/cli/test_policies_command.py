"""`tidewatch policies` over an exported state: what it prints, when it fails, and every mistake as one sentence."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from cli.errors import UserError
from cli.main import app
from tests.policies.foreign_program import ForeignProgram

pytest.importorskip("pulumi_policy", reason="the pack needs a Python before 3.14")
Run = Callable[..., Result]


def export(program: ForeignProgram) -> str:
    resources = [
        {
            "urn": each.urn,
            "type": each.type,
            "inputs": each.inputs,
            "outputs": each.outputs,
            "protect": each.protect,
            "propertyDependencies": each.property_dependencies,
        }
        for each in program.build()
    ]
    return json.dumps({"version": 3, "deployment": {"resources": resources}})


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs the command over a state without capture, or over the text of another one."""

    def call(*arguments: str, state: str | None = None, edit: Callable[[ForeignProgram], None] | None = None) -> Result:
        program = ForeignProgram()
        if edit:
            edit(program)
        file = tmp_path / "state.json"
        file.write_text(export(program) if state is None else state)
        return CliRunner().invoke(app, ["policies", str(file), *arguments])

    return call


def turn_capture_off(program: ForeignProgram) -> None:
    program.edit("configuration", "dataCaptureConfig.enableCapture", False)


def test_a_sound_state_is_0_and_a_mandatory_violation_1(run: Run) -> None:
    sound = run()
    assert (sound.exit_code, sound.stdout) == (0, "0 mandatory and 0 advisory violations\n")
    refused = run(edit=turn_capture_off)
    assert refused.exit_code == 1
    assert "capture-enabled (mandatory, high): An endpoint captures requests and answers" in refused.stdout
    assert "  configuration: It captures nothing." in refused.stdout


def test_the_levels_come_from_a_file_or_from_the_stacks_config(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "policies.json"
    file.write_text('{"all": "advisory"}')
    assert run("--config", str(file), edit=turn_capture_off).exit_code == 0
    assert run("--stack", "dev", edit=turn_capture_off).exit_code == 0
    assert run("--stack", "prod", edit=turn_capture_off).exit_code == 1


def test_json_holds_every_violation_and_what_does_not_apply(run: Run) -> None:
    def edit(program: ForeignProgram) -> None:
        turn_capture_off(program)
        program.edit("configuration", "productionVariants.0.instanceType", "ml.g5.xlarge")

    report: dict[str, Any] = json.loads(run("--json", edit=edit).stdout)
    assert report["ok"] is False
    assert [each["policy"] for each in report["violations"]] == ["capture-enabled"]
    assert [each["policy"] for each in report["not_applicable"]] == ["volume-key"]


@pytest.mark.parametrize(
    ("arguments", "configuration", "state", "words"),
    [
        ((), None, "{", "is not JSON; `pulumi stack export --file FILE` writes a state"),
        ((), None, "{}", "is no exported state; `pulumi stack export --file FILE` writes one"),
        (("--config",), '{"capture": "mandatory"}', None, "capture: there is no such policy"),
        (("--config",), '{"all": "strict"}', None, 'all: "strict" is not a level; use advisory, mandatory, disabled'),
        (("--config",), "[", None, "is not JSON"),
        (("--stack", "dev", "--config"), "{}", None, "leave one of them out"),
        (("--stack", "nowhere"), None, None, "there is no Pulumi.nowhere.yaml"),
    ],
)
def test_a_mistake_is_one_sentence(
    run: Run, tmp_path: Path, arguments: tuple[str, ...], configuration: str | None, state: str | None, words: str
) -> None:
    if configuration is not None:
        file = tmp_path / "policies.json"
        file.write_text(configuration)
        arguments = (*arguments, str(file))
    refused = run(*arguments, state=state)
    assert refused.exit_code == 1
    assert isinstance(refused.exception, UserError)
    assert words in str(refused.exception)
    assert "\n" not in str(refused.exception)


def test_a_file_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    refused = CliRunner().invoke(app, ["policies", str(tmp_path / "gone.json")])
    assert "gone.json cannot be read: No such file" in str(refused.exception)


def test_where_the_pack_cannot_run_it_is_one_sentence(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("policies.loading.importlib.util.find_spec", lambda name: None)  # noqa: ARG005
    assert "use 3.11, 3.12 or 3.13" in str(run().exception)
