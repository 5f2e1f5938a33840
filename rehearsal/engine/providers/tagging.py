"""How services change the tags of an object: the same two calls, with names of their own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from rehearsal.engine.providers.resource_spec import ResourceContext


def to_pairs(tags: Mapping[str, str] | None, key: str = "Key", value: str = "Value") -> list[dict[str, str]]:
    """Tags in the list form most services take."""
    return [{key: k, value: str(v)} for k, v in (tags or {}).items()]


def from_pairs(tags: list[dict[str, str]] | None, key: str = "Key", value: str = "Value") -> dict[str, str]:
    """Tags from the list form, AWS's own left out."""
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
    """A type's `retag`.

    member: the one of the request that names the object, by `of`. form: the tags as the service takes them, `dict`
    where it takes a map. calls, members: what puts and what removes tags, and what they are called there.
    """

    def retag(c: ResourceContext, put: dict[str, str], removed: list[str]) -> None:
        where = {member: identify(c)}
        if removed:
            getattr(c.client, calls[1])(**where, **{members[1]: removed})
        if put:
            getattr(c.client, calls[0])(**where, **{members[0]: format_tags(put)})

    return retag
