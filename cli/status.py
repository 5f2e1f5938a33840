"""`tidewatch status`: what is declared, what is live, and why they differ."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer
from botocore.exceptions import ClientError
from rich.console import Console
from rich.table import Table

from cli.aws import Session
from cli.outputs import stack_outputs
from cli.traffic import controller, model_of
from tidewatch.traffic import EndpointState, Incident, Split, TrafficController

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def status(
    stack: Annotated[str, typer.Option(help="The stack to look at.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Shows the declared and the live split, the versions, the champion and open incidents."""
    outputs, session = stack_outputs(stack), Session(stack)
    traffic = controller(stack, outputs, session)
    report = describe(stack, outputs, traffic, session.client("s3"))
    if as_json:
        typer.echo(json.dumps(report, indent=2))
    else:
        _show(report, Console(highlight=False))


def describe(stack: str, outputs: dict[str, Any], traffic: TrafficController, s3: S3Client) -> dict[str, Any]:
    """Shares are fractions of one. `in_sync` is false where the live split is not the declared one.

    An incident's `state` and `receipt` are those of its document, null where that was not written.
    """
    state = traffic.state()
    live, declared = state.split, Split.from_json(outputs["traffic"]["declared"])
    return {
        "stack": stack,
        "model": model_of(outputs),
        "endpoint": {"name": state.name, "status": state.status, "configuration": state.config},
        "champion": outputs["traffic"]["champion"],
        "slots": {slot: _slot(slot, state, outputs["traffic"], declared, live) for slot in sorted(state.slots)},
        "in_sync": declared.close_to(live),
        "incidents": [_incident(one, s3, outputs["buckets"]["monitoring"]) for one in traffic.incidents()],
    }


def _slot(
    slot: str, state: EndpointState, traffic: dict[str, Any], declared: Split, live: Split | None
) -> dict[str, Any]:
    return {
        "version": traffic["versions"].get(slot),
        "declared": declared.share(slot),
        "live": live.share(slot) if live else 0.0,
        "instances": state.slots[slot].instances,
    }


def _incident(incident: Incident, s3: S3Client, bucket: str) -> dict[str, Any]:
    try:
        written = json.load(s3.get_object(Bucket=bucket, Key=f"incidents/{incident.id}.json")["Body"])
    except ClientError:
        written = {}
    return {
        "id": incident.id,
        "kind": incident.kind,
        "state": written.get("state"),
        "opened": incident.opened_at.isoformat(timespec="seconds"),
        "by": incident.who,
        "why": incident.reason,
        "receipt": written.get("receipt"),
    }


def _show(report: dict[str, Any], console: Console) -> None:
    endpoint = report["endpoint"]
    console.print(f"{report['model']} in {report['stack']}: {endpoint['name']} is {endpoint['status']}", soft_wrap=True)
    table = Table(box=None, padding=(0, 2))
    for heading in ("slot", "version", "declared", "live", "instances"):
        table.add_column(heading, justify="left" if heading == "slot" else "right")
    for name, slot in report["slots"].items():
        champion = " (champion)" if name == report["champion"] else ""
        shares = (f"{slot[key]:.1%}" for key in ("declared", "live"))
        table.add_row(name + champion, slot["version"] or "-", *shares, str(slot["instances"]))
    console.print(table)
    for incident in report["incidents"]:
        state = f" ({incident['state']})" if incident["state"] else ""
        since = f"open incident {incident['id']}{state} since {incident['opened']}"
        console.print(f"{since}: {incident['why']}", soft_wrap=True)
        console.print(f"  tidewatch acknowledge {incident['id']} --stack {report['stack']}", soft_wrap=True)
    if not report["in_sync"]:
        console.print(
            "The live split is not the declared one. `pulumi up` leaves it so until the declaration is edited.",
            soft_wrap=True,
        )
