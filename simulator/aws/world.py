"""The state of a simulated account that moto does not keep: clock, endpoints, faults, metrics, capture, functions."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from simulator.aws.alarm_clock import AlarmClock
from simulator.aws.capture import CaptureFiles
from simulator.aws.endpoint import Endpoint
from simulator.aws.faults import Faults
from simulator.aws.journal import Operation
from simulator.aws.metrics import MetricStore
from simulator.aws.triton import ModelRepository, ServedModel
from simulator.clock import ManualClock, SharedClock

if TYPE_CHECKING:
    from simulator.aws.alarm_history import HistoryItem
    from simulator.aws.chats import Post
    from simulator.aws.functions import FunctionHost
    from simulator.aws.lambda_api import Delivery
    from simulator.aws.routing import Route

ACCOUNT = "123456789012"
REGION = "us-east-1"
SEED = 20130101


@dataclass(frozen=True)
class PlatformEvent:
    """An event that AWS itself puts on the default bus."""

    region: str
    source: str
    detail_type: str
    detail: Mapping[str, object]
    resources: tuple[str, ...]
    time: datetime


@dataclass
class World:
    """Everything one rehearsal simulates beside moto's own backends. One per process, see `world()`."""

    clock: ManualClock | SharedClock
    home: Path
    clock_path: Path
    functions: FunctionHost
    endpoints: dict[tuple[str, str], Endpoint] = field(default_factory=dict[tuple[str, str], Endpoint])
    faults: Faults = field(default_factory=Faults)
    operations: list[Operation] = field(default_factory=list[Operation])
    metrics: MetricStore = field(default_factory=MetricStore)
    models: ModelRepository = field(default_factory=ModelRepository)
    capture: CaptureFiles = field(default_factory=CaptureFiles)
    random: Random = field(default_factory=lambda: Random(SEED))  # nosec B311 # seeded: a replay routes alike
    events: deque[PlatformEvent] = field(default_factory=deque[PlatformEvent])
    lock: threading.RLock = field(default_factory=threading.RLock)
    served: dict[tuple[str, str, str], ServedModel] = field(default_factory=dict[tuple[str, str, str], ServedModel])
    routes: dict[tuple[str, str], Route] = field(default_factory=dict)
    alarm_history: list[HistoryItem] = field(default_factory=list)
    chats: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    """Chatbot's Slack channel configurations by their ARNs, as its API shows them."""
    posts: list[Post] = field(default_factory=list)
    """What they heard from their topics."""
    refused: list[str] = field(default_factory=list[str])
    """What a role asked and was not allowed, as it was told."""
    alarm_clock: AlarmClock = field(init=False)
    sampled: int = field(init=False)
    """The minute, since the epoch, up to which the platform's own gauges were noted."""
    retries: list[Delivery] = field(default_factory=list)
    running: list[threading.Thread] = field(default_factory=list[threading.Thread])
    schedules: dict[int, tuple[object, datetime, datetime]] = field(
        default_factory=dict[int, tuple[object, datetime, datetime]]
    )
    """Of each rule, by its id: the rule, when it was first seen, and up to when it has fired."""
    settling: threading.RLock = field(default_factory=threading.RLock)
    """Held before `lock`, never after it."""
    watchers: list[Callable[[World, datetime], None]] = field(default_factory=list[Callable[["World", datetime], None]])
    """Run before anything that the clock has ended, and go through the time that has passed by themselves."""
    settlers: list[Callable[[World, datetime], None]] = field(default_factory=list[Callable[["World", datetime], None]])

    def __post_init__(self) -> None:
        self.alarm_clock = AlarmClock.at(self.clock.timestamp())
        self.sampled = int(self.clock.timestamp() // 60) - 1

    def now(self) -> datetime:
        return self.clock.now()

    def settle(self) -> None:
        """Brings everything up to the clock: alarms, endpoints, capture, events, schedules. Never waits for a function.

        What is due by the clock at the call has been done or started on return, whichever thread did it.
        """
        with self.settling:
            now = self.now()
            for watcher in self.watchers:
                watcher(self, now)
            self.settle_endpoints(now)
            for settler in self.settlers:
                settler(self, now)

    def settle_endpoints(self, now: datetime) -> None:
        """Brings the endpoints alone up to a moment."""
        with self.lock:
            for key, endpoint in list(self.endpoints.items()):
                endpoint.settle(now)
                if endpoint.gone:
                    self.endpoints.pop(key, None)

    def forget(self) -> None:
        """Starts over with nothing but the clock."""
        with self.lock:
            fresh = World(self.clock, self.home, self.clock_path, self.functions)
            fresh.watchers, fresh.settlers = self.watchers, self.settlers
            self.functions.timings.clear()
            kept = ("lock", "settling", "faults")
            self.__dict__.update({key: value for key, value in vars(fresh).items() if key not in kept})
            self.faults.clear()

    def next_end(self) -> Operation | None:
        """The running operation that the clock reaches first."""
        running = (endpoint.operation for endpoint in list(self.endpoints.values()))
        found = [operation for operation in running if operation is not None]
        return min(found, key=lambda operation: operation.ends, default=None)

    def close(self) -> None:
        """Ends the processes of deployed functions."""
        self.functions.close()


_current: list[World] = []


def world() -> World:
    """The world of this process; raises RuntimeError outside a simulator."""
    if not _current:
        raise RuntimeError("No simulator runs in this process: start `python -m simulator.aws` or use `in_process`.")
    return _current[-1]


def running() -> bool:
    """Whether a simulator runs in this process: what is set on moto stays there after it, and is plain moto again."""
    return bool(_current)


def enter(new: World) -> None:
    _current.append(new)


def leave() -> None:
    _current.pop().close()
