"""What `tidewatch` lists, and that it loads a command only when that is called, with or without the rehearsal."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from cli.command_group import CommandDeclaration, find_registered_commands
from cli.main import TidewatchCommands, app
from tests.stacks.deployed_program import ROOT

DECLARATIONS = (*TidewatchCommands.declarations, *find_registered_commands())
OF_THE_PRODUCT = [each.name for each in TidewatchCommands.declarations]
OF_THE_REHEARSAL = ("rehearse", "up", "preview", "destroy")
WITHOUT_THE_REHEARSAL = """
import importlib.abc, importlib.metadata, json, sys

class Forbid(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("rehearsal", "moto"):
            raise ModuleNotFoundError(f"No module named {name!r}, the test says", name=name)

sys.meta_path.insert(0, Forbid())
installed = importlib.metadata.entry_points
importlib.metadata.entry_points = lambda **given: [
    each for each in installed(**given) if each.dist.name != "tidewatch-rehearsal"
]

from typer.testing import CliRunner
from cli.main import app

listed = CliRunner().invoke(app, ["--help"]).output
loaded_by_list = list(sys.modules)

def run(words):
    done = CliRunner().invoke(app, words)
    return {"code": done.exit_code, "error": repr(done.exception), "text": done.output}

told = {line: run(line.split()) for line in json.loads(sys.argv[1])}
print(json.dumps({"listed": listed, "loaded_by_list": loaded_by_list, "told": told}))
"""
"""Runs lines of `tidewatch` where tidewatch-rehearsal and moto are not installed."""


@pytest.fixture(scope="module")
def without_the_rehearsal() -> dict[str, Any]:
    lines = [
        *(f"{name} --help" for name in (*OF_THE_PRODUCT, "drift check", "drift reference")),
        *OF_THE_REHEARSAL,
        "runbook server-errors",
        "runbook server-errors --stack dev",
        "permissions reader --stack dev --account 123456789012",
        "promote other/1 --stack rehearsal",
    ]
    command = [sys.executable, "-c", WITHOUT_THE_REHEARSAL, json.dumps(lines)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("declared", DECLARATIONS, ids=lambda declared: declared.name)
def test_the_list_says_of_a_command_how_its_own_help_begins(declared: CommandDeclaration) -> None:
    first, _, _ = declared.load().help.partition("\n\n")
    assert " ".join(first.split()) == declared.summary


def test_what_works_in_a_rehearsal_alone_stands_apart() -> None:
    text = CliRunner().invoke(app, ["--help"]).output
    product, _, rest = text.partition("In a rehearsal that stays")
    assert all(f"\u2502 {name} " in product for name in (*OF_THE_PRODUCT, "rehearse"))
    assert [name for line in rest.splitlines() for name in OF_THE_REHEARSAL if line.startswith(f"\u2502 {name} ")] == [
        "up",
        "preview",
        "destroy",
    ]


def test_each_command_can_be_looked_up() -> None:
    commands: Any = get_command(app)
    assert set(commands.commands) == {each.name for each in DECLARATIONS}
    assert set(commands.commands["drift"].commands) == {"reference", "check"}
    assert commands.commands["up"].rich_help_panel == "In a rehearsal that stays"


def test_a_mistyped_command_is_answered_with_the_one_that_was_meant() -> None:
    done = CliRunner().invoke(app, ["stauts"])
    assert done.exit_code == 2
    assert "Did you mean 'status'?" in done.output


def test_the_list_loads_no_command(without_the_rehearsal: dict[str, Any]) -> None:
    loaded = set(without_the_rehearsal["loaded_by_list"])
    assert not {"boto3", "botocore", "numpy", "polars", "pulumi", "pydantic", "ruamel.yaml"} & loaded
    assert not [name for name in loaded if name.startswith(("cli.commands.", "tidewatch.", "stacks."))]


def test_without_the_rehearsal_every_other_command_starts(without_the_rehearsal: dict[str, Any]) -> None:
    told = without_the_rehearsal["told"]
    assert all(name in without_the_rehearsal["listed"] for name in OF_THE_PRODUCT)
    assert "In a rehearsal" not in without_the_rehearsal["listed"]
    for name in (*OF_THE_PRODUCT, "drift check", "drift reference"):
        assert told[f"{name} --help"]["code"] == 0, told[f"{name} --help"]
    page = (ROOT / "runbooks" / "server-errors.md").read_text()
    assert told["runbook server-errors"]["text"] == page
    assert "ml-platform@example.com" in told["runbook server-errors --stack dev"]["text"]
    assert '"Version": "2012-10-17"' in told["permissions reader --stack dev --account 123456789012"]["text"]
    assert "serves the model flights, not other" in told["promote other/1 --stack rehearsal"]["error"]


@pytest.mark.parametrize("name", OF_THE_REHEARSAL)
def test_without_the_rehearsal_its_commands_say_what_to_install(
    name: str, without_the_rehearsal: dict[str, Any]
) -> None:
    done = without_the_rehearsal["told"][name]
    assert done["code"] == 1
    assert f"`tidewatch {name}` is part of the rehearsal, which is not installed: run `make install`" in done["error"]
    assert "tidewatch-rehearsal" in done["error"]
