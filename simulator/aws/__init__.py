"""AWS for a rehearsal: moto's server with its gaps filled. It is simulated, and docs/fidelity.md says how far."""

from __future__ import annotations

from simulator.aws.in_process import in_process, local_control
from simulator.aws.world import ACCOUNT, REGION, world

__all__ = ["ACCOUNT", "REGION", "in_process", "local_control", "world"]
