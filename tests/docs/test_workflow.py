"""The workflows: what deploys outlives what the program waits for, and none gives a branch more than it needs."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.sagemaker.provider import WAIT_SECONDS
from stacks.config.conflicts import MAX_DEPLOYMENT_SECONDS

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / ".github/workflows").glob("*.y*ml"))
WORKFLOWS: dict[str, dict[Any, Any]] = {path.name: yaml.safe_load(path.read_text()) for path in FILES}
JOB = WORKFLOWS["up.yaml"]["jobs"]["up"]
HOSTED_RUNNER_MINUTES = 360
"""Source: GitHub Actions documentation, "Usage limits": each job in a workflow can run for up to 6 hours."""
LONGEST_SESSION = 43_200
"""Source: IAM API reference, UpdateRole, "MaxSessionDuration"."""
ALLOWED = ({"contents": "read"}, {"contents": "read", "id-token": "write"})
"""What a job may be permitted: nothing here writes to the repository or its pull requests, but for what publishes."""
PUBLISH = WORKFLOWS["release.yaml"]["jobs"]["publish"]
PINNED = re.compile(r"uses: [\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$")
ON = True
"""YAML 1.1 reads the key `on` so."""


def _jobs() -> Iterator[Any]:
    for name, workflow in WORKFLOWS.items():
        for job, settings in workflow["jobs"].items():
            yield pytest.param(workflow, settings, id=f"{name}:{job}")


def _triggers(workflow: dict[Any, Any]) -> set[str]:
    triggers = workflow[ON]
    return {triggers} if isinstance(triggers, str) else set(triggers)


def _find_values(node: Any, key: str) -> Iterator[str]:
    if isinstance(node, dict):
        yield from ([node[key]] if key in node else [])
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from _find_values(child, key)


def _may_take_a_role(job: dict[str, Any]) -> bool:
    return "id-token" in job.get("permissions", {})


every_job = pytest.mark.parametrize(("workflow", "job"), list(_jobs()))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_actions_are_pinned_to_commits_with_their_version_beside(path: Path) -> None:
    used = [line.strip().removeprefix("- ") for line in path.read_text().splitlines() if "uses:" in line]
    assert [line for line in used if not PINNED.fullmatch(line) and not line.startswith("uses: ./")] == []


@pytest.mark.parametrize("name", WORKFLOWS)
def test_nothing_runs_a_branch_with_the_rights_of_the_base(name: str) -> None:
    assert not _triggers(WORKFLOWS[name]) & {"pull_request_target", "workflow_run", "issue_comment"}


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_workflow_permits_reading_alone_unless_a_job_says_more(name: str) -> None:
    assert WORKFLOWS[name]["permissions"] == {"contents": "read"}


@pytest.mark.parametrize("name", WORKFLOWS)
def test_runs_of_one_kind_queue_behind_each_other(name: str) -> None:
    workflow = WORKFLOWS[name]
    if _triggers(workflow) != {"workflow_call"}:
        assert workflow["concurrency"]["cancel-in-progress"] is False


@pytest.mark.parametrize("path", [*FILES, *ROOT.glob(".github/actions/**/*.y*ml")], ids=lambda path: path.name)
def test_every_action_is_named_by_a_full_commit(path: Path) -> None:
    """Read from the parsed file, so that no spelling of a line hides one."""
    used = [uses for uses in _find_values(yaml.safe_load(path.read_text()), "uses") if not uses.startswith("./")]
    assert [uses for uses in used if not re.fullmatch(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}", uses)] == []


def test_one_action_has_one_commit() -> None:
    used = {line.strip().removeprefix("- ") for path in FILES for line in path.read_text().splitlines()}
    pinned = sorted(line.split("@")[0] for line in used if PINNED.fullmatch(line))
    assert pinned
    assert len(pinned) == len(set(pinned))


@every_job
def test_a_job_may_take_a_role_or_nothing(workflow: dict[Any, Any], job: dict[str, Any]) -> None:
    assert job is PUBLISH or job.get("permissions", workflow["permissions"]) in ALLOWED


def test_what_publishes_a_release_writes_contents_alone_and_runs_nothing_of_the_repository() -> None:
    assert PUBLISH["permissions"] == {"contents": "write"}
    assert PUBLISH["environment"] == "release"
    assert PUBLISH["needs"] == "build"
    download, create = PUBLISH["steps"]
    assert download["uses"].startswith("actions/download-artifact@")
    assert create["run"].startswith("gh release create ")
    assert "\n" not in create["run"].strip()


def test_a_release_is_built_after_all_checks_and_only_from_a_tag_of_a_version() -> None:
    release = WORKFLOWS["release.yaml"]
    assert release[ON] == {"push": {"tags": ["v*"]}}
    assert release["jobs"]["verify"]["uses"] == "./.github/workflows/verify.yaml"
    assert release["jobs"]["build"]["needs"] == "verify"


def test_tests_run_on_every_python_that_the_project_accepts() -> None:
    versions = WORKFLOWS["verify.yaml"]["jobs"]["test"]["strategy"]["matrix"]["python"]
    lowest = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    assert lowest == f">={versions[0]}"
    assert versions == [f"3.{minor}" for minor in range(11, 15)]


def test_game_days_are_played_by_the_clock_and_by_hand() -> None:
    game_days = WORKFLOWS["game-days.yaml"]
    assert set(game_days[ON]) == {"schedule", "workflow_dispatch"}
    assert ".venv/bin/tidewatch rehearse --all" in [step.get("run") for step in game_days["jobs"]["rehearse"]["steps"]]


def test_the_demo_runs_for_every_pull_request() -> None:
    assert "make demo" in [step.get("run") for step in WORKFLOWS["verify.yaml"]["jobs"]["demo"]["steps"]]


@every_job
def test_a_checkout_leaves_no_token_behind(workflow: dict[Any, Any], job: dict[str, Any]) -> None:
    del workflow
    checkouts = [step for step in job.get("steps", ()) if "actions/checkout@" in step.get("uses", "")]
    assert all(step.get("with", {}).get("persist-credentials") is False for step in checkouts)


@every_job
def test_a_job_that_may_take_a_role_runs_no_tests(workflow: dict[Any, Any], job: dict[str, Any]) -> None:
    """What tests install and run is more than anybody has read: such a job installs uv and what the product needs."""
    if not _may_take_a_role(job):
        return
    commands = [step["run"] for step in job.get("steps", ()) if "run" in step]
    assert all(command.startswith("make .venv-uv/bin/uv &&") for command in commands)
    assert all("--no-default-groups" in command for command in commands if "uv sync" in command)
    assert "pytest" not in str(commands)
    assert "needs" in job or _triggers(workflow) == {"workflow_call"}, "such a job waits for the checks"


@every_job
def test_a_job_that_takes_a_role_has_a_protected_environment(workflow: dict[Any, Any], job: dict[str, Any]) -> None:
    """The role trusts the environment's name alone, and the environment its reviewers or its branch."""
    if not _may_take_a_role(job) or "uses" in job:
        return
    if "pull_request" in _triggers(workflow):
        assert job["environment"].endswith("-preview")
        assert "github.event.pull_request.head.repo.full_name == github.repository" in job["if"]
        assert "AWS_DEPLOY_ROLE" not in str(job)
    else:
        assert job["environment"] == "${{ inputs.stack }}"
        assert _triggers(workflow) == {"workflow_call"}


def test_only_main_deploys() -> None:
    callers = [name for name, workflow in WORKFLOWS.items() if "workflows/up.yaml" in str(workflow["jobs"])]
    assert callers == ["deploy.yaml"]
    assert WORKFLOWS["deploy.yaml"][ON] == {"push": {"branches": ["main"]}}


def test_every_deployment_waits_for_the_checks() -> None:
    jobs = WORKFLOWS["deploy.yaml"]["jobs"]
    for name in jobs.keys() - {"verify"}:
        waits = [name]
        while waits[-1] != "verify":
            waits.append(jobs[waits[-1]]["needs"])


def test_uv_comes_by_its_hash_and_nothing_else_comes_from_the_index_unlocked() -> None:
    pinned = (ROOT / "requirements-uv.txt").read_text().split("\n", 1)[1]
    assert re.fullmatch(r"uv==[\d.]+( \\\n    --hash=sha256:[0-9a-f]{64})+\n", pinned)
    texts = [path.read_text() for path in (ROOT / "Makefile", *(ROOT / ".ci").iterdir(), *FILES)]
    installs = [line.strip() for text in texts for line in text.splitlines() if re.search(r"\bpip\d? install", line)]
    assert installs
    assert all("--require-hashes" in line for line in installs)
    assert "uv pip" not in str(texts)


def _credentials() -> int:
    (step,) = [step for step in JOB["steps"] if "configure-aws-credentials" in step.get("uses", "")]
    return int(step["with"]["role-duration-seconds"])


def test_credentials_outlive_the_programs_own_wait_and_iam_grants_them_that_long() -> None:
    assert WAIT_SECONDS < _credentials() <= LONGEST_SESSION


def test_the_job_outlives_the_programs_own_wait_and_ends_before_its_credentials_do() -> None:
    assert WAIT_SECONDS < JOB["timeout-minutes"] * 60 <= _credentials()
    assert JOB["timeout-minutes"] < HOSTED_RUNNER_MINUTES


def test_the_program_waits_longer_than_any_deployment_that_the_settings_accept() -> None:
    assert MAX_DEPLOYMENT_SECONDS <= WAIT_SECONDS
