"""`tidewatch doctor`: can a stack be deployed, and is what is deployed well? Each line has a remedy."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from typing import Annotated, Any

import typer
from botocore.exceptions import BotoCoreError
from rich.text import Text

from cli.aws_session import Session
from cli.backend import get_backend
from cli.checks import account as account_checks
from cli.checks import stack as stack_checks
from cli.checks.result import Check, CheckResult, run_check
from cli.console import Console
from cli.errors import UserError
from cli.model_registry import open_registry
from cli.outputs import read_stack_outputs
from cli.stack_config_file import StackConfigFile
from stacks.config.settings import StackSettings, is_production

STYLES = {"ok": "green", "warn": "yellow", "fail": "bold red"}


def doctor(
    stack: Annotated[str | None, typer.Option(help="The stack to check; without one, only this machine.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Checks credentials, region, quota, image, price and the stack's parts, and prints what to do. Changes nothing.

    Exit code 1 if anything fails; a warning is not a failure.
    """
    console, results, backend = Console(highlight=False), list[CheckResult](), get_backend(stack or "")
    with Console(stderr=True).status("looking") as progress:
        for raw_result in run_checks(stack, lambda what: progress.update(Text(f"looking at: {what}"))):
            result = replace(raw_result, remedy=backend.adapt_commands(raw_result.remedy))
            results.append(result)
            if not as_json:
                _print_result(result, console)
    failed = any(result.state == "fail" for result in results)
    if as_json:
        report = {"stack": stack, "ok": not failed, "checks": [asdict(result) for result in results]}
        typer.echo(json.dumps(report, indent=2))
    raise typer.Exit(1 if failed else 0)


def run_checks(stack: str | None, report_progress: Callable[[str], None]) -> Iterator[CheckResult]:
    """Yields every result as soon as it is known, and calls `report_progress` with what is being checked."""
    yield from account_checks.check_tools()
    settings: StackSettings | None = None
    if stack is not None:
        try:
            settings = StackConfigFile.of(stack).load_settings()
            yield CheckResult("config", "ok", f"Pulumi.{stack}.yaml is valid")
            yield from check_access_settings(stack, settings)
        except UserError as error:
            yield CheckResult("config", "fail", str(error), "fix it: see docs/config.md")
            return
    try:
        session = Session(stack or "")
    except UserError as error:
        yield CheckResult("credentials", "fail", str(error))
        return
    except BotoCoreError as error:
        yield CheckResult("credentials", "fail", str(error), "fix `aws:profile` in the stack config")
        return
    report_progress("credentials")
    credentials = account_checks.check_credentials(session)
    yield credentials
    yield account_checks.check_region(session)
    if credentials.state == "fail" or stack is None or settings is None:
        return
    report_progress("outputs")
    yield from _check_stack(stack, settings, session, report_progress)


def check_access_settings(stack: str, settings: StackSettings) -> Iterator[CheckResult]:
    """Yields a warning about permissions that production leaves to everybody in the account."""
    if is_production(stack) and not settings.access.deployers:
        message = "no deployers are named, so any administrator may change the settings of the registry's bucket"
        yield CheckResult("config", "warn", message, "list those who run `pulumi up` under tidewatch:access.deployers")


def _check_stack(
    stack: str, settings: StackSettings, session: Session, report_progress: Callable[[str], None]
) -> Iterator[CheckResult]:
    try:
        outputs: dict[str, Any] | None = read_stack_outputs(stack)
    except UserError as error:
        outputs = None
        yield CheckResult("outputs", "warn", str(error), get_backend(stack).undeployed_remedy)
    registry = open_registry(outputs, session) if outputs else None
    checks: list[Check] = account_checks.build_checks(session, settings, registry)
    if outputs is not None:
        checks += stack_checks.build_checks(stack, outputs, session)
    for check in checks:
        report_progress(check.name)
        yield from run_check(check)


def _print_result(result: CheckResult, console: Console) -> None:
    line = Text(f"{result.state:<6}", style=STYLES[result.state])
    console.print(line + Text(f"{result.check:<12}{result.message}"), soft_wrap=True)
    if result.remedy:
        console.print(Text(f"{'':<18}{result.remedy}"), soft_wrap=True)
