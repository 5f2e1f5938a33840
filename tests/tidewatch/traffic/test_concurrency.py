"""Two at once: rollbacks, and writers of weights."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tests.tidewatch.traffic.account import ENDPOINT, PLACE, Flights, make_tables
from tidewatch.rollback import RollbackResult, run_rollback
from tidewatch.traffic import Clients, ResourceNames, Split, TrafficController, TrafficError

ROUNDS = 100


class Atomic:
    """A client whose calls are atomic, as AWS's are: moto checks a condition and writes in two steps."""

    lock = threading.RLock()

    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._client, name)

        def atomic(**params: Any) -> Any:
            with self.lock:
                return call(**params)

        return atomic


def atomic(clients: Clients) -> Clients:
    names = ("sagemaker", "dynamodb", "cloudwatch")
    return replace(clients, **{name: Atomic(getattr(clients, name)) for name in names})


def together(*actions: Callable[[], object]) -> None:
    """Runs the actions in threads that begin at the same moment; what one raises is raised."""
    barrier = threading.Barrier(len(actions))
    problems: list[BaseException] = []

    def run(action: Callable[[], object]) -> None:
        barrier.wait()
        try:
            action()
        except BaseException as problem:
            problems.append(problem)

    threads = [threading.Thread(target=run, args=(action,)) for action in actions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if problems:
        raise problems[0]


def test_two_concurrent_rollbacks_are_one_incident_each_time(canary: Flights) -> None:
    clients = atomic(canary.clients)
    config = canary.controller().state().config
    for number in range(ROUNDS):
        # Tables of its own for each round: what was rolled back before is another model's past.
        canary.resource_names = ResourceNames(
            "tidewatch/dev/flights", ENDPOINT, f"ledger-{number}", f"control-{number}"
        )
        make_tables(canary.clients, f"-{number}")
        canary.flip_behind(blue=0.95, green=0.05)
        canary.controller().control.write_models(config, canary.holds, "")
        canary.controller().detect_out_of_band()
        results: list[RollbackResult] = []
        requests = (canary.alarm(), canary.request())

        def ask(position: int, requests: Any = requests, results: list[RollbackResult] = results) -> None:
            controller = TrafficController(clients, canary.resource_names, canary.clock)
            results.append(run_rollback(requests[position], controller, canary.plan()))

        together(lambda ask=ask: ask(0), lambda ask=ask: ask(1))
        canary.sweeps(1)
        kinds = canary.kinds()
        assert len({result.incident for result in results}) == 1, number
        assert (kinds.count("incident"), kinds.count("quarantine")) == (1, 1), number
        assert canary.live() == {"blue": 1.0, "green": 0.0}, number
        assert Split.from_single_variant("blue").is_close_to(canary.replay_ledger()), number


def test_two_writers_at_once_do_not_mix_and_the_ledger_tells_the_last(canary: Flights) -> None:
    clients = atomic(canary.clients)

    def write(**weights: float) -> None:
        controller = TrafficController(clients, PLACE, canary.clock)
        with contextlib.suppress(TrafficError):
            controller.apply(Split.of(weights), who="pulumi", why="declared", models=canary.holds)

    for number in range(5):
        together(lambda: write(blue=70, green=30), lambda: write(blue=40, green=60))
        canary.clock.advance(60)
        assert canary.live()["green"] in (0.3, 0.6), number
        assert canary.sweep().out_of_band_incident == "", number
        assert canary.replay_ledger() is not None
        assert canary.replay_ledger() == canary.controller().split


def test_a_writer_and_a_rollback_at_once_end_on_the_target(canary: Flights) -> None:
    clients = atomic(canary.clients)

    def write() -> None:
        controller = TrafficController(clients, PLACE, canary.clock)
        try:
            controller.apply(Split.of({"blue": 1, "green": 1}), who="pulumi", why="declared", models=canary.holds)
        except TrafficError:
            return

    def roll_back() -> None:
        run_rollback(canary.request(), TrafficController(clients, PLACE, canary.clock), canary.plan())

    for number in range(10):
        together(write, roll_back)
        canary.sweeps(4)
        assert canary.live() == {"blue": 1.0, "green": 0.0}, number
        assert Split.from_single_variant("blue").is_close_to(canary.replay_ledger()), number
        assert len(canary.controller().open_incidents()) == 1, number
        canary.clock.advance(1000)
        canary.sweep()
        canary.controller().acknowledge(canary.controller().open_incidents()[0].id, "test")
        canary.split(blue=95, green=5)
