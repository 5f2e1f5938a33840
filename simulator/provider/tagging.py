"""How services change the tags of an object: the same two calls, with names of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from simulator.provider.base import Call, pairs


def own_arn(c: Call) -> str:
    return str(c.olds["arn"])


def own_id(c: Call) -> str:
    return c.id


def tagging(
    member: str,
    of: Callable[[Call], str] = own_arn,
    *,
    form: Callable[[dict[str, str]], Any] = pairs,
    calls: tuple[str, str] = ("tag_resource", "untag_resource"),
    members: tuple[str, str] = ("Tags", "TagKeys"),
) -> Callable[[Call, dict[str, str], list[str]], None]:
    """A type's `retag`.

    member: the one of the request that names the object, by `of`. form: the tags as the service takes them, `dict`
    where it takes a map. calls, members: what puts and what removes tags, and what they are called there.
    """

    def retag(c: Call, put: dict[str, str], removed: list[str]) -> None:
        where = {member: of(c)}
        if removed:
            getattr(c.client, calls[1])(**where, **{members[1]: removed})
        if put:
            getattr(c.client, calls[0])(**where, **{members[0]: form(put)})

    return retag
