"""The workflow that deploys outlives what the program waits for."""

from pathlib import Path

import yaml

from components.sagemaker.provider import WAIT_SECONDS
from stacks.agreement import LONGEST_DEPLOYMENT

JOB = yaml.safe_load((Path(__file__).parents[2] / ".github/workflows/up.yaml").read_text())["jobs"]["up"]
HOSTED_RUNNER_MINUTES = 360
"""Source: GitHub Actions documentation, "Usage limits": each job in a workflow can run for up to 6 hours."""
LONGEST_SESSION = 43_200
"""Source: IAM API reference, UpdateRole, "MaxSessionDuration"."""


def _credentials() -> int:
    (step,) = [step for step in JOB["steps"] if "configure-aws-credentials" in step.get("uses", "")]
    return int(step["with"]["role-duration-seconds"])


def test_credentials_outlive_the_programs_own_wait_and_iam_grants_them_that_long() -> None:
    assert WAIT_SECONDS < _credentials() <= LONGEST_SESSION


def test_the_job_outlives_the_programs_own_wait_and_ends_before_its_credentials_do() -> None:
    assert WAIT_SECONDS < JOB["timeout-minutes"] * 60 <= _credentials()
    assert JOB["timeout-minutes"] < HOSTED_RUNNER_MINUTES


def test_the_program_waits_longer_than_any_deployment_that_the_settings_accept() -> None:
    assert LONGEST_DEPLOYMENT <= WAIT_SECONDS
