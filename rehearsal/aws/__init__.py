"""The simulated AWS of a rehearsal: moto's server with its gaps filled. docs/fidelity.md lists what it simulates."""

from __future__ import annotations

from rehearsal.aws.account import current_account
from rehearsal.aws.constants import ACCOUNT, REGION
from rehearsal.aws.in_process import create_local_control, simulate_aws

__all__ = ["ACCOUNT", "REGION", "create_local_control", "current_account", "simulate_aws"]
