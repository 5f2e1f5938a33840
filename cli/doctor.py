"""`tidewatch doctor`: can a stack be deployed, and is what is deployed well? Each line has a remedy."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from typing import Annotated, Any

import typer
from botocore.exceptions import BotoCoreError
from rich.text import Text

from cli import account, parts
from cli.aws import Session
from cli.console import Console
from cli.errors import UserError
from cli.finding import Check, Finding, made
from cli.lines import typed
from cli.outputs import stack_outputs
from cli.stackfile import StackFile
from simulator.rehearsal.home import REHEARSAL
from stacks.settings import Settings, production
from tidewatch.registry import Registry

STYLES = {"ok": "green", "warn": "yellow", "fail": "bold red"}


def doctor(
    stack: Annotated[str | None, typer.Option(help="The stack to look at; without one, this machine alone.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Checks credentials, region, quota, image, price and the stack's parts; says what to do. Changes nothing.

    Exit code 1 where anything fails; a warning is no failure.
    """
    console, found = Console(highlight=False), list[Finding]()
    with Console(stderr=True).status("looking") as progress:
        for one in examined(stack, lambda what: progress.update(Text(f"looking at: {what}"))):
            finding = replace(one, remedy=typed(one.remedy, stack or ""))
            found.append(finding)
            if not as_json:
                _show(finding, console)
    failed = any(finding.state == "fail" for finding in found)
    if as_json:
        told = {"stack": stack, "ok": not failed, "checks": [asdict(finding) for finding in found]}
        typer.echo(json.dumps(told, indent=2))
    raise typer.Exit(1 if failed else 0)


def examined(stack: str | None, now: Callable[[str], None]) -> Iterator[Finding]:
    """Every finding, as soon as it is there; now: is told what is being looked at."""
    yield from account.tools()
    settings: Settings | None = None
    if stack is not None:
        try:
            settings = StackFile.of(stack).settings()
            yield Finding("config", "ok", f"Pulumi.{stack}.yaml is valid")
            yield from unguarded(stack, settings)
        except UserError as error:
            yield Finding("config", "fail", str(error), "mend it: docs/config.md")
            return
    try:
        session = Session(stack or "")
    except UserError as error:
        yield Finding("credentials", "fail", str(error))
        return
    except BotoCoreError as error:
        yield Finding("credentials", "fail", str(error), "mend `aws:profile` in the stack config")
        return
    now("credentials")
    who = account.credentials(session)
    yield who
    yield account.region(session)
    if who.state == "fail" or stack is None or settings is None:
        return
    now("outputs")
    yield from _of_stack(stack, settings, session, now)


def unguarded(stack: str, settings: Settings) -> Iterator[Finding]:
    """What production leaves to everybody in the account."""
    if production(stack) and not settings.access.deployers:
        says = "nobody is named as who deploys, so any administrator may change how the registry's bucket is set"
        yield Finding("config", "warn", says, "name who runs `pulumi up` under tidewatch:access.deployers")


def _of_stack(stack: str, settings: Settings, session: Session, now: Callable[[str], None]) -> Iterator[Finding]:
    try:
        outputs: dict[str, Any] | None = stack_outputs(stack)
    except UserError as error:
        outputs = None
        remedy = "" if stack == REHEARSAL else f"pulumi up --stack {stack}, if it was never deployed"
        yield Finding("outputs", "warn", str(error), remedy)
    registry = _registry(outputs, session) if outputs else None
    checks: list[Check] = account.checks(session, settings, registry)
    if outputs is not None:
        checks += parts.checks(stack, outputs, session)
    for check in checks:
        now(check.name)
        yield from made(check)


def _registry(outputs: dict[str, Any], session: Session) -> Registry:
    place: dict[str, str] = outputs["registry"]
    return Registry(session.client("s3"), place["bucket"], place["prefix"].strip("/").removeprefix("models/"))


def _show(finding: Finding, console: Console) -> None:
    line = Text(f"{finding.state:<6}", style=STYLES[finding.state])
    console.print(line + Text(f"{finding.check:<12}{finding.says}"), soft_wrap=True)
    if finding.remedy:
        console.print(Text(f"{'':<18}{finding.remedy}"), soft_wrap=True)
