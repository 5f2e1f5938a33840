"""`tidewatch runbook`: what to do about an alarm, with the stack's own names filled in."""

from __future__ import annotations

import difflib
import functools
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from cli.config import Unread
from cli.console import Console
from cli.errors import UserError
from cli.lines import typed
from cli.outputs import ROOT, stack_outputs
from cli.stackfile import StackFile
from cli.traffic import model_of
from tidewatch import slo
from tidewatch.alarms import RUNBOOKS, Limits, endpoint_alarms, guardrail, variant_alarms
from tidewatch.alarms.custom import PREFIX as OWN_GUARDRAIL
from tidewatch.naming import SLOTS
from tidewatch.text import one_line
from tidewatch.traffic.copies import PREFIX

FOLDER = ROOT / "runbooks"
PLACEHOLDERS = {
    "stack": "the stack's name",
    "region": "the region it is in",
    "model": "the model's name",
    "key": "project, stack and model: what the stack's own metrics and its ledger are kept under",
    "prefix": "what the names of everything in the stack begin with: the model's name, cut if it is long",
    "owner": "who answers for the model",
    "oncall": "who is on call for it",
    "escalation": "who is called next",
    "alarm": "the alarm's name, as the page gives it",
    "slot": "blue or green: the slot that you look at",
    "other": "the other slot",
    "champion": "the slot that a rollback goes to",
    "endpoint": "the endpoint's name at SageMaker",
    "rollback_command": "the rollback, as a line that needs only the AWS CLI",
    "rollback_function": "the rollback function's name",
    "drift_function": "the drift function's name",
    "dashboard_oncall": "the link of the on-call dashboard",
    "reports": "where the drift reports are, s3://.../",
    "capture": "the bucket of the captured records",
    "topic_pages": "the topic that P1 is told to",
    "monitoring": "the bucket of incident documents and reports",
    "registry": "where the model's versions are, s3://.../",
    "ledger": "the table of every change of traffic",
    "ledger_copies": "where its entries are copied to, s3://.../",
}
"""What a runbook may leave to be filled in, as {stack}. Words in capitals, like VERSION, its reader fills in."""
OF_A_SLOT = frozenset({"slot", "other"})
"""Those that the alarm's name has to tell, where more than one slot can be meant."""

_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")


@dataclass(frozen=True)
class Found:
    """A runbook for the alarm that was asked for, and the slot that its name tells, or ""."""

    key: str
    asked: str
    slot: str = ""


def runbook(
    alarm: Annotated[str, typer.Argument(metavar="ALARM", help="The alarm: its name in the page, or server-errors.")],
    stack: Annotated[str | None, typer.Option(help="The stack whose names are filled in.")] = None,
) -> None:
    """Prints what to do about an alarm, with the names of the stack in its commands."""
    found = find(alarm)
    text = (FOLDER / f"{found.key}.md").read_text(encoding="utf-8")
    if stack is None:
        typer.echo(text, nl=False)
        return
    notes = Console(stderr=True, highlight=False, soft_wrap=True)
    file = StackFile.of(stack)
    try:
        outputs = stack_outputs(stack)
    except UserError as trouble:
        # Who is on call needs the runbook all the same.
        outputs = {}
        notes.print(f"tidewatch: names of the stack are missing: {trouble}")
    names = names_of(stack, file.resolved().values, outputs, found)
    open_slots = OF_A_SLOT & set(placeholders(text)) - names.keys()
    if open_slots:
        typer.echo(_which_slot(stack, outputs, found, "other" in open_slots) + "\n")
        names |= {name: name.upper() for name in open_slots}
    typer.echo(typed(filled(text, names), stack), nl=False)
    for name in sorted(set(placeholders(text)) - names.keys()):
        notes.print(f"tidewatch: {{{name}}} is for you to fill in: {PLACEHOLDERS[name]}")


def find(alarm: str) -> Found:
    """The runbook of an alarm, by its key, or by the name or ARN that CloudWatch shows. Raises UserError."""
    asked = alarm.strip().rpartition(":")[2].removesuffix(".md")
    known = runbooks_by_alarm()
    if asked in known:
        return Found(known[asked], asked)
    words = asked.lower().split("-")
    best = max(_inside(words, known), default=None)
    if best is None:
        near = _nearest(words, known)
        meant = f", did you mean {near}" if near else ""
        raise UserError(f"no alarm is called {alarm}{meant}; the runbooks are {', '.join(sorted(set(known.values())))}")
    _, length, place, key = best
    around = [*words[place + length :], *words[max(place - 1, 0) : place]]
    slot = next((word for word in around if word in SLOTS), "")
    return Found(known[key], asked, slot)


def _inside(words: list[str], known: Mapping[str, str]) -> Iterator[tuple[bool, int, int, str]]:
    """Alarms whose keys are words of a name: the user's own guardrail first, for its name may be another's key; then
    the longest; then the last, for the model's name comes before."""
    for key in known:
        parts = key.split("-")
        for place in range(len(words) - len(parts) + 1):
            if words[place : place + len(parts)] == parts:
                yield key == OWN_GUARDRAIL, len(parts), place, key


def _nearest(words: list[str], known: Iterable[str]) -> str:
    """The alarm that some words of a name are most like; "" where none is like it."""
    best, nearest = 0.6, ""
    for key in sorted(known):
        many = len(key.split("-"))
        for place in range(max(len(words) - many, 0) + 1):
            phrase = "-".join(words[place : place + many])
            likeness = difflib.SequenceMatcher(None, phrase, key).ratio()
            if likeness > best:
                best, nearest = likeness, key
    return nearest


@functools.cache
def runbooks_by_alarm() -> Mapping[str, str]:
    """The runbook of each alarm by its key, and each runbook by its own name."""
    promised = (slo.Objective("availability", 99.9), slo.Objective("latency", 99, milliseconds=200))
    found = {**_of_slots(), **{alarm.key: alarm.runbook for alarm in endpoint_alarms(Limits(), SLOTS)}}
    for objective in promised:
        found |= {alarm.key: alarm.runbook for alarm in slo.slo_alarms(objective, SLOTS)}
        found |= {alarm.key: alarm.runbook for alarm in slo.slo_composites(objective)}
    return found | {name: name for name in (*RUNBOOKS, *slo.RUNBOOKS.values())}


@functools.cache
def _of_slots() -> Mapping[str, str]:
    """The runbook of each alarm that is about one slot."""
    champion, challenger = SLOTS
    slots: dict[str, float] = {champion: 95, challenger: 5}
    of_slots = variant_alarms(Limits(), slots, champion)
    rolls_back = guardrail(of_slots[challenger])
    alarms = [*of_slots[champion], *of_slots[challenger], *([rolls_back] if rolls_back else [])]
    return {alarm.key: alarm.runbook for alarm in alarms}


def placeholders(text: str) -> tuple[str, ...]:
    """The names in braces, each once, in their order."""
    return tuple(dict.fromkeys(_PLACEHOLDER.findall(text)))


def filled(text: str, names: Mapping[str, str]) -> str:
    """The text with every name in braces that is known; the others stay."""
    return _PLACEHOLDER.sub(lambda found: names.get(found[1], found[0]), text)


def names_of(stack: str, config: Mapping[str, Any], outputs: Mapping[str, Any], found: Found) -> dict[str, str]:
    """What is known of the placeholders, from a stack's config and outputs; what neither has is left out."""
    registry = _at(outputs, "registry", "bucket")
    slot = _slot(outputs, found)
    contacts = {key: _at(config, "tidewatch:model", key) for key in ("owner", "oncall", "escalation")}
    model = model_of(outputs) if registry else _at(config, "tidewatch:model", "name")
    prefix = _prefix(outputs, str(model))
    names = {
        "stack": stack,
        "region": config.get("aws:region"),
        "model": model,
        "key": outputs.get("key"),
        "prefix": prefix,
        **contacts,
        "alarm": _physical(outputs, found.asked, prefix),
        "slot": slot,
        "other": next((name for name in _served(outputs) if name != slot), "") if slot else "",
        "champion": _at(outputs, "traffic", "champion"),
        "endpoint": _at(outputs, "endpoint", "name"),
        "rollback_command": _at(outputs, "rollback", "command"),
        "rollback_function": _at(outputs, "rollback", "function"),
        "drift_function": _at(outputs, "drift", "function"),
        "dashboard_oncall": _at(outputs, "dashboards", "oncall"),
        "reports": _at(outputs, "drift", "reports"),
        "capture": _at(outputs, "buckets", "capture"),
        "topic_pages": _at(outputs, "topics", "P1"),
        "monitoring": _at(outputs, "buckets", "monitoring"),
        "registry": f"s3://{registry}/{_at(outputs, 'registry', 'prefix')}" if registry else None,
        "ledger": outputs.get("ledger"),
        "ledger_copies": f"s3://{registry}/{PREFIX}{outputs.get('key')}/" if registry else None,
    }
    return {name: one_line(str(value)) for name, value in names.items() if value and not isinstance(value, Unread)}


def _prefix(outputs: Mapping[str, Any], model: str) -> str:
    """Read off a function's name: long names of models are cut in the names of things."""
    return (_at(outputs, "rollback", "function") or "").rpartition("-rollback-")[0] or model


def _physical(outputs: Mapping[str, Any], asked: str, prefix: str) -> str:
    """The alarm's name at CloudWatch, by our name for it; what was asked for where that is such a name, else ""."""
    ours = _at(outputs, "alarms", "names") or {}
    return ours.get(asked) or (asked if asked in ours.values() or asked.startswith(f"{prefix}-") else "")


def _slot(outputs: Mapping[str, Any], found: Found) -> str:
    """The alarm's slot; "" where its name does not tell, and more than one can be meant."""
    possible = _possible(outputs, found)
    return found.slot or (possible[0] if len(possible) == 1 else "")


def _possible(outputs: Mapping[str, Any], found: Found) -> list[str]:
    """The slots that an alarm can be about: a guardrail's can only be the challenger's, a single slot's is that."""
    if found.key.startswith("guardrail"):
        return [name for name in SLOTS if name != _at(outputs, "traffic", "champion")]
    return _served(outputs)


def _served(outputs: Mapping[str, Any]) -> list[str]:
    """The slots of the stack; all that there can be, where it does not say."""
    return sorted(_at(outputs, "traffic", "versions") or SLOTS)


def _which_slot(stack: str, outputs: Mapping[str, Any], found: Found, other: bool) -> str:
    """What SLOT and OTHER stand for in a page, and how to have them filled in; other: OTHER is in the page."""
    champion = _at(outputs, "traffic", "champion")
    possible = _possible(outputs, found)
    told = [f"{name} (the champion)" if name == champion else name for name in possible]
    if _slot(outputs, found):
        return "OTHER is a slot that this stack does not have: there is nothing to send its traffic to."
    as_well = ", and OTHER the other one" if other else ""
    if found.key not in _of_slots().values():
        return f"The alarm is about the whole endpoint: SLOT is {', then '.join(told)}{as_well}."
    likely = next((name for name in possible if name != champion), possible[0])
    line = f"tidewatch runbook {found.key}-{likely} --stack {stack}"
    return f"SLOT is the slot that the alarm is about, {' or '.join(told)}{as_well}. For {likely}: `{line}`."


def _at(outputs: Mapping[str, Any], part: str, key: str) -> Any:
    inside = outputs.get(part)
    return inside.get(key) if isinstance(inside, Mapping) else None
