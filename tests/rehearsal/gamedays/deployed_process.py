"""A deployed account in a process of its own, which forks the copies: the process of pytest is never forked."""

from __future__ import annotations

import gc
import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, TypeVar

from rehearsal.aws.forking import ForkFailed
from rehearsal.charts.timeline import GameDayOutcome
from rehearsal.gamedays import Scenario
from rehearsal.gamedays.harness import Harness
from rehearsal.gamedays.snapshot import Snapshot, deploy_snapshot

ROOT = Path(__file__).parents[3]
T = TypeVar("T")


@dataclass(frozen=True)
class DeployedProcess:
    """Runs what a snapshot runs. The other process imports scenarios and tasks by their names, so they must pickle."""

    connection: Connection
    outputs: dict[str, Any]
    neighbours: tuple[dict[str, Any], ...]
    """The outputs of other stacks in the account."""

    def run_scenarios(self, scenarios: Sequence[Scenario]) -> list[GameDayOutcome]:
        """Runs each scenario on its own copy. Raises ForkFailed."""
        return self._call(Snapshot.run_scenarios, scenarios)

    def run_on_copies(self, tasks: Sequence[Callable[[Harness], T]]) -> list[T]:
        """Runs each task on its own copy. Raises ForkFailed."""
        return self._call(Snapshot.run_on_copies, tasks)

    def _call(self, method: Callable[..., list[Any]], work: Sequence[Any]) -> list[Any]:
        self.connection.send((method, work))
        answer = self.connection.recv()
        if isinstance(answer, ForkFailed):
            raise answer
        return answer


@contextmanager
def deploy_in_process(neighbours: Sequence[tuple[str, str]] = ()) -> Iterator[DeployedProcess]:
    """Deploys the program in a fresh process, which ends with the context or with the process of pytest."""
    context = multiprocessing.get_context("spawn")
    connection, other_end = context.Pipe()
    # The threshold of tests/conftest.py: the other process holds the same libraries.
    process = context.Process(target=_serve, args=(other_end, tuple(neighbours), gc.get_threshold()), daemon=True)
    process.start()
    other_end.close()
    try:
        outputs, neighbour_outputs = connection.recv()
        yield DeployedProcess(connection, outputs, neighbour_outputs)
    finally:
        connection.close()
        process.join()


def _serve(connection: Connection, neighbours: Sequence[tuple[str, str]], threshold: tuple[int, int, int]) -> None:
    gc.set_threshold(*threshold)
    with suppress(EOFError), deploy_snapshot(ROOT, neighbours=neighbours) as deployed:
        connection.send((deployed.outputs, deployed.neighbours))
        while True:
            method, work = connection.recv()
            try:
                answer = method(deployed, work)
            except ForkFailed as error:
                answer = error
            connection.send(answer)
