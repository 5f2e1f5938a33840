"""What services refuse of tags, whose rules are the same for all of them.

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
    """A refusal: the service's code, and a text."""

    code: str
    text: str


@dataclass(frozen=True)
class TagRule:
    """How a service tells that a tag is wrong; `folded`, that it takes keys that differ in capitals only for one."""

    code: str
    too_many_code: str
    ignores_case: bool = False


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
    """What is wrong with the tags that a request brings."""
    rule = TAGS.get(service)
    for name in ("Tags", "tags"):
        if rule and isinstance(params.get(name), Mapping | list | tuple):
            yield from _check_tags(rule, params[name])


def _check_tags(rule: TagRule, tags: Any) -> Iterator[RuleViolation]:
    """Source: Tagging AWS Resources guide, "Tag naming limits and requirements"; IAM user guide, "Tags for AWS Identity
    and Access Management resources" on capitals."""
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
    """What is wrong with these keys and values, their number aside."""
    keys = [key for key, _ in pairs]
    if len(set(keys)) < len(keys) or (ignores_case and tagging.find_case_duplicates(keys)):
        yield "duplicate tag keys found"
    for key, value in pairs:
        yield from (f"the key {key!r} {fault}" for fault in tagging.find_key_faults(key))
        yield from (f"the value of {key!r} {fault}" for fault in tagging.find_value_faults(value))
