"""The hourly job: one run at a time reads the hours that are due.

Running it again writes the same bytes: a profile depends only on the hour's capture files, and a report only on
profiles. Input from others is treated as hostile: a bad record, object, hour or variant does not affect the others. The
newest hour comes first. Failures are counted and retried at growing intervals.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from tidewatch.aws.errors import summarize_error
from tidewatch.aws.lease import Lease, LeaseTable
from tidewatch.clock import Clock, get_clock
from tidewatch.drift.job.models import DriftClients, DriftConfig, DriftResources, JobResult, VariantHour
from tidewatch.drift.job.run import DriftRun
from tidewatch.drift.storage_layout import build_control_key

LOGGER = logging.getLogger(__name__)

LEASE_NAME = "drift"
LEASE_SECONDS = 900.0
"""As long as the function may run, so a run that died delays at most the next one."""


@dataclass(frozen=True)
class DriftJob:
    """Reads the hours that are due, one run at a time."""

    clients: DriftClients
    resources: DriftResources
    config: DriftConfig = field(default_factory=DriftConfig)
    clock: Clock = field(default_factory=get_clock)

    def run(
        self,
        now: datetime,
        deadline: datetime | None = None,
        only_hour: datetime | None = None,
        on_hour: Callable[[VariantHour], object] = lambda _: None,
    ) -> JobResult:
        """Reads every hour within reach that was never read or whose files changed.

        With `only_hour` it reads that hour in any case. After `deadline` the next run does the rest. `on_hour` is
        called with each hour once it is read. Errors of an hour's content, S3, the registry or EventBridge are not
        raised; they become problems of the result.
        """
        leases = LeaseTable(
            self.clients.dynamodb, self.resources.control_table, build_control_key(self.resources.stack_key), self.clock
        )
        problems: list[str] = []
        lease = self._acquire_lease(leases, problems)
        if lease is None and not problems:
            return JobResult(skipped=True)
        try:
            run = DriftRun(
                self.clients,
                self.resources,
                self.config,
                self.clock,
                now=now,
                deadline=deadline,
                on_hour=on_hour,
                problems=problems,
            )
            return run.read(only_hour)
        finally:
            if lease is not None:
                self._release_lease(leases, lease)

    def _acquire_lease(self, leases: LeaseTable, problems: list[str]) -> Lease | None:
        """Returns the lease, or None if another run holds it.

        If the table cannot be reached, the run goes on without a lease: two runs at once write the same bytes.
        """
        try:
            return leases.acquire(LEASE_NAME, LEASE_SECONDS)
        except Exception as error:
            problems.append(
                f"The lease could not be acquired ({summarize_error(error)}): another run may do the same work."
            )
            return None

    def _release_lease(self, leases: LeaseTable, lease: Lease) -> None:
        try:
            leases.release(LEASE_NAME, lease)
        except Exception as error:
            LOGGER.warning("The lease could not be released and expires by itself: %s", summarize_error(error))
