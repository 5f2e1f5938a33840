"""The state of a simulated account outside moto: clock, endpoints, faults, metrics, capture, functions."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any

from rehearsal.aws.chatbot.slack_post import SlackPost
from rehearsal.aws.cloudwatch.alarm_clock import AlarmClock
from rehearsal.aws.cloudwatch.history_item import HistoryItem
from rehearsal.aws.cloudwatch.metric_store import MetricStore
from rehearsal.aws.constants import SEED
from rehearsal.aws.events.platform_event import PlatformEvent
from rehearsal.aws.faults import PendingFaults
from rehearsal.aws.inference.routing_table import RoutingTable
from rehearsal.aws.inference.triton import ModelCache, ServedModel
from rehearsal.aws.lambda_.async_invocation import AsyncInvocation
from rehearsal.aws.lambda_.function_host import FunctionHost
from rehearsal.aws.sagemaker.data_capture import CaptureFiles
from rehearsal.aws.sagemaker.endpoint import SimulatedEndpoint
from rehearsal.aws.sagemaker.operations import Operation
from rehearsal.simulated_clock import ManualClock, SharedClock


@dataclass
class SimulatedAccount:
    """Everything that a rehearsal simulates outside moto's own backends. A process has one: `current_account()`."""

    clock: ManualClock | SharedClock
    directory: Path
    clock_path: Path
    functions: FunctionHost
    endpoints: dict[tuple[str, str], SimulatedEndpoint] = field(
        default_factory=dict[tuple[str, str], SimulatedEndpoint]
    )
    faults: PendingFaults = field(default_factory=PendingFaults)
    operations: list[Operation] = field(default_factory=list[Operation])
    metrics: MetricStore = field(default_factory=MetricStore)
    model_cache: ModelCache = field(default_factory=ModelCache)
    capture_files: CaptureFiles = field(default_factory=CaptureFiles)
    random: Random = field(default_factory=lambda: Random(SEED))  # nosec B311 # seeded: every replay is routed alike
    events: deque[PlatformEvent] = field(default_factory=deque[PlatformEvent])
    lock: threading.RLock = field(default_factory=threading.RLock)
    loaded_models: dict[tuple[str, str, str], ServedModel] = field(
        default_factory=dict[tuple[str, str, str], ServedModel]
    )
    routes: dict[tuple[str, str], RoutingTable] = field(default_factory=dict)
    alarm_history: list[HistoryItem] = field(default_factory=list)
    slack_configurations: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    """Chatbot's Slack channel configurations by ARN, in the form of its API."""
    slack_posts: list[SlackPost] = field(default_factory=list)
    """The messages that these channels received from their topics."""
    access_denials: list[str] = field(default_factory=list[str])
    """The messages of the calls that were denied to roles."""
    alarm_clock: AlarmClock = field(init=False)
    sampled_minute: int = field(init=False)
    """The last minute, since the epoch, with samples of the platform's own gauges."""
    retries: list[AsyncInvocation] = field(default_factory=list)
    invocation_threads: list[threading.Thread] = field(default_factory=list[threading.Thread])
    schedules: dict[int, tuple[object, datetime, datetime]] = field(
        default_factory=dict[int, tuple[object, datetime, datetime]]
    )
    """For each rule, by its id: the rule, its first appearance, and the time up to which it has fired."""
    settle_lock: threading.RLock = field(default_factory=threading.RLock)
    """Acquired before `lock`, never after it."""
    pre_settle_hooks: list[Callable[[SimulatedAccount, datetime], None]] = field(
        default_factory=list[Callable[["SimulatedAccount", datetime], None]]
    )
    """Called before operations end; each hook processes the passed time itself."""
    post_settle_hooks: list[Callable[[SimulatedAccount, datetime], None]] = field(
        default_factory=list[Callable[["SimulatedAccount", datetime], None]]
    )

    def __post_init__(self) -> None:
        self.alarm_clock = AlarmClock.from_timestamp(self.clock.timestamp())
        self.sampled_minute = int(self.clock.timestamp() // 60) - 1

    def now(self) -> datetime:
        return self.clock.now()

    def settle(self) -> None:
        """Processes everything that is due, without waiting for a function.

        These are alarms, endpoints, capture, events and schedules. On return, everything due at the time of the call is
        done or started, possibly by another thread.
        """
        with self.settle_lock:
            now = self.now()
            for watcher in self.pre_settle_hooks:
                watcher(self, now)
            self.settle_endpoints(now)
            for settler in self.post_settle_hooks:
                settler(self, now)

    def settle_endpoints(self, now: datetime) -> None:
        """Updates only the endpoints up to a moment."""
        with self.lock:
            for key, endpoint in list(self.endpoints.items()):
                endpoint.settle(now)
                if endpoint.is_deleted:
                    self.endpoints.pop(key, None)

    def reset(self) -> None:
        """Resets everything except the clock."""
        with self.lock:
            fresh = SimulatedAccount(self.clock, self.directory, self.clock_path, self.functions)
            fresh.pre_settle_hooks, fresh.post_settle_hooks = self.pre_settle_hooks, self.post_settle_hooks
            self.functions.timings.clear()
            retained = ("lock", "settle_lock", "faults")
            self.__dict__.update({key: value for key, value in vars(fresh).items() if key not in retained})
            self.faults.clear()

    def find_next_operation(self) -> Operation | None:
        """The running operation that ends first."""
        operations = (endpoint.operation for endpoint in list(self.endpoints.values()))
        found = [operation for operation in operations if operation is not None]
        return min(found, key=lambda operation: operation.ends_at, default=None)

    def close(self) -> None:
        """Ends the processes of deployed functions."""
        self.functions.close()


_active_accounts: list[SimulatedAccount] = []


def current_account() -> SimulatedAccount:
    """The account of this process. Raises RuntimeError outside a simulator."""
    if not _active_accounts:
        raise RuntimeError("No simulator runs in this process: start `python -m rehearsal.aws` or use `simulate_aws`.")
    return _active_accounts[-1]


def is_simulating() -> bool:
    """Whether a simulator runs in this process. The patches of moto stay after it and then do nothing."""
    return bool(_active_accounts)


def activate(account: SimulatedAccount) -> None:
    _active_accounts.append(account)


def deactivate() -> None:
    _active_accounts.pop().close()
