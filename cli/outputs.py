"""A stack's outputs, from `pulumi stack output`; for the rehearsal from its engine's state."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cli.errors import UserError
from rehearsal.demo.paths import FIRST_TRAFFIC, REHEARSAL, RehearsalPaths
from rehearsal.engine import Stack

ROOT = Path(__file__).resolve().parent.parent
PROJECT = "tidewatch"


def read_stack_outputs(stack: str) -> dict[str, Any]:
    """The outputs of `stack`, a mapping with the keys of the contract in docs/outputs.md.

    Raises UserError where the stack was never deployed or the Pulumi CLI is missing.
    """
    outputs = _read_rehearsal_outputs() if stack == REHEARSAL else _read_pulumi_outputs(stack)
    if outputs.get("registry"):
        return outputs
    if stack == REHEARSAL:
        raise UserError(_explain_missing_output("endpoint", destroyed=True))
    raise UserError(f"the stack {stack} has no outputs yet: deploy it first with `pulumi up --stack {stack}`")


def require_output(outputs: Mapping[str, Any], name: str, stack: str) -> Any:
    """One part of the outputs, whose keys are all null as long as the stack serves nothing."""
    if any(outputs.get(name, {}).values()):
        return outputs[name]
    if stack == REHEARSAL:
        raise UserError(_explain_missing_output(name))
    raise UserError(
        f"the stack {stack} has no {name} yet: no variant is set. "
        f"Publish a version, then `tidewatch promote NAME/VERSION --stack {stack}` and `pulumi up --stack {stack}`"
    )


def _read_rehearsal_outputs() -> dict[str, Any]:
    return Stack(PROJECT, REHEARSAL, ROOT, RehearsalPaths.of(ROOT).state_file).outputs()


def _explain_missing_output(name: str, *, destroyed: bool = False) -> str:
    """Why a rehearsal has no such part: the story deploys all of them by itself, one `up` after the other.

    destroyed: after its story the stack has no outputs at all.
    """
    paths = RehearsalPaths.of(ROOT)
    if not paths.read_environment():
        return paths.explain_missing()
    if paths.summary_file.exists() and destroyed:
        return (
            "the stack of the rehearsal was destroyed. To deploy it anew, take tidewatch:variants, "
            "tidewatch:rollbackTo, tidewatch:retire and tidewatch:acknowledgedIncident, those that are there, out of "
            f"{paths.stack_file.relative_to(paths.folder.parents[1])} and run `tidewatch up --stack {REHEARSAL}`, "
            "publish a version with `tidewatch publish` (the story's are in out/rehearsal/models), "
            "`tidewatch promote` it and run `tidewatch up` once more"
        )
    if paths.summary_file.exists():
        return (
            f"the {name} of the rehearsal is not deployed, as no variant is set: `tidewatch promote` a version "
            f"(`tidewatch models --stack {REHEARSAL}` lists them), then `tidewatch up --stack {REHEARSAL}`"
        )
    return (
        f"the {name} of the rehearsal is not deployed yet: "
        f'ask again once `tidewatch rehearse` has told of "{FIRST_TRAFFIC}", within a minute of its start'
    )


def _read_pulumi_outputs(stack: str) -> dict[str, Any]:
    if shutil.which("pulumi") is None:
        raise UserError(
            "the Pulumi CLI is not on PATH: install it (https://www.pulumi.com/docs/install/), "
            "or rehearse without it by `make demo`"
        )
    result = subprocess.run(  # nosec B603, B607 # no shell, and the CLI is the one on the user's PATH
        ["pulumi", "stack", "output", "--json", "--show-secrets", "--stack", stack],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if result.returncode != 0:
        message = (result.stderr or result.stdout).strip().removeprefix("error: ")
        raise UserError(f"pulumi cannot read the outputs of the stack {stack}: {message}")
    return json.loads(result.stdout or "{}")
