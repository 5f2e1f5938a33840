"""`tidewatch rehearse`: what it refuses before anything is deployed."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.errors import UserError
from cli.main import app
from simulator.rehearsal.home import Home
from tests.stacks.rehearsed import ROOT

ELSEWHERE = """
import sys
from pathlib import Path
from cli import main, rehearse

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
        (["--all", "--stay"], "--port and --stay belong to the story"),
        (["--scenario", "error-spike", "--port", "5000"], "--port and --stay belong to the story"),
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
    assert not {"lightgbm", "sklearn", "simulator.aws.install"} & set(done.stdout.split())


def test_ctrl_c_in_a_deployment_ends_the_rehearsal_with_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "__main__.py").write_text(DEPLOYING)
    (tmp_path / "Pulumi.rehearsal.yaml").write_text((ROOT / "Pulumi.rehearsal.yaml").read_text())
    command = [sys.executable, "-c", ELSEWHERE, str(tmp_path), "rehearse"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        while process.poll() is None and not (tmp_path / "deploying").exists():
            time.sleep(0.05)
        assert Home.of(tmp_path).environment()
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert said == "tidewatch: interrupted: the rehearsal is over, and nothing of it runs any more\n"
    assert not (Home.of(tmp_path).folder / "simulator.json").exists()
