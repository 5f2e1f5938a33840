"""What Pulumi's SDK works out for an engine that is another process, and this one does not need.

A run registers some 230 resources with thousands of outputs, and nearly all of its time is spent in the SDK. Left out
while a program is played: the stack trace of each registration, which the CLI shows on request. Done in a shorter way,
with the same result: the taking apart of types, the watch over outputs, the search for circles.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, cast
from unittest.mock import patch

from pulumi import _types, output
from pulumi.runtime import resource, resource_cycle_breaker, rpc
from pulumi.runtime.proto import source_pb2
from pulumi.runtime.settings import SETTINGS

_EMPTY_STACK_TRACE = source_pb2.StackTrace()
_declare_dependency = resource_cycle_breaker.declare_dependency


@contextmanager
def reduce_sdk_overhead() -> Iterator[None]:
    """The SDK of this process without that work, from here to the end of the block."""
    with ExitStack() as patches:
        patches.enter_context(patch.object(resource, "_get_stack_trace", lambda: _EMPTY_STACK_TRACE))
        patches.enter_context(patch.object(rpc, "declare_dependency", _declare_dependency_once))
        patches.enter_context(patch.object(output.Output, "_track", _make_tracker(cast("Any", SETTINGS).outputs)))
        for name in ("unwrap_type", "unwrap_optional_type"):
            patches.enter_context(patch.object(_types, name, _memoize(getattr(_types, name))))
        yield


def _declare_dependency_once(from_resource: Any, to_resource: Any) -> bool:
    """A dependency that is declared already closes no circle: only one that closes none was declared."""
    dependencies = getattr(from_resource, "_direct_computed_dependencies", ())
    return to_resource in dependencies or _declare_dependency(from_resource, to_resource)


def _make_tracker(pending_outputs: set[Any]) -> Callable[[Any], None]:
    """How outputs come to be waited for: until they are known, or for good where that fails.

    They are made by the thread of the event loop alone, and the set is that of the run.
    """

    def discard_known(future: Any) -> None:
        if not future.cancelled() and future.exception() is None:
            pending_outputs.discard(future)

    def track(self: Any) -> None:
        pending_outputs.add(self._data)
        self._data.add_done_callback(discard_known)

    return track


@functools.cache
def _memoize(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A function of a type, asked once for each."""
    return functools.cache(function)
