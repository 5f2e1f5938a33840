"""Whose a resource is, and that nobody deletes it by mistake."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from pulumi_policy import ResourceValidationArgs, Severity

from policies.definition import Metadata, Settings, define_resource_policy
from policies.resource_types import (
    BUCKETS,
    COMPOSITE_ALARM,
    ENDPOINT,
    ENDPOINT_CONFIGURATION,
    FUNCTION,
    KEY,
    LOG_GROUP,
    METRIC_ALARM,
    MODEL,
    QUEUE,
    ROLE,
    TABLE,
    TOPIC,
    read_object,
)

TAGGED = BUCKETS | {
    COMPOSITE_ALARM, ENDPOINT, ENDPOINT_CONFIGURATION, FUNCTION, KEY, LOG_GROUP, METRIC_ALARM, MODEL, QUEUE, ROLE,
    TABLE, TOPIC,
}  # fmt: skip
"""The types that somebody pays for or answers for."""
PROTECTED = BUCKETS | {ENDPOINT, TABLE}
"""The types whose deletion loses data or traffic."""


def _check_tags(args: ResourceValidationArgs, settings: Settings) -> Iterator[str]:
    given = {**_read_default_tags(args), **read_object(args.props, "tags")}
    # A prefix says who set a tag: tidewatch:owner is an owner.
    keys = {key.rpartition(":")[2].lower() for key in given}
    missing = [tag for tag in settings["tags"] if tag.lower() not in keys]
    if missing:
        yield f"It has no tag {', '.join(missing)}."


def _read_default_tags(args: ResourceValidationArgs) -> Mapping[str, Any]:
    """Returns the tags that the provider adds. A provider's settings keep objects as JSON text."""
    defaults = args.provider.props.get("defaultTags") if args.provider else None
    if isinstance(defaults, str):
        defaults = json.loads(defaults)
    return read_object(defaults or {}, "tags")


required_tags = define_resource_policy(
    Metadata(
        "required-tags",
        "A resource says whose it is, which model and environment it serves, and who pays.",
        Severity.LOW,
        "Set the tags, for all resources at once in `tags` or aws:defaultTags.",
        settings={
            "tags": {
                "type": "array",
                "items": {"type": "string"},
                "default": ["owner", "model", "environment", "cost-center"],
                "description": "the keys, with or without a prefix such as tidewatch:",
            }
        },
    ),
    TAGGED,
    _check_tags,
)  # fmt: skip


def _check_protection(args: ResourceValidationArgs, settings: Settings) -> Iterator[str]:
    del settings
    if not args.opts.protect:
        yield "Pulumi may delete it."


protected = define_resource_policy(
    Metadata(
        "protected",
        "Pulumi deletes no endpoint, bucket or table of production before somebody lifts its protection.",
        Severity.HIGH,
        "Set `protect: true` in the stack's config, or the resource option protect.",
    ),
    PROTECTED,
    _check_protection,
)

POLICIES = (required_tags, protected)
