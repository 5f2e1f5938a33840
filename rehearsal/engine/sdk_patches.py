"""Removes work of Pulumi's SDK that only an engine in another process needs.

A run registers some 230 resources with thousands of outputs and spends nearly all of its time in the SDK. The stack
trace of each registration, which the CLI shows on request, is left out. The unwrapping of types, the tracking of
outputs and the search for cycles are replaced by faster code with the same result.
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
    """Patches the SDK of this process until the end of the block."""
    with ExitStack() as patches:
        patches.enter_context(patch.object(resource, "_get_stack_trace", lambda: _EMPTY_STACK_TRACE))
        patches.enter_context(patch.object(rpc, "declare_dependency", _declare_dependency_once))
        patches.enter_context(patch.object(output.Output, "_track", _make_tracker(cast("Any", SETTINGS).outputs)))
        for name in ("unwrap_type", "unwrap_optional_type"):
            patches.enter_context(patch.object(_types, name, _memoize(getattr(_types, name))))
        yield


def _declare_dependency_once(from_resource: Any, to_resource: Any) -> bool:
    """Skips the search for cycles for a declared dependency: the SDK only declares those without a cycle."""
    dependencies = getattr(from_resource, "_direct_computed_dependencies", ())
    return to_resource in dependencies or _declare_dependency(from_resource, to_resource)


def _make_tracker(pending_outputs: set[Any]) -> Callable[[Any], None]:
    """Tracks outputs until they are known; a failed output stays in the set.

    Only the thread of the event loop creates outputs, and the set belongs to the run.
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
    """Caches a function of a type."""
    return functools.cache(function)
