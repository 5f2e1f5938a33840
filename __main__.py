"""Pulumi starts here; the program is stacks/program.py."""

from stacks.program import run

run()
