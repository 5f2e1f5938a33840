"""A process in which the fuzzer forks its readers, so that no test forks the process of pytest."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import pytest

T = TypeVar("T")


@dataclass(frozen=True)
class FuzzerProcess:
    """Calls functions in the other process, which imports them by their names: they must be functions of a module."""

    pool: ProcessPoolExecutor

    def call(
        self, function: Callable[..., T], *arguments: object, plant: Callable[[pytest.MonkeyPatch], None] | None = None
    ) -> T:
        """Returns what `function` returns while a fault is planted. Raises what it raises."""
        return self.pool.submit(_call_with_fault, plant, function, *arguments).result()


@contextmanager
def start_fuzzer_process() -> Iterator[FuzzerProcess]:
    """Starts a fresh process, which ends with the context."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        yield FuzzerProcess(pool)


def _call_with_fault(
    plant: Callable[[pytest.MonkeyPatch], None] | None, function: Callable[..., T], *arguments: object
) -> T:
    with pytest.MonkeyPatch.context() as patches:
        if plant is not None:
            plant(patches)
        return function(*arguments)
