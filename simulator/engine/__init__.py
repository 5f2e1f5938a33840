"""Deploys a Pulumi program without the Pulumi CLI.

The program's SDK talks to a resource monitor of ours, which keeps a state file and creates, updates, replaces and
deletes through simulator.provider and the program's own dynamic providers. It is a rehearsal's engine, not a second
Pulumi: held to recorded steps of the real CLI, and refusing what it does not do. Policy packs are not asked;
registration.py says where they would be.
"""

from simulator.engine.report import DeploymentFailed, Refused, Step, Summary
from simulator.engine.stack import Stack

__all__ = ["DeploymentFailed", "Refused", "Stack", "Step", "Summary"]
