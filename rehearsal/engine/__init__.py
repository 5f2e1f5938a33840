"""Deploys a Pulumi program without the Pulumi CLI.

The program's SDK talks to a resource monitor of ours, which keeps a state file and creates, updates, replaces and
deletes through rehearsal.engine.providers and the program's own dynamic providers. It is a rehearsal's engine, not a
second Pulumi: held to recorded steps of the real CLI, and refusing what it does not do. Policy packs are not asked;
registration.py says where they would be.
"""

from rehearsal.engine.results import DeploymentFailed, DeploymentStep, DeploymentSummary, EngineError
from rehearsal.engine.stack import Stack

__all__ = ["DeploymentFailed", "DeploymentStep", "DeploymentSummary", "EngineError", "Stack"]
