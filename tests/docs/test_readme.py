"""Every command in the README exists, with the options it is shown with; the rehearsal runs them."""

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.main import app

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^ *```sh\n(.*?)^ *```", README, re.DOTALL | re.MULTILINE)
COMMANDS = [shlex.split(line, comments=True) for block in BLOCKS for line in block.splitlines() if line.strip()]


@pytest.mark.parametrize("words", [c for c in COMMANDS if c[0] == "make"], ids=" ".join)
def test_make_knows_the_target(words: list[str]) -> None:
    assert re.search(rf"^{words[1]}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


@pytest.mark.parametrize("words", [c for c in COMMANDS if c[0] == "tidewatch"], ids=" ".join)
def test_the_command_line_has_the_command_and_its_options(words: list[str]) -> None:
    command = words[1:3] if words[1] == "drift" else words[1:2]
    said = CliRunner().invoke(app, [*command, "--help"], terminal_width=200)
    assert said.exit_code == 0
    for option in (word for word in words[2:] if word.startswith("--")):
        assert option in said.output


def test_the_other_commands_are_of_tools_it_names() -> None:
    assert {c[0] for c in COMMANDS} == {"make", "tidewatch", "pulumi", "aws"}
