"""Reads the stack config, and reports every mistake at once: its path, what is wrong, what would be right.

Pure: config in, Settings or SettingsError out. The command line uses it too.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any, get_args

from pydantic import TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel
from pydantic_core import ErrorDetails

from stacks import places, schema, secrets
from stacks.agreement import disagreements
from stacks.schema import Settings
from stacks.types import Section
from stacks.watching import SEVERITIES, Notify, Watched
from tidewatch import aws
from tidewatch.alarms import InvalidAlarms
from tidewatch.aws import Connection
from tidewatch.naming import SLOTS

NAMESPACE = "tidewatch"

_SECTIONS = {to_camel(name): name for name in Settings.model_fields if name not in ("region", "connection", "secret")}
_TEXT = ("rollbackTo", "acknowledgedIncident")

_EXAMPLES = {
    "model": "{name: flights, owner: team@example.com, oncall: ..., escalation: ...}",
    "endpoint": "{instanceType: ml.g5.xlarge}",
}


class SettingsError(Exception):
    """What is wrong with a stack config, a line each."""

    def __init__(self, mistakes: tuple[str, ...]) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = mistakes


def load(config: Mapping[str, object], stack: str = "", secret: Collection[str] = ()) -> Settings:
    """The settings in `config`: its `tidewatch:*` and `aws:*` values, parsed or as JSON text.

    stack: whose they are; production has to say more. secret: the keys of `config` in which something is secret, which
    no sentence quotes. Raises SettingsError, naming every mistake.
    """
    mistakes: list[str] = []
    found: dict[str, Any] = {"region": _region(config, mistakes)}
    mistakes += (wrong := list(aws.faults(config)))
    found["connection"] = Connection() if wrong else Connection.of(config)
    kept = [key.partition(":")[2] for key in secret if key.startswith(f"{NAMESPACE}:")]
    found["secret"] = frozenset(kept)
    mistakes += secrets.misplaced(kept, NAMESPACE)
    given = {key.partition(":")[2]: value for key, value in config.items() if key.startswith(f"{NAMESPACE}:")}
    mistakes += [f"{NAMESPACE}:{key}: {_unknown(key, _SECTIONS)}" for key in sorted(given.keys() - _SECTIONS.keys())]
    for key, field in _SECTIONS.items():
        try:
            found[field] = _section(key, field, given.get(key))
        except SettingsError as error:
            mistakes += error.mistakes
    mistakes += _contradictions(found)
    mistakes += disagreements(config, found, NAMESPACE)
    if production(stack):
        mistakes += _unsaid(found, stack)
    if mistakes:
        raise SettingsError(secrets.hidden(mistakes, [config.get(key) for key in secret]))
    return Settings.model_construct(**found)


def production(stack: str) -> bool:
    """Whether a stack is production, by a word of its name: prod, production, prd or live, as in eu-prod or prod2."""
    return any(re.fullmatch(r"(prod|production|prd|live)\d*", word) for word in re.split(r"[^a-z0-9]+", stack.lower()))


def _region(config: Mapping[str, object], mistakes: list[str]) -> str:
    region = str(config.get("aws:region") or "")
    if not region:
        mistakes.append("aws:region: is missing; set it, like `pulumi config set aws:region us-east-1`")
    elif region not in places.partitions():
        mistakes.append(f'aws:region: "{region}" is not a region; use one like {places.nearest_region(region)}')
    return region


def _section(key: str, field: str, raw: object) -> Any:
    """One top-level value, or its default where the config leaves it empty: Pulumi.yaml's own defaults are empty."""
    info, path = Settings.model_fields[field], f"{NAMESPACE}:{key}"
    annotation: Any = info.annotation
    value = _parsed(raw) if key not in _TEXT else raw
    if value in (None, "", {}):
        if not info.is_required():
            return info.get_default(call_default_factory=True)
        raise SettingsError((f"{path}: is missing; declare it, like {_EXAMPLES[key]}",))
    if key == "alarms":
        return _watched(path, value)
    try:
        return TypeAdapter(annotation).validate_python(value)
    except ValidationError as error:
        raise SettingsError(tuple(_sentence(path, annotation, e) for e in error.errors())) from None


def _watched(path: str, value: object) -> Watched:
    try:
        return Watched.read(value)
    except InvalidAlarms as wrong:
        raise SettingsError(tuple(_at(path, wrong))) from None


def _at(path: str, wrong: InvalidAlarms) -> Iterator[str]:
    for mistake in wrong.mistakes:
        yield f"{'.'.join(part for part in (path, mistake.path) if part)}: {mistake.sentence}"


def _parsed(raw: object) -> object:
    """The engine hands objects to the program as JSON text, the command line has them parsed."""
    if (isinstance(raw, str) and raw.strip()[:1] in ("{", "[")) or raw in ("true", "false"):
        try:
            return json.loads(str(raw))
        except json.JSONDecodeError:
            return raw
    return raw


def _sentence(path: str, annotation: Any, error: ErrorDetails) -> str:
    where = [str(part) for part in error["loc"] if part not in ("[key]",)]
    kind, given = error["type"], error["input"]
    if kind == "extra_forbidden":
        return f"{'.'.join([path, *where])}: {_unknown(where[-1], _keys(annotation, where[:-1]))}"
    at = ".".join([path, *where])
    match kind:
        case "missing":
            return f"{at}: is missing"
        case "literal_error" if where and path.endswith(":variants"):
            return f"{at}: is not a slot; the slots are {' and '.join(SLOTS)}"
        case "literal_error" if path.endswith(":rollbackTo"):
            return f'{at}: "{given}" is not a slot; the slots are {" and ".join(SLOTS)}'
        case "literal_error" if ":notify." in at:
            return f'{at}: "{given}" is not a severity; use {", ".join(SEVERITIES)}'
        case "too_short":
            return f"{at}: is empty; name at least one"
        case "value_error":
            return f"{at}: {str(error['ctx']['error']) if 'ctx' in error else error['msg']}"
        case "model_type" | "model_attributes_type" | "dict_type":
            return f"{at}: {given!r} is not an object; nest its keys under it"
        case "string_type":
            return f"{at}: {given!r} is not text; put it in quotes"
        case "bool_parsing" | "bool_type":
            return f"{at}: {given!r} is neither true nor false"
        case "tuple_type":
            return f"{at}: {given!r} is not a list"
        case _:
            return f"{at}: {given!r} is not right: {error['msg'][0].lower()}{error['msg'][1:]}"


def _keys(annotation: Any, where: list[str]) -> list[str]:
    """The keys that an object at `where` may have."""
    models = [m for m in (annotation, *get_args(annotation)) if isinstance(m, type) and issubclass(m, Section)]
    if not models:
        return []
    if where and where[0] in SLOTS:
        where = where[1:]
    fields = {str(info.alias): info for info in models[0].model_fields.values()}
    return _keys(fields[where[0]].annotation, where[1:]) if where and where[0] in fields else list(fields)


def _unknown(key: str, known: Mapping[str, str] | list[str]) -> str:
    near = difflib.get_close_matches(key, list(known), 1, cutoff=0.6)
    return "unknown key; " + (f"did you mean {near[0]}?" if near else f"the keys here are {', '.join(sorted(known))}")


def _contradictions(found: Mapping[str, Any]) -> Iterator[str]:
    """Mistakes that show only between two values, told where both of them could be read."""
    variants: Mapping[str, schema.Variant] = found.get("variants", {})
    endpoint: schema.Endpoint | None = found.get("endpoint")
    if variants and not any(variant.weight for variant in variants.values()):
        yield f"{NAMESPACE}:variants: every weight is 0, which sends traffic to nothing; give one slot more than 0"
    if variants and found.get("retire"):
        yield (
            f"{NAMESPACE}:retire: says that nothing serves any more, and {NAMESPACE}:variants says what serves; "
            "take out one of them"
        )
    if "variants" in found and "rollback_to" in found:
        yield from _champion(variants, found["rollback_to"], found.get("rollback"))
    if endpoint and endpoint.rollout.strategy != "allAtOnce":
        for slot, variant in variants.items():
            if variant.instances < 2:
                yield (
                    f"{NAMESPACE}:variants.{slot}.instances: {variant.instances} cannot be deployed in steps; "
                    f"use 2 or more, or endpoint.rollout.strategy allAtOnce"
                )
    if (drift := found.get("drift")) and drift.ticket_share > drift.page_share:
        yield (
            f"{NAMESPACE}:drift.ticketShare: {drift.ticket_share:g} is above the {drift.page_share:g} of pageShare; "
            f"use {drift.page_share:g} or less"
        )
    if slo := found.get("slo"):
        try:
            slo.objectives()
        except InvalidAlarms as wrong:
            yield from _at(f"{NAMESPACE}:slo", wrong)
    if autoscaling := found.get("autoscaling"):
        for slot, variant in variants.items():
            if variant.instances > autoscaling.maximum:
                yield (
                    f"{NAMESPACE}:autoscaling.maximum: {autoscaling.maximum} is below the {variant.instances} "
                    f"instances of {slot}; use {variant.instances} or more"
                )


def _unsaid(found: Mapping[str, Any], stack: str) -> Iterator[str]:
    """What has a default elsewhere, and in production is to be said: whether it acts alone, and who hears of it."""
    rollback: schema.Rollback | None = found.get("rollback")
    if rollback and "automatic" not in rollback.model_fields_set:
        yield (
            f"{NAMESPACE}:rollback.automatic: is missing; {stack} is production, so say whether alarms roll back by "
            f"themselves: true, or false to be told the command"
        )
    notify: Notify | None = found.get("notify")
    for severity in notify.unheard if notify else ():
        yield (
            f"{NAMESPACE}:notify.{severity}: nobody is subscribed, and {stack} is production; name somebody, like "
            f"[{{email: oncall@example.com}}]"
        )


def _champion(
    variants: Mapping[str, schema.Variant], champion: str | None, rollback: schema.Rollback | None
) -> Iterator[str]:
    path = f"{NAMESPACE}:rollbackTo"
    if variants and champion is None:
        yield f"{path}: is missing; name the slot that a rollback goes back to, like {min(variants)}"
    if champion is not None and champion not in variants:
        there = f"the variants are {' and '.join(sorted(variants))}" if variants else "there are no variants"
        yield f'{path}: "{champion}" holds no variant; {there}'
    if (
        champion is not None
        and champion in variants
        and rollback
        and rollback.floor
        and variants[champion].instances < rollback.floor
    ):
        has = variants[champion].instances
        yield (
            f"{path}: {champion} has {has} instances, below its floor of {rollback.floor}; "
            f"raise variants.{champion}.instances or lower rollback.floor"
        )
