"""What is done in a shorter way while a program is played gives what the SDK itself gives."""

from __future__ import annotations

import asyncio
from typing import Any

import pulumi
import pytest
from pulumi import _types
from pulumi.runtime import resource, resource_cycle_breaker, rpc
from pulumi.runtime.settings import SETTINGS

from rehearsal.engine.sdk_patches import reduce_sdk_overhead


@pytest.mark.parametrize(
    "kind",
    [int, str | None, str | int | None, pulumi.Input[str], pulumi.Output[int], pulumi.Input[bool] | None],
)
def test_types_are_taken_apart_as_the_sdk_does(kind: Any):
    whole = _types.unwrap_type(kind), _types.unwrap_optional_type(kind)
    with reduce_sdk_overhead():
        assert (_types.unwrap_type(kind), _types.unwrap_optional_type(kind)) == whole


class Node:
    """What the search for circles knows of a resource: what it depends on, which the SDK sets."""


def test_a_circle_of_dependencies_is_refused_however_often_it_is_declared():
    sdk: Any = rpc
    first, second, third = Node(), Node(), Node()
    with reduce_sdk_overhead():
        assert [sdk.declare_dependency(first, second) for _ in range(2)] == [True, True]
        assert sdk.declare_dependency(second, third)
        assert [sdk.declare_dependency(third, first) for _ in range(2)] == [False, False]


async def _waited_for() -> tuple[int, int]:
    """How many outputs are waited for before one of two is known and the other fails, and after that."""
    settings: Any = SETTINGS
    known, failing = asyncio.Future[str](), asyncio.Future[str]()
    made = [pulumi.Output.from_input(one) for one in (known, failing)]
    before = len(settings.outputs)
    known.set_result("there")
    failing.set_exception(ValueError("broken"))
    await asyncio.wait([one._data for one in made])
    await asyncio.sleep(0)
    return before, len(settings.outputs)


def test_an_output_is_waited_for_until_it_is_known_and_for_good_where_it_fails():
    settings: Any = SETTINGS
    settings.outputs.clear()
    as_the_sdk_does = asyncio.run(_waited_for())
    settings.outputs.clear()
    with reduce_sdk_overhead():
        assert asyncio.run(_waited_for()) == as_the_sdk_does
    settings.outputs.clear()
    before, after = as_the_sdk_does
    assert before > after > 0


def test_all_is_put_back():
    names = [(resource, "_get_stack_trace"), (rpc, "declare_dependency"), (pulumi.Output, "_track")]
    names += [(_types, "unwrap_type"), (_types, "unwrap_optional_type")]
    before = [getattr(*one) for one in names]
    with reduce_sdk_overhead():
        assert all(getattr(*one) is not was for one, was in zip(names, before, strict=True))
    assert [getattr(*one) for one in names] == before
    sdk: Any = rpc
    assert sdk.declare_dependency is resource_cycle_breaker.declare_dependency
