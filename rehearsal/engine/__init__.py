"""Deploys a Pulumi program without the Pulumi CLI.

The program's SDK calls our resource monitor, which keeps a state file and creates, updates, replaces and deletes
resources through rehearsal.engine.providers and the program's own dynamic providers. This is a rehearsal's engine and
no second Pulumi: tests compare it with recorded steps of the real CLI, and it refuses what it does not support. It runs
no policy packs; registration.py names the place where they would run.
"""

from rehearsal.engine.results import DeploymentStep, DeploymentSummary, EngineError, OperationFailed
from rehearsal.engine.stack import Stack

__all__ = ["DeploymentStep", "DeploymentSummary", "EngineError", "OperationFailed", "Stack"]
