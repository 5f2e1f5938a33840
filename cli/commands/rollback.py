"""`tidewatch rollback` calls the stack's rollback function; `tidewatch acknowledge` edits what ends an incident."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer
from rich.text import Text
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from cli.aws_session import Session
from cli.backend import get_backend
from cli.console import Console
from cli.errors import UserError
from cli.outputs import read_stack_outputs, require_output
from cli.stack_config_file import StackConfigFile, commit_edit
from cli.traffic_controller import create_ledger_controller
from tidewatch.aws.current_user import get_caller_arn
from tidewatch.incidents import build_document_url
from tidewatch.text import collapse_whitespace

MAX_MESSAGE_LENGTH = 4_000
"""The most characters of the function's message that are printed."""
ACKNOWLEDGED_KEY = "tidewatch:acknowledgedIncident"


def rollback(
    stack: Annotated[str, typer.Option(help="The stack whose traffic goes back to its champion.")],
    reason: Annotated[str, typer.Option(help="The reason, for the ledger and the incident document.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print the function's whole response as JSON.")] = False,
) -> None:
    """Sends all traffic to the champion through the function that alarms call, and prints the receipt."""
    outputs = read_stack_outputs(stack)
    function = require_output(outputs, "rollback", stack)["function"]
    console, session = Console(highlight=False), Session(stack)
    with console.status(Text(f"{function} is rolling back")):
        event = {"action": "rollback", "requested_by": get_caller_arn(session.client)}
        event |= {"reason": reason} if reason else {}
        answer = _invoke(session, function, event)
    if as_json:
        typer.echo(json.dumps(answer, indent=2))
    else:
        _print_receipt(stack, answer, outputs["buckets"]["monitoring"], console)
    if answer["state"] == "blocked":
        raise UserError(f"the rollback is blocked: {answer['message']}")


def acknowledge(
    incident: Annotated[str, typer.Argument(metavar="INCIDENT", help="The incident to acknowledge.")],
    stack: Annotated[str, typer.Option(help="The stack of the incident.")],
) -> None:
    """Writes `tidewatch:acknowledgedIncident` into Pulumi.STACK.yaml; `pulumi up` records it for good."""
    traffic_controller = create_ledger_controller(stack, read_stack_outputs(stack), Session(stack))
    found = traffic_controller.get_incident(incident)
    file = StackConfigFile.of(stack)
    earlier = str(file.config.get(ACKNOWLEDGED_KEY) or "")
    if not found.is_open and earlier != incident:
        raise UserError(f"{incident} is already closed: {found.acknowledged_by} acknowledged it")
    if earlier != incident and earlier in {each.id for each in traffic_controller.open_incidents()}:
        # The key holds one incident.
        message = f"{file.path.name} acknowledges {earlier}, which is still open: run `pulumi up --stack {stack}` first"
        raise UserError(get_backend(stack).adapt_commands(message))
    file.config[ACKNOWLEDGED_KEY] = DoubleQuotedScalarString(incident)
    commit_edit(file, Console(highlight=False))


def _invoke(session: Session, function: str, event: dict[str, str]) -> dict[str, Any]:
    response = session.client("lambda").invoke(FunctionName=function, Payload=json.dumps(event).encode())
    answer = json.loads(response["Payload"].read())
    if "FunctionError" in response:
        raise UserError(
            f"{function} failed: {answer.get('errorMessage', answer)}. Look at its log group; if users are affected, "
            "change the weights by hand: docs/by-hand.md"
        )
    return answer


def _print_receipt(stack: str, answer: dict[str, Any], bucket: str, console: Console) -> None:
    console.print(collapse_whitespace(answer["message"], MAX_MESSAGE_LENGTH), soft_wrap=True)
    receipt = answer.get("receipt") or {}
    for key, description in (
        ("api_accepted_s", "SageMaker accepted the change"),
        ("weights_observed_s", "the weights were observed"),
        ("traffic_observed_s", "traffic was observed"),
    ):
        if receipt.get(key) is not None:
            console.print(f"  {receipt[key]:8.2f} s until {description}")
    if answer.get("incident"):
        line = f"tidewatch acknowledge {answer['incident']} --stack {stack}"
        console.print(f"The incident: {build_document_url(bucket, answer['incident'])}", soft_wrap=True)
        console.print(f"When you have read it: {line}", soft_wrap=True)
