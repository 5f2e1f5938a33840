from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
import typer
from ruamel.yaml import YAML
from typer.testing import CliRunner

import cli.commands.registry
import cli.progress
from cli.commands.registry import models, publish
from cli.errors import UserError
from rehearsal.aws import simulate_aws
from tests.tidewatch.hostile_text import ATTACKS
from tidewatch.registry import InvalidArchive, InvalidManifest, InvalidVersion, RegistryError, VersionExists
from tidewatch.text import is_invisible

BUCKET = "registry"
AWS = boto3.Session("test", "test", region_name="us-east-1")
NOW = datetime(2031, 5, 4, 3, 2, 1, tzinfo=UTC)
"""Simulated time, where the stack is."""
IMAGE = "example.com/triton@sha256:" + "ab" * 32
LINEAGE = """
framework: lightgbm
owner: ml-platform@example.com
image: {image}
metrics: {{auc: {auc}}}
lineage:
  commit: 0a1b2c3
  data: {{reference: s3://lake/flights, digest: "sha256:1"}}
  preprocessing: none
  features:
    - {{name: hour, kind: numeric, definition: scheduled hour}}
  hyperparameters: {{num_leaves: 31, boosting: gbdt}}
  seeds: {{lightgbm: 7}}
  environment: {{python: "3.11"}}
  training_run: run-1
"""


class Simulated:
    """A stack whose registry is simulated."""

    def __init__(self, stack: str) -> None:
        assert stack == "dev"

    def now(self) -> datetime:
        return NOW

    def client(self, service: str, region: str = "") -> Any:
        return AWS.client(service, region_name=region or None)  # type: ignore[call-overload]


@pytest.fixture(autouse=True)
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    outputs = {"model": "flights", "registry": {"bucket": BUCKET, "prefix": "models/flights/"}}
    monkeypatch.setattr(cli.commands.registry, "read_stack_outputs", lambda _: outputs)
    monkeypatch.setattr(cli.commands.registry, "Session", Simulated)
    with simulate_aws():
        AWS.client("s3").create_bucket(Bucket=BUCKET)
        yield


@pytest.fixture
def lineage(tmp_path: Path) -> Path:
    path = tmp_path / "lineage.yaml"
    path.write_text(LINEAGE.format(image=IMAGE, auc=0.66))
    return path


@pytest.fixture
def artifact(tmp_path: Path) -> Path:
    path = tmp_path / "model.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name in ("flights/config.pbtxt", "flights/1/model.txt"):
            archive.addfile(tarfile.TarInfo(name), io.BytesIO())
    return path


def run(*arguments: object) -> Any:
    app = typer.Typer()
    app.command()(publish)
    app.command()(models)
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def run_publish(artifact: Path, lineage: Path, version: str, *more: object) -> Any:
    return run("publish", artifact, "--stack", "dev", "--version", version, "--lineage", lineage, *more)


def test_publish_says_what_was_published_and_what_comes_next(artifact: Path, lineage: Path) -> None:
    result = run_publish(artifact, lineage, "3")
    assert result.exit_code == 0, result.output
    assert "published flights/3" in result.stdout
    assert "sha256  " in result.stdout
    assert f"({artifact.stat().st_size} bytes)" in result.stdout
    assert "next: tidewatch promote flights/3 --stack dev" in result.stdout
    assert result.stderr == ""


def test_models_lists_what_was_published(artifact: Path, lineage: Path, tmp_path: Path) -> None:
    assert "no version of flights yet" in run("models", "--stack", "dev").stdout
    card = tmp_path / "card.md"
    card.write_text("card")
    run_publish(artifact, lineage, "2", "--card", card)
    run_publish(artifact, lineage, "10")
    listed = run("models", "--stack", "dev")
    assert [line.split()[0] for line in listed.stdout.splitlines()[1:] if line[0].isdigit()] == ["2", "10"]
    assert "auc=0.66" in listed.stdout
    told = json.loads(run("models", "--stack", "dev", "--json").stdout)
    assert [version["version"] for version in told["versions"]] == ["2", "10"]
    assert set(told["versions"][0]["files"]) == {"model.tar.gz", "card.md"}
    assert told["unfinished"] == []
    assert {version["created"] for version in told["versions"]} == {"2031-05-04T03:02:01Z"}


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_owners_name_breaks_no_list_and_forges_no_line_of_it(artifact: Path, lineage: Path, attack: str) -> None:
    owner = f"me{attack}".encode("utf-8", "replace").decode()
    lineage.write_text(LINEAGE.format(image=IMAGE, auc=0.66))
    described = YAML(typ="safe", pure=True).load(lineage.read_text()) | {"owner": owner}
    lineage.write_text(json.dumps(described))
    assert run_publish(artifact, lineage, "2").exit_code == 0
    listed = run("models", "--stack", "dev")
    assert listed.exit_code == 0
    assert len(listed.stdout.splitlines()) == 2
    assert not any(is_invisible(each) for each in listed.stdout.replace("\n", ""))


def test_models_shows_versions_that_were_cut_off(artifact: Path, lineage: Path) -> None:
    run_publish(artifact, lineage, "1")
    s3 = AWS.client("s3")
    s3.put_object(Bucket=BUCKET, Key="models/flights/4/model.tar.gz", Body=artifact.read_bytes())
    assert "interrupted or in progress: 4" in run("models", "--stack", "dev").stdout
    assert json.loads(run("models", "--stack", "dev", "--json").stdout)["unfinished"] == ["4"]


def test_models_shows_what_differs_between_two_versions(artifact: Path, lineage: Path) -> None:
    run_publish(artifact, lineage, "1")
    lineage.write_text(LINEAGE.format(image=IMAGE, auc=0.7).replace("num_leaves: 31", "num_leaves: 63"))
    run_publish(artifact, lineage, "2")
    told = json.loads(run("models", "--stack", "dev", "--diff", "1", "2", "--json").stdout)
    differing = {each["path"]: (each["before"], each["after"]) for each in told}
    assert differing["metrics.auc"] == (0.66, 0.7)
    assert differing["lineage.hyperparameters.num_leaves"] == (31, 63)
    assert not any(path.startswith("files") for path in differing if path.endswith("sha256"))
    assert "num_leaves" in run("models", "--stack", "dev", "--diff", "1", "2").stdout


def test_a_lineage_file_may_be_json(artifact: Path, tmp_path: Path) -> None:
    path = tmp_path / "lineage.json"
    path.write_text(json.dumps(YAML(typ="safe", pure=True).load(LINEAGE.format(image=IMAGE, auc=0.5))))
    assert run_publish(artifact, path, "3").exit_code == 0


def test_the_image_may_come_from_the_command_line(artifact: Path, lineage: Path) -> None:
    other = "example.com/other@sha256:" + "cd" * 32
    assert run_publish(artifact, lineage, "3", "--image", other).exit_code == 0
    assert "cd" * 32 in run("models", "--stack", "dev", "--json").stdout


@pytest.mark.parametrize(
    ("version", "more", "error", "says"),
    [
        ("latest", [], InvalidVersion, '"latest" is not a version'),
        ("a/b", [], InvalidVersion, "is not a version"),
        ("3", ["--image", "triton:latest"], InvalidManifest, "is not pinned"),
        ("3", ["--card", "/nowhere/card.md"], InvalidArchive, "there is no file /nowhere/card.md"),
    ],
)
def test_a_mistake_is_a_sentence(
    artifact: Path, lineage: Path, version: str, more: list[str], error: type[RegistryError], says: str
) -> None:
    result = run_publish(artifact, lineage, version, *more)
    assert isinstance(result.exception, error)
    assert says in str(result.exception)


def test_a_version_that_exists_is_refused(artifact: Path, lineage: Path) -> None:
    run_publish(artifact, lineage, "3")
    result = run_publish(artifact, lineage, "3")
    assert isinstance(result.exception, VersionExists)


@pytest.mark.parametrize(
    ("content", "error", "says"),
    [
        (None, UserError, "cannot read the lineage file"),
        (b"\xff\xfe\xfd", UserError, "cannot read the lineage file"),
        (b"a: [", UserError, "is neither YAML nor JSON"),
        (b"", InvalidManifest, "does not describe a model"),
        (b"framework: lightgbm\nowner: me\n", InvalidManifest, "`lineage`"),
    ],
)
def test_a_lineage_file_that_is_none_is_said_to_be_none(
    artifact: Path, tmp_path: Path, content: bytes | None, error: type[Exception], says: str
) -> None:
    path = tmp_path / "lineage.yaml"
    if content is not None:
        path.write_bytes(content)
    result = run_publish(artifact, path, "3")
    assert isinstance(result.exception, error)
    assert says in str(result.exception)


def test_an_artifact_that_is_not_there_is_named(lineage: Path) -> None:
    result = run_publish(Path("/nowhere/model.tar.gz"), lineage, "3")
    assert isinstance(result.exception, InvalidArchive)
    assert "there is no file /nowhere/model.tar.gz" in str(result.exception)


def test_wrong_usage_has_exit_code_two(artifact: Path) -> None:
    assert run("publish", artifact, "--stack", "dev").exit_code == 2
    assert run("models", "--stack", "dev", "--diff", "1").exit_code == 2


def test_a_long_publish_shows_its_progress_on_stderr_only(
    artifact: Path, lineage: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli.progress, "SHOW_AFTER", -1.0)
    monkeypatch.setenv("FORCE_COLOR", "1")
    result = run_publish(artifact, lineage, "3")
    assert "upload model.tar.gz" in result.stderr
    assert "upload model.tar.gz" not in result.stdout
