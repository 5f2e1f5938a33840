"""`tidewatch rehearse --with`: each example's folder is made and played, as its README says."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cli.errors import UserError
from cli.main import app
from tests.stacks.deployed_program import ROOT

CODE = ("cli", "components", "lambdas", "runbooks", "rehearsal", "stacks", "tidewatch")
"""All that a deployment is made of, besides the files of the checkout's root."""


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (["--all"], "--with is for the demo"),
        (["--scenario", "error-spike"], "--with is for the demo"),
        ([], "there is no folder"),
    ],
)
def test_a_mistake_is_told_before_anything_starts(given: list[str], sentence: str, tmp_path: Path) -> None:
    with pytest.raises(UserError) as refused:
        CliRunner().invoke(app, ["rehearse", "--with", str(tmp_path / "none"), *given], catch_exceptions=False)
    assert sentence in str(refused.value)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the checkout: a rehearsal that somebody keeps running in this one goes on."""
    copy = tmp_path / "checkout"
    for name in CODE:
        shutil.copytree(ROOT / name, copy / name)
    for file in [*ROOT.glob("Pulumi*.yaml"), ROOT / "__main__.py", ROOT / "pyproject.toml", ROOT / "uv.lock"]:
        shutil.copy(file, copy)
    for name in (".venv-awscli", "build", ".cache"):
        if (ROOT / name).exists():
            (copy / name).symlink_to(ROOT / name)
    return copy


def _run(command: list[str], environment: Mapping[str, str], cwd: Path) -> str:
    done = subprocess.run(
        command, cwd=cwd, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.mark.parametrize(
    ("example", "model", "canary", "requests"),
    [
        ("onnx", "tumours", "the same model, packed with an extra file", 284),
        ("lightgbm", "digits", "challenger.tar.gz", 797),
    ],
)
def test_an_example_is_made_and_played(
    example: str, model: str, canary: str, requests: int, checkout: Path, tmp_path: Path
) -> None:
    folder = tmp_path / model
    _run([sys.executable, str(ROOT / "examples" / example / "make.py"), str(folder)], {}, ROOT)
    brought = {path.name: path.read_bytes() for path in folder.iterdir()}
    tidewatch = str(Path(sys.executable).with_name("tidewatch"))
    said = _run([tidewatch, "rehearse", "--with", str(folder)], {"PYTHONPATH": str(checkout)}, checkout)

    assert f"{model}/1: model.tar.gz" in said
    assert f"{model}/2: {canary}" in said
    assert f"Replaying requests.csv: {requests} requests over 6 hours" in said
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == brought
    out = checkout / "out" / "rehearsal"
    summary: dict[str, Any] = json.loads((out / "summary.json").read_text())
    assert summary["rollback"]["requests_to_rolled_back_variant_after"] == 0
    assert summary["quarantine"]["refused"]
    assert summary["out_of_band"]["detected"]
    assert summary["game_day"]["passed"]
    assert "<svg" in (out / "report.html").read_text()
    drift = summary["drift"]
    assert drift["records"]["read"] == drift["records"]["parsed"] == drift["captured_count"]
    assert drift["requests"] == sum(one["rows"] for one in drift["versions"]) == requests
    assert {one["version"] for one in drift["versions"]} == {"1", "2"}
    index = (out / "drift" / "index.html").read_text()
    for one in drift["versions"]:
        assert f'href="{one["page"]}"' in index
        assert model in (out / "drift" / one["page"]).read_text()
