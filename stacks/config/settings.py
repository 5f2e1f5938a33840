"""Reads the stack config and reports all mistakes together: path, what is wrong, and what would be right.

The functions are pure: they take the config and return StackSettings or raise SettingsError. The command line uses them
too.
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

from stacks.config import redaction, regions, schema
from stacks.config.conflicts import find_conflicts
from stacks.config.monitoring import NotificationSettings
from stacks.config.schema import StackSettings
from stacks.config.types import Section
from tidewatch.alarms import Severity
from tidewatch.aws.connection import Connection, find_config_faults
from tidewatch.naming import VARIANTS

NAMESPACE = "tidewatch"

CONFIG_KEYS = {
    to_camel(name): name for name in StackSettings.model_fields if name not in ("region", "connection", "secret")
}
_TEXT_KEYS = ("rollbackTo", "acknowledgedIncident")

_EXAMPLES = {
    "model": "{name: flights, owner: team@example.com, oncall: ..., escalation: ...}",
    "endpoint": "{instanceType: ml.g5.xlarge}",
}


class SettingsError(Exception):
    """The mistakes of a stack config, one on each line."""

    def __init__(self, mistakes: tuple[str, ...]) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = mistakes


def load(config: Mapping[str, object], stack: str = "", secret_keys: Collection[str] = ()) -> StackSettings:
    """Returns the settings in `config`, whose `tidewatch:*` and `aws:*` values are parsed or JSON text.

    A production stack, by the name in `stack`, has to set more. No message quotes a value of `secret_keys`, the keys of
    `config` that contain a secret. Raises SettingsError with every mistake.
    """
    mistakes: list[str] = []
    found: dict[str, Any] = {"region": _parse_region(config, mistakes)}
    mistakes += (faults := list(find_config_faults(config)))
    found["connection"] = Connection() if faults else Connection.from_config(config)
    secret_sections = [key.partition(":")[2] for key in secret_keys if key.startswith(f"{NAMESPACE}:")]
    found["secret"] = frozenset(secret_sections)
    mistakes += redaction.find_misplaced(secret_sections, NAMESPACE)
    values = {key.partition(":")[2]: value for key, value in config.items() if key.startswith(f"{NAMESPACE}:")}
    mistakes += [
        f"{NAMESPACE}:{key}: {_describe_unknown_key(key, CONFIG_KEYS)}"
        for key in sorted(values.keys() - CONFIG_KEYS.keys())
    ]
    for key, field in CONFIG_KEYS.items():
        try:
            found[field] = _parse_section(key, field, values.get(key))
        except SettingsError as error:
            mistakes += error.mistakes
    mistakes += _find_cross_field_errors(found)
    mistakes += find_conflicts(config, found, NAMESPACE)
    if is_production(stack):
        mistakes += _find_missing_in_production(found, stack)
    if mistakes:
        raise SettingsError(redaction.redact(mistakes, [config.get(key) for key in secret_keys]))
    return StackSettings.model_construct(**found)


def is_production(stack: str) -> bool:
    """Whether a word of a stack's name is prod, production, prd or live, as in eu-prod or prod2."""
    return any(re.fullmatch(r"(prod|production|prd|live)\d*", word) for word in re.split(r"[^a-z0-9]+", stack.lower()))


def _parse_region(config: Mapping[str, object], mistakes: list[str]) -> str:
    region = str(config.get("aws:region") or "")
    if not region:
        mistakes.append("aws:region: is missing; set it, like `pulumi config set aws:region us-east-1`")
    elif region not in regions.partitions():
        mistakes.append(f'aws:region: "{region}" is not a region; use one like {regions.find_nearest_region(region)}')
    return region


def _parse_section(key: str, field: str, raw: object) -> Any:
    """Returns one top-level value, or its default if the config leaves it empty, as Pulumi.yaml's own defaults do."""
    info, path = StackSettings.model_fields[field], f"{NAMESPACE}:{key}"
    annotation: Any = info.annotation
    value = _parse_json(raw) if key not in _TEXT_KEYS else raw
    if value in (None, "", {}):
        if not info.is_required():
            return info.get_default(call_default_factory=True)
        raise SettingsError((f"{path}: is missing; declare it, like {_EXAMPLES[key]}",))
    try:
        return TypeAdapter(annotation).validate_python(value)
    except ValidationError as error:
        raise SettingsError(tuple(_format_error(path, annotation, e) for e in error.errors())) from None


def _parse_json(raw: object) -> object:
    """Parses JSON text: the engine passes objects to the program as JSON, the command line passes them parsed."""
    if (isinstance(raw, str) and raw.strip()[:1] in ("{", "[")) or raw in ("true", "false"):
        try:
            return json.loads(str(raw))
        except json.JSONDecodeError:
            return raw
    return raw


def _format_error(path: str, annotation: Any, error: ErrorDetails) -> str:
    location = [str(part) for part in error["loc"] if part not in ("[key]",)]
    kind, value = error["type"], error["input"]
    if kind == "extra_forbidden":
        known_keys = _find_keys(annotation, location[:-1])
        return f"{'.'.join([path, *location])}: {_describe_unknown_key(location[-1], known_keys)}"
    full_path = ".".join([path, *location])
    match kind:
        case "missing":
            return f"{full_path}: is missing"
        case "literal_error" if location and path.endswith(":variants"):
            return f"{full_path}: is not a variant; the variants are {' and '.join(VARIANTS)}"
        case "literal_error" if path.endswith(":rollbackTo"):
            return f'{full_path}: "{value}" is not a variant; the variants are {" and ".join(VARIANTS)}'
        case "enum" if ":notify." in full_path:
            return f'{full_path}: "{value}" is not a severity; use {", ".join(Severity)}'
        case "too_short":
            return f"{full_path}: is empty; name at least one"
        case "value_error":
            return f"{full_path}: {str(error['ctx']['error']) if 'ctx' in error else error['msg']}"
        case "model_type" | "model_attributes_type" | "dict_type":
            return f"{full_path}: {value!r} is not an object; nest its keys under it"
        case "string_type":
            return f"{full_path}: {value!r} is not text; put it in quotes"
        case "bool_parsing" | "bool_type":
            return f"{full_path}: {value!r} is neither true nor false"
        case "tuple_type":
            return f"{full_path}: {value!r} is not a list"
        case _:
            return f"{full_path}: {value!r} is invalid: {error['msg'][0].lower()}{error['msg'][1:]}"


def _find_keys(annotation: Any, location: list[str]) -> list[str]:
    """Returns the keys that an object at `location` may have."""
    models = [
        model for model in (annotation, *get_args(annotation)) if isinstance(model, type) and issubclass(model, Section)
    ]
    if not models:
        return []
    if location and location[0] in VARIANTS:
        location = location[1:]
    fields = {str(info.alias): info for info in models[0].model_fields.values()}
    return (
        _find_keys(fields[location[0]].annotation, location[1:]) if location and location[0] in fields else list(fields)
    )


def _describe_unknown_key(key: str, known_keys: Mapping[str, str] | list[str]) -> str:
    close_matches = difflib.get_close_matches(key, list(known_keys), 1, cutoff=0.6)
    return "unknown key; " + (
        f"did you mean {close_matches[0]}?" if close_matches else f"the keys here are {', '.join(sorted(known_keys))}"
    )


def _find_cross_field_errors(found: Mapping[str, Any]) -> Iterator[str]:
    """Yields mistakes that show only between two values, if both could be read."""
    variants: Mapping[str, schema.VariantSettings] = found.get("variants", {})
    endpoint: schema.EndpointSettings | None = found.get("endpoint")
    if variants and not any(variant.weight for variant in variants.values()):
        yield f"{NAMESPACE}:variants: every weight is 0, so no variant would get traffic; give one variant more than 0"
    if variants and found.get("retire"):
        yield (
            f"{NAMESPACE}:retire: means that nothing serves any more, but {NAMESPACE}:variants names what serves; "
            "remove one of them"
        )
    if "variants" in found and "rollback_to" in found:
        yield from _find_champion_errors(variants, found["rollback_to"], found.get("rollback"))
    if endpoint and endpoint.rollout.strategy != "allAtOnce":
        for name, variant in variants.items():
            if variant.instances < 2:
                yield (
                    f"{NAMESPACE}:variants.{name}.instances: {variant.instances} cannot be deployed in steps; "
                    f"use 2 or more, or endpoint.rollout.strategy allAtOnce"
                )
    if (drift := found.get("drift")) and drift.ticket_share > drift.page_share:
        yield (
            f"{NAMESPACE}:drift.ticketShare: {drift.ticket_share:g} is above the {drift.page_share:g} of pageShare; "
            f"use {drift.page_share:g} or less"
        )
    if autoscaling := found.get("autoscaling"):
        for name, variant in variants.items():
            if variant.instances > autoscaling.maximum:
                yield (
                    f"{NAMESPACE}:autoscaling.maximum: {autoscaling.maximum} is below the {variant.instances} "
                    f"instances of {name}; use {variant.instances} or more"
                )


def _find_missing_in_production(found: Mapping[str, Any], stack: str) -> Iterator[str]:
    """Yields the settings that production must set itself: whether rollback is automatic, and who is notified."""
    rollback: schema.RollbackSettings | None = found.get("rollback")
    if rollback and "automatic" not in rollback.model_fields_set:
        yield (
            f"{NAMESPACE}:rollback.automatic: is missing; {stack} is production, so choose whether alarms roll back "
            "by themselves: true, or false to be notified with the command"
        )
    notify: NotificationSettings | None = found.get("notify")
    for severity in notify.severities_without_recipients if notify else ():
        yield (
            f"{NAMESPACE}:notify.{severity}: has no recipients, and {stack} is production; add one, like [{{email: "
            "oncall@example.com}]"
        )


def _find_champion_errors(
    variants: Mapping[str, schema.VariantSettings], champion: str | None, rollback: schema.RollbackSettings | None
) -> Iterator[str]:
    path = f"{NAMESPACE}:rollbackTo"
    if variants and champion is None:
        yield f"{path}: is missing; name the variant that a rollback sends all traffic to, like {min(variants)}"
    if champion is not None and champion not in variants:
        choices = f"the variants are {' and '.join(sorted(variants))}" if variants else "there are no variants"
        yield f'{path}: "{champion}" is not a declared variant; {choices}'
    if (
        champion is not None
        and champion in variants
        and rollback
        and rollback.floor
        and variants[champion].instances < rollback.floor
    ):
        instances = variants[champion].instances
        yield (
            f"{path}: {champion} has {instances} instances, fewer than its floor of {rollback.floor}; raise "
            f"variants.{champion}.instances or lower rollback.floor"
        )
