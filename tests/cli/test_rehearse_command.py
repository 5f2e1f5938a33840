"""`tidewatch rehearse`: what it refuses before anything is deployed."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.errors import UserError
from cli.main import app
from rehearsal.charts.timeline import GameDayOutcome
from rehearsal.demo.paths import RehearsalPaths
from rehearsal.gamedays import Scenario
from tests.rehearsal.charts.sample_game_day import outcome
from tests.stacks.deployed_program import ROOT

ELSEWHERE = """
import sys
from pathlib import Path
from cli import main
from rehearsal.commands import rehearse

rehearse.ROOT = Path(sys.argv.pop(1))
main.main()
"""
"""The command, on a checkout that is named before its arguments."""
DEPLOYING = """
import signal, time
from pathlib import Path

signal.signal(signal.SIGINT, signal.SIG_DFL)
Path("deploying").touch()
time.sleep(60)
"""
"""A program in the midst of its deployment, which treats Ctrl-C as the real one does."""


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (
            ["--scenario", "eror-spike"],
            "there is no game day eror-spike, did you mean error-spike? they are error-spike,",
        ),
        (["--scenario", "xyz"], "there is no game day xyz; they are error-spike,"),
        (["--all", "--stay"], "--port and --stay are for the demo"),
        (["--scenario", "error-spike", "--port", "5000"], "--port and --stay are for the demo"),
    ],
)
def test_a_mistake_is_a_sentence(given: list[str], sentence: str) -> None:
    with pytest.raises(UserError) as refused:
        CliRunner().invoke(app, ["rehearse", *given], catch_exceptions=False)
    assert sentence in str(refused.value)


def test_an_unknown_game_day_is_refused_at_once() -> None:
    """What makes models and accounts takes seconds to load."""
    asked = "import atexit, sys; from cli import main; atexit.register(lambda: print(*sys.modules)); main.main()"
    command = [sys.executable, "-c", asked, "rehearse", "--scenario", "eror-spike"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "did you mean error-spike?" in done.stderr
    assert not {"lightgbm", "sklearn", "rehearsal.aws.bootstrap"} & set(done.stdout.split())


class _Account:
    """A deployed account on whose copies every game day ends as it must."""

    def run_scenarios(self, scenarios: Sequence[Scenario]) -> list[GameDayOutcome]:
        return [outcome(scenario=one.name) for one in scenarios]


@contextmanager
def _account(*_: object) -> Iterator[_Account]:
    yield _Account()


@pytest.mark.parametrize(
    ("given", "pages"),
    [
        (["--scenario", "slow-leak"], ["slow-leak"]),
        (["--scenario", "slow-leak", "--scenario", "error-spike"], ["error-spike", "slow-leak"]),
        (["--all"], ["all"]),
    ],
)
def test_a_game_day_is_drawn_beside_the_page_of_the_story(
    given: list[str], pages: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rehearsal.commands.rehearse.ROOT", tmp_path)
    monkeypatch.setattr("rehearsal.gamedays.runner.deploy_snapshot", _account)
    monkeypatch.setattr("rehearsal.gamedays.runner.verify_alarms", lambda *_: [])
    home = RehearsalPaths.of(tmp_path)
    home.folder.mkdir(parents=True)
    home.report_file.write_text("the story")
    said = CliRunner().invoke(app, ["rehearse", *given])
    assert said.exit_code == 0, said.exception
    assert home.report_file.read_text() == "the story"
    assert sorted(path.stem for path in (home.folder / "scenarios").iterdir()) == pages
    assert all(f"out/rehearsal/scenarios/{page}.html" in said.stdout for page in pages)
    assert home.alarm_coverage_file.exists() == (given == ["--all"])


@pytest.mark.parametrize(("number", "word"), [(signal.SIGINT, "interrupted"), (signal.SIGTERM, "terminated")])
def test_a_signal_in_a_deployment_ends_the_rehearsal_with_a_sentence(
    number: signal.Signals, word: str, tmp_path: Path
) -> None:
    (tmp_path / "__main__.py").write_text(DEPLOYING)
    (tmp_path / "Pulumi.rehearsal.yaml").write_text((ROOT / "Pulumi.rehearsal.yaml").read_text())
    command = [sys.executable, "-c", ELSEWHERE, str(tmp_path), "rehearse"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        while process.poll() is None and not (tmp_path / "deploying").exists():
            time.sleep(0.05)
        assert RehearsalPaths.of(tmp_path).read_environment()
        process.send_signal(number)
        _, said = process.communicate(timeout=30)
    assert process.returncode == 128 + number
    assert said == f"tidewatch: {word}: the rehearsal is over, and all its processes have ended\n"
    assert not (RehearsalPaths.of(tmp_path).folder / "simulator.json").exists()


def test_ctrl_c_ends_a_kept_rehearsal_whatever_libraries_it_has_loaded() -> None:
    """polars, which the training loads, sets a handler of its own."""
    stays = (
        "import polars; polars.LazyFrame({'a': [1]}).collect()\n"
        "from rich.console import Console; from rehearsal.commands.rehearse import _wait_for_interrupt; "
        "_wait_for_interrupt(Console())"
    )
    with subprocess.Popen([sys.executable, "-c", stays], cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("The simulated AWS stays")
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    assert said.endswith("Ended.\n")
