"""`tidewatch status`: what is declared, what is live, why they differ, and what is wrong."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from cli import health
from cli.aws import Session
from cli.console import Console
from cli.errors import UserError
from cli.lines import typed
from cli.outputs import stack_outputs
from cli.traffic import controller, model_of
from simulator.rehearsal.home import REHEARSAL
from tidewatch import clock
from tidewatch.text import one_line, plain
from tidewatch.traffic import EndpointMissing, EndpointState, Incident, Split, TrafficController, TrafficError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

EVERY_SECONDS = 5
LONGEST_LINE = 10_000
"""Characters of a line that is shown."""
OUTPUTS_LAST = timedelta(minutes=1)
"""How long a watch takes the stack's outputs for true; asking Pulumi takes seconds."""
INCIDENTS = {
    "pending": "rollback pending",
    "flipping": "rolling back",
    "observed": "rolled back",
    "closed": "rolled back",
    "blocked": "rollback blocked",
}
"""What the state of a rollback's incident means. Each is open until it is acknowledged, also after its rollback."""


def status(
    stack: Annotated[str, typer.Option(help="The stack to look at.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON; with --watch an object a line.")] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help=f"Look again every {EVERY_SECONDS} seconds, until Ctrl-C.")
    ] = False,
) -> None:
    """Shows the declared and the live split, open incidents, alarms, what is left of error budgets, and drift."""
    look = Look(stack)
    with Console(stderr=True).status(Text(f"reading {stack}")):
        first = look()
    if watch:
        _watch(first, look, as_json)
    elif as_json:
        typer.echo(json.dumps(first, indent=2))
    else:
        _print(Console(highlight=False), _shown(first))


@dataclass
class Look:
    """Describes a stack, each time it is called."""

    stack: str
    _outputs: dict[str, Any] = field(default_factory=dict[str, Any])
    _asked: datetime | None = None

    def __call__(self) -> dict[str, Any]:
        now = clock.current().now()
        if self._asked is None or now - self._asked >= OUTPUTS_LAST:
            self._outputs, self._asked = stack_outputs(self.stack), now
        session = Session(self.stack)
        try:
            return describe(self.stack, self._outputs, controller(self.stack, self._outputs, session), session)
        except EndpointMissing as missing:
            if self.stack != REHEARSAL:
                raise
            raise UserError(
                "the endpoint of the rehearsal is gone. If `tidewatch destroy` ended half-way, run it again; else "
                f"`tidewatch up --refresh --stack {REHEARSAL}` makes the endpoint anew"
            ) from missing


def describe(stack: str, outputs: dict[str, Any], traffic: TrafficController, session: Session) -> dict[str, Any]:
    """Shares are fractions of one. `in_sync` is false where the live split is not the declared one.

    An incident's `state` and `receipt` are those of its document, null where that was not written. `alarms`, `budgets`
    and `drift` are null where the stack has none, or where `unknown` says why they could not be read.
    """
    state, s3, cloudwatch = traffic.state(), session.client("s3"), session.client("cloudwatch")
    live, declared = state.split, Split.from_json(outputs["traffic"]["declared"])
    unknown: list[str] = []

    def ask(what: str, read: Callable[[], Any]) -> Any:
        """Traffic is shown also to somebody who may not read all of the rest."""
        try:
            return read()
        except ClientError as error:
            unknown.append(f"{what} cannot be read: {error}")
            return None

    return {
        "stack": stack,
        "model": model_of(outputs),
        "at": session.now().isoformat(timespec="seconds"),
        "endpoint": {"name": state.name, "status": state.status, "configuration": state.config},
        "champion": outputs["traffic"]["champion"],
        "slots": {slot: _slot(slot, state, outputs["traffic"], declared, live) for slot in sorted(state.slots)},
        "in_sync": declared.close_to(live),
        "held_back": traffic.held_back(declared),
        "incidents": [_incident(one, s3, outputs["buckets"]["monitoring"]) for one in traffic.incidents()],
        "alarms": ask("alarms", lambda: health.alarms(stack, outputs, cloudwatch)),
        "budgets": ask("error budgets", lambda: health.budgets(outputs, cloudwatch, session.now()) or None),
        "drift": ask("drift reports", lambda: health.drift(outputs, s3, state.slots)),
        "unknown": unknown,
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


def _watch(first: dict[str, Any], look: Look, as_json: bool) -> None:
    """What fails on the way is shown, and looked for again: a watch is left running."""
    console = Console(highlight=False)
    try:
        if as_json:
            for report in _looks(first, look):
                typer.echo(json.dumps(report))
        elif not console.is_terminal:
            for seen in _views(first, look):
                _print(console, seen)
        else:
            # What is higher than the terminal is cut until Ctrl-C: what has scrolled away cannot be drawn over.
            with Live(console=console, auto_refresh=False) as live:
                for seen in _views(first, look):
                    live.update(Group(*seen), refresh=True)
    except KeyboardInterrupt:
        return


def _looks(first: dict[str, Any], look: Look) -> Iterator[dict[str, Any]]:
    yield first
    while True:
        clock.current().sleep(EVERY_SECONDS)
        try:
            yield look()
        except (BotoCoreError, ClientError, TrafficError, UserError) as error:
            yield {"stack": look.stack, "error": str(error)}


def _views(first: dict[str, Any], look: Look) -> Iterator[list[RenderableType]]:
    """What was seen last stays in sight, said to be old, while nothing newer can be had."""
    last = first
    for report in _looks(first, look):
        failed = report.get("error")
        last = last if failed else report
        old = [_said(f"This is old: {failed}", style="bold red")] if failed else []
        yield [Text(f"{last['at']}, every {EVERY_SECONDS} seconds until Ctrl-C"), *old, *_shown(last)]


def _print(console: Console, parts: Iterable[RenderableType]) -> None:
    for part in parts:
        console.print(part, soft_wrap=isinstance(part, Text))


def _shown(report: dict[str, Any]) -> Iterator[RenderableType]:
    endpoint = report["endpoint"]
    yield _said(f"{report['model']} in {report['stack']}: {endpoint['name']} is {endpoint['status']}")
    yield _slots(report)
    for incident in report["incidents"]:
        yield _said(_told(incident))
        yield _said(f"  tidewatch acknowledge {incident['id']} --stack {report['stack']}")
    if report["held_back"]:
        yield _said(report["held_back"])
    elif not report["in_sync"]:
        apart = "The live split is not the declared one. `pulumi up` leaves it so until the declaration is edited."
        yield _said(typed(apart, report["stack"]))
    yield from _alarms(report["alarms"], report["stack"])
    yield from _budgets(report["budgets"] or {})
    yield from _drift(report["drift"] or {})
    for sentence in report["unknown"]:
        yield _said(sentence, style="yellow")


def _said(words: str, style: str = "") -> Text:
    """Words on one line, whoever wrote some of them."""
    return Text(plain(words, LONGEST_LINE), style=style)


def _slots(report: dict[str, Any]) -> Table:
    table = Table(box=None, padding=(0, 2))
    for heading in ("slot", "version", "declared", "live", "instances"):
        table.add_column(heading, justify="left" if heading == "slot" else "right")
    for name, slot in report["slots"].items():
        champion = " (champion)" if name == report["champion"] else ""
        shares = (f"{slot[key]:.1%}" for key in ("declared", "live"))
        table.add_row(name + champion, slot["version"] or "-", *shares, str(slot["instances"]))
    return table


def _told(incident: dict[str, Any]) -> str:
    if incident["kind"] == "observed":
        state = "weights changed by somebody else"
    else:
        state = INCIDENTS.get(incident["state"] or "", incident["state"])
    since = f"open incident {incident['id']} since {incident['opened']}"
    return f"{since}{f' ({state})' if state else ''}: {one_line(incident['why'])}"


def _alarms(alarms: dict[str, Any] | None, stack: str) -> Iterator[RenderableType]:
    if alarms is None:
        return
    silent = f"; {alarms['insufficient']} without enough data" if alarms["insufficient"] else ""
    yield _said(f"alarms: {len(alarms['firing']) or 'none'} of {alarms['watched']} in ALARM{silent}")
    for one in alarms["firing"]:
        severity = one["severity"] or "-"
        line = f"  {severity:<2}  {one['alarm']} since {one['since']}: {one['runbook']}"
        yield _said(line, style="bold red" if severity == "P1" else "")
    if alarms["gone"]:
        deleted = f"  deleted by somebody: {', '.join(alarms['gone'])}; `pulumi up --refresh` makes them again"
        yield _said(typed(deleted, stack))


def _budgets(budgets: dict[str, dict[str, Any]]) -> Iterator[RenderableType]:
    for objective, one in budgets.items():
        promise = f"{one['percent']:g}% over {one['days']} days"
        if one["left"] is None:
            yield _said(f"error budget of {objective} ({promise}): not measured yet")
        elif one["left"] < 0:
            overspent = f"used up, and {-one['left']:.1%} more"
            yield _said(f"error budget of {objective} ({promise}): {overspent}", style="bold red")
        else:
            yield _said(f"error budget of {objective} ({promise}): {one['left']:.1%} left")


def _drift(drift: dict[str, dict[str, Any] | None]) -> Iterator[RenderableType]:
    for slot, one in drift.items():
        if one is None:
            yield _said(f"drift of {slot}: no report yet")
            continue
        names = ", ".join(one["drifting"] or ())
        moved = f"; over three days: {names}" if names else ""
        asks = f", severity {one['severity']}" if one["severity"] not in ("", "none") else ""
        yield _said(f"drift of {slot}, version {one['version']}, up to {one['hour']}: {one['verdict']}{asks}{moved}")
        if asks:
            yield _said(f"  {one['report']}")
