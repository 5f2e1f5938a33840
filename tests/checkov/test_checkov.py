"""checkov over the resources of the production stack: what it finds is a list with a reason for each."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from policies.stack_state import read_state
from rehearsal.engine.checkpoint import to_deployment
from tests.checkov.accepted_findings import ACCEPTED
from tests.checkov.terraform_plan import build_plan
from tests.stacks.deployed_program import ROOT
from tests.stacks.stack_image import production_image

CHECKOV = ROOT / ".venv-checkov" / "bin" / "checkov"


def _scan(plan: Mapping[str, Any], folder: Path) -> Mapping[str, Any]:
    """checkov's results over a plan."""
    if not CHECKOV.exists():
        pytest.skip("needs checkov: `make checkov` installs it and runs this file")
    file = folder / "plan.json"
    file.write_text(json.dumps(plan))
    command = [CHECKOV, "-f", file, "--framework", "terraform_plan", "--compact", "--quiet", "-o", "json"]
    done = subprocess.run([*command, "--skip-download"], capture_output=True, text=True, check=False)
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Any]:
    """checkov's results over the production stack with a canary."""
    folder = tmp_path_factory.mktemp("checkov")
    with production_image().restore(folder) as stack:
        state = to_deployment(json.loads(stack.stack.state.read_text()), "7.51.0")
    return _scan(build_plan(read_state(json.dumps(state))), folder)


def _list_ids(results: Mapping[str, Any], kind: str) -> set[str]:
    return {each["check_id"] for each in results["results"][kind]}


def test_checkov_reads_the_stack(results: Mapping[str, Any]) -> None:
    assert results["summary"]["parsing_errors"] == 0
    assert results["summary"]["resource_count"] > 200
    assert results["summary"]["passed"] > 200


def test_what_checkov_finds_is_accepted_with_a_reason(results: Mapping[str, Any]) -> None:
    assert _list_ids(results, "failed_checks") - ACCEPTED.keys() == set()


def test_nothing_is_accepted_that_checkov_does_not_find(results: Mapping[str, Any]) -> None:
    assert ACCEPTED.keys() - _list_ids(results, "failed_checks") == set()


def test_what_is_not_ours_to_accept_is_found(tmp_path: Path) -> None:
    """The plan carries what checkov reads: a bucket without a block of public access is found."""
    urn = "urn:pulumi:dev::shop::aws:s3/bucket:Bucket::open"
    state = {"deployment": {"resources": [{"urn": urn, "type": "aws:s3/bucket:Bucket", "inputs": {"bucket": "open"}}]}}
    found = _scan(build_plan(read_state(json.dumps(state))), tmp_path)
    assert "CKV2_AWS_6" in _list_ids(found, "failed_checks")
