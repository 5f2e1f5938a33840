"""Changes of tags: services have the same two calls under different names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from rehearsal.engine.providers.resource_spec import ResourceContext


def to_pairs(tags: Mapping[str, str] | None, key: str = "Key", value: str = "Value") -> list[dict[str, str]]:
    """Tags in the list form of most services."""
    return [{key: k, value: str(v)} for k, v in (tags or {}).items()]


def from_pairs(tags: list[dict[str, str]] | None, key: str = "Key", value: str = "Value") -> dict[str, str]:
    """Tags from the list form, without those of AWS."""
    return {t[key]: t[value] for t in tags or [] if not t[key].startswith("aws:")}


def get_arn(c: ResourceContext) -> str:
    return str(c.olds["arn"])


def get_id(c: ResourceContext) -> str:
    return c.id


def make_retag(
    member: str,
    identify: Callable[[ResourceContext], str] = get_arn,
    *,
    format_tags: Callable[[dict[str, str]], Any] = to_pairs,
    calls: tuple[str, str] = ("tag_resource", "untag_resource"),
    members: tuple[str, str] = ("Tags", "TagKeys"),
) -> Callable[[ResourceContext, dict[str, str], list[str]], None]:
    """Builds a type's `retag`.

    `member` is the request's member for the object, whose value is `identify`'s. `format_tags` converts the tags to the
    service's form, `dict` if it is a map. `calls` are the operations that add and remove tags, `members` their members
    with the tags.
    """

    def retag(c: ResourceContext, put: dict[str, str], removed: list[str]) -> None:
        where = {member: identify(c)}
        if removed:
            getattr(c.client, calls[1])(**where, **{members[1]: removed})
        if put:
            getattr(c.client, calls[0])(**where, **{members[0]: format_tags(put)})

    return retag
