"""`tidewatch rollback` calls the stack's rollback function; `tidewatch acknowledge` edits what ends an incident."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer
from rich.text import Text
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from cli.aws import Session
from cli.console import Console
from cli.errors import UserError
from cli.outputs import part, stack_outputs
from cli.stackfile import StackFile, commit_edit
from cli.traffic import controller
from tidewatch.operator import caller
from tidewatch.text import one_line

LONGEST_MESSAGE = 4_000
"""Characters of what the function says it did."""
ACKNOWLEDGED = "tidewatch:acknowledgedIncident"


def rollback(
    stack: Annotated[str, typer.Option(help="The stack whose traffic goes back to its champion.")],
    reason: Annotated[str, typer.Option(help="Why, for the ledger and the incident document.")] = "asked for by hand",
    as_json: Annotated[bool, typer.Option("--json", help="Print the function's whole answer.")] = False,
) -> None:
    """Sends all traffic to the champion, by the same function that alarms call, and prints the receipt."""
    function = part(stack_outputs(stack), "rollback", stack)["function"]
    console, session = Console(highlight=False), Session(stack)
    with console.status(Text(f"{function} is rolling back")):
        event = {"action": "rollback", "reason": reason, "by": caller(session.client)}
        answer = _invoke(session, function, event)
    if as_json:
        typer.echo(json.dumps(answer, indent=2))
    else:
        _show(stack, answer, console)
    if answer["state"] == "blocked":
        raise UserError(f"the rollback is blocked: {answer['message']}")


def acknowledge(
    incident: Annotated[str, typer.Argument(metavar="INCIDENT", help="The incident you took note of.")],
    stack: Annotated[str, typer.Option(help="The stack it happened in.")],
) -> None:
    """Writes `tidewatch:acknowledgedIncident` into Pulumi.STACK.yaml; `pulumi up` records it for good."""
    traffic = controller(stack, stack_outputs(stack), Session(stack))
    found = traffic.incident(incident)
    file = StackFile.of(stack)
    if not found.open and file.config.get(ACKNOWLEDGED) != incident:
        raise UserError(
            f"{incident} is closed: {found.acknowledged} acknowledged it, and nothing is left to take note of"
        )
    file.config[ACKNOWLEDGED] = DoubleQuotedScalarString(incident)
    commit_edit(file, Console(highlight=False))


def _invoke(session: Session, function: str, event: dict[str, str]) -> dict[str, Any]:
    answered = session.client("lambda").invoke(FunctionName=function, Payload=json.dumps(event).encode())
    answer = json.loads(answered["Payload"].read())
    if "FunctionError" in answered:
        raise UserError(
            f"{function} failed: {answer.get('errorMessage', answer)}. "
            "Look at its log group, and flip by hand if users are hurt: docs/by-hand.md"
        )
    return answer


def _show(stack: str, answer: dict[str, Any], console: Console) -> None:
    console.print(one_line(answer["message"], LONGEST_MESSAGE), soft_wrap=True)
    receipt = answer.get("receipt") or {}
    for key, words in (
        ("api_accepted_s", "SageMaker accepted the change"),
        ("weights_observed_s", "the weights were observed"),
        ("traffic_observed_s", "traffic was observed"),
    ):
        if receipt.get(key) is not None:
            console.print(f"  {receipt[key]:8.2f} s until {words}")
    if answer.get("incident"):
        line = f"tidewatch acknowledge {answer['incident']} --stack {stack}"
        console.print(f"When you have taken note: {line}", soft_wrap=True)
