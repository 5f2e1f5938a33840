"""`tidewatch policies`: checks an exported state against the policy pack."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from cli.console import Console
from cli.errors import UserError
from cli.stack_config_file import StackConfigFile
from policies.errors import InvalidState, PolicyPackError
from policies.loading import open_pack
from policies.stack_state import read_state
from policies.violations import describe_violations


def policies(
    state: Annotated[Path, typer.Argument(metavar="STATE.json", help="What `pulumi stack export --file` wrote.")],
    stack: Annotated[
        str | None, typer.Option(help="Use `tidewatch:policies` of this stack's config; otherwise all is mandatory.")
    ] = None,
    config: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Use this file, as `--policy-pack-config` of Pulumi takes it.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Checks an exported state against the policy pack, without the Pulumi CLI. Changes nothing.

    Exit code 1 if a mandatory policy is violated; docs/policies.md lists the policies.
    """
    if stack is not None and config is not None:
        raise UserError("--stack and --config both say how strict the policies are: leave one of them out")
    source, configuration = _read_configuration(stack, config)
    try:
        pack = open_pack(configuration)
    except PolicyPackError as error:
        raise UserError(f"{source}: {error}" if source else str(error)) from error
    try:
        found = pack.analyze_state(read_state(_read_text(state)))
    except InvalidState as error:
        raise UserError(f"{state} {error}") from error
    mandatory = [violation for violation in found if violation.is_mandatory]
    if as_json:
        report = {
            "ok": not mandatory,
            "violations": [asdict(violation) for violation in found],
            "not_applicable": [asdict(each) for each in pack.not_applicable],
        }
        typer.echo(json.dumps(report, indent=2))
    else:
        console = Console(highlight=False)
        for line in describe_violations(found):
            console.print(line, soft_wrap=True)
        console.print(f"{len(mandatory)} mandatory and {len(found) - len(mandatory)} advisory violations")
    raise typer.Exit(1 if mandatory else 0)


def _read_configuration(stack: str | None, file: Path | None) -> tuple[str, object]:
    """Returns the configuration of the pack, and what it was read from."""
    if stack is not None:
        return f"Pulumi.{stack}.yaml: tidewatch:policies", StackConfigFile.of(stack).load_settings().policies
    if file is None:
        return "", {}
    try:
        return str(file), json.loads(_read_text(file))
    except ValueError as error:
        raise UserError(f"{file} is not JSON: {error}") from error


def _read_text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise UserError(f"{file} is not text") from error
    except OSError as error:
        raise UserError(f"{file} cannot be read: {error.strerror}") from error
