"""`tidewatch runbook`: what to do about an alarm, with the stack's own names filled in."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from cli.backend import get_backend
from cli.console import Console
from cli.errors import UserError
from cli.outputs import read_stack_outputs
from cli.project import ROOT
from cli.resolved_config import UnreadableSecret
from cli.runbook_search import RunbookMatch, find_runbook, is_about_variant
from cli.stack_config_file import StackConfigFile
from tidewatch.naming import VARIANTS
from tidewatch.permissions.command_roles import CAPTURE_READER, find_command_roles
from tidewatch.text import collapse_whitespace
from tidewatch.traffic import LEDGER_PREFIX

FOLDER = ROOT / "runbooks"
PLACEHOLDERS = {
    "stack": "the stack's name",
    "region": "the stack's region",
    "model": "the model's name",
    "key": "project, stack and model: the key of the stack's metrics and ledger",
    "prefix": "the prefix of all names in the stack: the model's name, cut if it is long",
    "owner": "who is responsible for the model",
    "oncall": "who is on call for the model",
    "escalation": "who is called next",
    "alarm": "the alarm's name, as in the page",
    "variant": "blue or green: the variant in question",
    "other": "the other variant",
    "champion": "the variant that a rollback goes to",
    "endpoint": "the endpoint's name at SageMaker",
    "rollback_command": "the rollback command, which needs only the AWS CLI",
    "rollback_function": "the rollback function's name",
    "drift_function": "the drift function's name",
    "dashboard_oncall": "the link of the on-call dashboard",
    "reports": "the location of the drift reports, s3://.../",
    "capture": "the bucket of the captured records",
    "topic_pages": "the topic of P1 notifications",
    "monitoring": "the bucket of incident documents and reports",
    "registry": "the location of the model's versions, s3://.../",
    "ledger": "the table of every change of traffic",
    "ledger_copies": "the location of the copies of its entries, s3://.../",
}
"""The placeholders that a runbook may contain, such as {stack}. The reader replaces words in capitals."""
WORDS_IN_CAPITALS = {
    "VERSION": "a version of the model; `tidewatch models --stack {stack}` lists all of them, "
    "`tidewatch status --stack {stack}` those that serve",
    "OLD NEW": "the versions before and after a change; `tidewatch models --stack {stack}` lists them",
    "INCIDENT": "the incident's name; `tidewatch status --stack {stack}` prints it",
    "YYYY/MM/DD/HH": "the hour of a report, in UTC; the command above it lists the reports",
}
"""What the reader puts in place of a word in capitals, for the words that several runbooks use."""
VARIANT_PLACEHOLDERS = frozenset({"variant", "other"})
"""Placeholders that need the variant in the alarm's name if several variants are possible."""

_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")


def runbook(
    alarm: Annotated[
        str, typer.Argument(metavar="ALARM", help="The alarm: its name in the page, or a key like server-errors.")
    ],
    stack: Annotated[str | None, typer.Option(help="The stack whose names go into the commands.")] = None,
) -> None:
    """Prints an alarm's runbook, with the stack's names filled into its commands."""
    found = find_runbook(alarm)
    text = (FOLDER / f"{found.key}.md").read_text(encoding="utf-8")
    if stack is None:
        typer.echo(text, nl=False)
        return
    notes = Console(stderr=True, highlight=False, soft_wrap=True)
    file = StackConfigFile.of(stack)
    try:
        outputs = read_stack_outputs(stack)
    except UserError as error:
        # The person on call needs the runbook even if the outputs cannot be read.
        outputs = {}
        notes.print(f"tidewatch: the stack's names could not be read: {error}")
    names = collect_names(stack, file.resolve().values, outputs, found)
    is_serving = not outputs or bool(_get_output(outputs, "endpoint", "name"))
    if not is_serving:
        typer.echo(
            f"Nothing serves in the stack {stack}: a command with a name in braces, like {{endpoint}}, does not "
            "work. `tidewatch promote` puts a version into service again.\n"
        )
    unresolved_names = VARIANT_PLACEHOLDERS & set(find_placeholders(text)) - names.keys()
    if unresolved_names:
        typer.echo(_explain_variant(stack, outputs, found, "other" in unresolved_names) + "\n")
        names |= {name: name.upper() for name in unresolved_names}
    typer.echo(get_backend(stack).adapt_commands(fill_placeholders(text, names)), nl=False)
    typer.echo(f"\n{describe_roles(text, stack)}")
    if explanations := describe_words(text, stack):
        typer.echo(f"\n{explanations}")
    for name in sorted(set(find_placeholders(text)) - names.keys()) if is_serving else ():
        notes.print(f"tidewatch: fill in {{{name}}} yourself: {PLACEHOLDERS[name]}")


def describe_roles(text: str, stack: str) -> str:
    """Returns which policy allows the AWS commands of a runbook before its placeholders are filled."""
    commands: dict[str | None, list[str]] = defaultdict(list)
    for command, role in find_command_roles(text).items():
        commands[role].append(f"`{command}`")
    exceptions = ", except those below" if set(commands) - {"operator"} else ""
    lines = [
        f"The role operator (`tidewatch permissions operator --stack {stack}`) may run its AWS commands{exceptions}."
    ]
    if changes := commands.get("responder"):
        lines.append(f"{', '.join(changes)}: the role responder (`tidewatch permissions responder --stack {stack}`).")
    if reads := commands.get(CAPTURE_READER):
        lines.append(f"{', '.join(reads)}: the stack's role {CAPTURE_READER}, which may read captured data.")
    if others := commands.get(None):
        lines.append(f"{', '.join(others)}: no role of this stack; ask an administrator of the account.")
    return "## Roles\n\n" + "\n".join(lines)


def describe_words(text: str, stack: str) -> str:
    """Returns what the words in capitals of a runbook stand for, and which command prints it; "" without such words."""
    lines = [
        f"- {word}: {meaning.format(stack=stack)}."
        for word, meaning in WORDS_IN_CAPITALS.items()
        if re.search(rf"\b{word}\b", text)
    ]
    return "## Words in capitals\n\n" + "\n".join(lines) if lines else ""


def find_placeholders(text: str) -> tuple[str, ...]:
    """Returns the names in braces, each once, in order."""
    return tuple(dict.fromkeys(_PLACEHOLDER.findall(text)))


def fill_placeholders(text: str, names: Mapping[str, str]) -> str:
    """Returns the text with every known name in braces filled in; the others stay."""
    return _PLACEHOLDER.sub(lambda found: names.get(found[1], found[0]), text)


def collect_names(
    stack: str, config: Mapping[str, Any], outputs: Mapping[str, Any], found: RunbookMatch
) -> dict[str, str]:
    """Returns the known placeholders, from a stack's config and outputs; leaves out the others."""
    registry = _get_output(outputs, "registry", "bucket")
    variant = _find_variant(outputs, found)
    contacts = {key: _get_output(config, "tidewatch:model", key) for key in ("owner", "oncall", "escalation")}
    model = outputs.get("model") or _get_output(config, "tidewatch:model", "name")
    prefix = outputs.get("prefix") or str(model)
    names = {
        "stack": stack,
        "region": config.get("aws:region"),
        "model": model,
        "key": outputs.get("key"),
        "prefix": prefix,
        **contacts,
        "alarm": _find_physical_name(outputs, found.requested_name, prefix),
        "variant": variant,
        "other": next((name for name in _find_served_variants(outputs) if name != variant), "") if variant else "",
        "champion": _get_output(outputs, "traffic", "champion"),
        "endpoint": _get_output(outputs, "endpoint", "name"),
        "rollback_command": _get_output(outputs, "rollback", "command"),
        "rollback_function": _get_output(outputs, "rollback", "function"),
        "drift_function": _get_output(outputs, "drift", "function"),
        "dashboard_oncall": _get_output(outputs, "dashboards", "oncall"),
        "reports": _get_output(outputs, "drift", "reports"),
        "capture": _get_output(outputs, "buckets", "capture"),
        "topic_pages": _get_output(outputs, "topics", "P1"),
        "monitoring": _get_output(outputs, "buckets", "monitoring"),
        "registry": f"s3://{registry}/{_get_output(outputs, 'registry', 'prefix')}" if registry else None,
        "ledger": outputs.get("ledger"),
        "ledger_copies": f"s3://{registry}/{LEDGER_PREFIX}{outputs.get('key')}/" if registry else None,
    }
    return {
        name: collapse_whitespace(str(value))
        for name, value in names.items()
        if value and not isinstance(value, UnreadableSecret)
    }


def _find_physical_name(outputs: Mapping[str, Any], requested_name: str, prefix: str) -> str:
    """Returns the alarm's name at CloudWatch for its name in the outputs.

    A requested name that is already CloudWatch's is returned unchanged; any other gives "".
    """
    alarm_names = _get_output(outputs, "alarms", "names") or {}
    return alarm_names.get(requested_name) or (
        requested_name if requested_name in alarm_names.values() or requested_name.startswith(f"{prefix}-") else ""
    )


def _find_variant(outputs: Mapping[str, Any], found: RunbookMatch) -> str:
    """Returns the alarm's variant; "" if its name does not contain one and several are possible."""
    possible = _find_possible_variants(outputs, found)
    return found.variant or (possible[0] if len(possible) == 1 else "")


def _find_possible_variants(outputs: Mapping[str, Any], found: RunbookMatch) -> list[str]:
    """Returns the variants that an alarm can be about: for a guardrail, only the challenger."""
    if found.key.startswith("guardrail"):
        return [name for name in VARIANTS if name != _get_output(outputs, "traffic", "champion")]
    return _find_served_variants(outputs)


def _find_served_variants(outputs: Mapping[str, Any]) -> list[str]:
    """Returns the variants of the stack; all possible ones if the outputs do not list them."""
    return sorted(_get_output(outputs, "traffic", "versions") or VARIANTS)


def _explain_variant(stack: str, outputs: Mapping[str, Any], found: RunbookMatch, other: bool) -> str:
    """Returns what VARIANT and, with `other`, OTHER stand for in a page, and how to have them filled in."""
    champion = _get_output(outputs, "traffic", "champion")
    possible = _find_possible_variants(outputs, found)
    labels = [f"{name} (the champion)" if name == champion else name for name in possible]
    if _find_variant(outputs, found):
        return "This stack has no other variant for OTHER: no variant can take the traffic."
    other_note = ", and OTHER the other one" if other else ""
    if not is_about_variant(found.key):
        return f"The alarm is about the whole endpoint: VARIANT is {', then '.join(labels)}{other_note}."
    likely = next((name for name in possible if name != champion), possible[0])
    line = f"tidewatch runbook {found.key}-{likely} --stack {stack}"
    return f"VARIANT is the variant that the alarm is about, {' or '.join(labels)}{other_note}. For {likely}: `{line}`."


def _get_output(outputs: Mapping[str, Any], part: str, key: str) -> Any:
    section = outputs.get(part)
    return section.get(key) if isinstance(section, Mapping) else None
