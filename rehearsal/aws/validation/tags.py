"""The rules for tags, which are the same for all services.

Source: Tagging AWS Resources guide, "Tag naming limits and requirements"; for the codes, the errors of the services'
tagging operations in their API references.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tidewatch.aws import tags as tagging

Params = Mapping[str, Any]


@dataclass(frozen=True)
class RuleViolation:
    """A violation, with the service's error code."""

    code: str
    text: str


@dataclass(frozen=True)
class TagRule:
    """A service's errors for tags."""

    code: str
    too_many_code: str
    ignores_case: bool = False
    """Whether keys that differ only in case count as the same."""


TAGS: Mapping[str, TagRule] = {
    "application-autoscaling": TagRule("ValidationException", "TooManyTagsException"),
    "chatbot": TagRule("InvalidParameterException", "TooManyTagsException"),
    "cloudwatch": TagRule("InvalidParameterValue", "InvalidParameterValue"),
    "dynamodb": TagRule("ValidationException", "ValidationException"),
    "events": TagRule("ValidationException", "ValidationException"),
    "iam": TagRule("InvalidInput", "LimitExceeded", ignores_case=True),
    "kms": TagRule("TagException", "LimitExceededException"),
    "lambda": TagRule("InvalidParameterValueException", "InvalidParameterValueException"),
    "logs": TagRule("InvalidParameterException", "TooManyTagsException"),
    "sagemaker": TagRule("ValidationException", "ValidationException"),
    "sns": TagRule("InvalidParameter", "TagLimitExceeded"),
    "sqs": TagRule("InvalidParameterValue", "InvalidParameterValue"),
    "ssm": TagRule("ValidationException", "TooManyTagsError"),
    "sts": TagRule("ValidationError", "ValidationError", ignores_case=True),
}


def list_tag_violations(service: str, params: Params) -> Iterator[RuleViolation]:
    """The violations of the tags in a request."""
    rule = TAGS.get(service)
    for name in ("Tags", "tags"):
        if rule and isinstance(params.get(name), Mapping | list | tuple):
            yield from _check_tags(rule, params[name])


def _check_tags(rule: TagRule, tags: Any) -> Iterator[RuleViolation]:
    """Checks tags.

    Source: Tagging AWS Resources guide, "Tag naming limits and requirements"; IAM user guide, "Tags for AWS Identity
    and Access Management resources" on case.
    """
    pairs = list(tags.items()) if isinstance(tags, Mapping) else [_to_pair(tag) for tag in tags]
    if len(pairs) > tagging.MAX_RESOURCE_TAGS:
        yield RuleViolation(
            rule.too_many_code, f"{len(pairs)} tags are more than the {tagging.MAX_RESOURCE_TAGS} of a resource."
        )
    for text in list_tag_faults(pairs, ignores_case=rule.ignores_case):
        yield RuleViolation(rule.code, f"Invalid tags: {text}.")


def _to_pair(tag: Mapping[str, Any]) -> tuple[str, str]:
    lower = {key.lower().removeprefix("tag"): str(value) for key, value in tag.items()}
    return lower.get("key", ""), lower.get("value", "")


def list_tag_faults(pairs: Sequence[tuple[str, str]], *, ignores_case: bool = False) -> Iterator[str]:
    """The violations of these keys and values, except their number."""
    keys = [key for key, _ in pairs]
    if len(set(keys)) < len(keys) or (ignores_case and tagging.find_case_duplicates(keys)):
        yield "duplicate tag keys found"
    for key, value in pairs:
        yield from (f"the key {key!r} {fault}" for fault in tagging.find_key_faults(key))
        yield from (f"the value of {key!r} {fault}" for fault in tagging.find_value_faults(value))
