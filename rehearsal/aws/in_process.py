"""The simulator within a test's own process: moto's mock with the same patches, and a clock that stands still."""

from __future__ import annotations

import functools
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from rehearsal.aws.account import activate, current_account, deactivate
from rehearsal.simulated_clock import ManualClock

if TYPE_CHECKING:
    from rehearsal.control_client import ControlClient

START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
"""A Monday morning."""


@contextmanager
def simulate_aws(start: datetime = START) -> Iterator[ManualClock]:
    """Connects boto3 to a simulator in this process until the end of the block; yields its clock.

    Moving the clock, or sleeping on it, advances the platform: operations end, events and schedules fire. A function
    runs in its own process and calls AWS at a port that is opened for it.
    """
    from moto import mock_aws

    from rehearsal.aws.bootstrap import apply_patches, create_account

    apply_patches()
    _cache_service_models()
    with tempfile.TemporaryDirectory(prefix="tidewatch-simulator-") as folder:
        directory = Path(folder)
        clock = ManualClock(start, directory / "clock")
        server = _LazyServer()
        account = create_account(clock, directory / "clock", directory, server.address)
        activate(account)
        clock.on_advance.append(account.settle)
        try:
            with mock_aws():
                yield clock
        finally:
            deactivate()
            server.close()


@functools.cache
def _cache_service_models() -> None:
    """Shares one boto3 session: moto creates one for every account, and each would parse megabytes of models again."""
    import botocore.session

    botocore.session.create_loader = functools.cache(botocore.session.create_loader)


def create_local_control() -> ControlClient:
    """The control client of the simulator in this process."""
    from rehearsal.aws.control_api import handle_request
    from rehearsal.control_client import ControlClient

    return ControlClient.from_transport(lambda path, body: handle_request(current_account(), path, body))


class _LazyServer:
    """A server of this process, started when the first function needs it."""

    def __init__(self) -> None:
        self._server: object = None
        self._url = ""
        self._lock = threading.Lock()

    def address(self) -> str:
        from rehearsal.aws.server import create_server

        with self._lock:
            if not self._url:
                server = create_server(0)
                threading.Thread(target=server.serve_forever, daemon=True).start()
                self._server, self._url = server, f"http://127.0.0.1:{server.server_port}"
            return self._url

    def close(self) -> None:
        if self._server is not None:
            self._server.shutdown()  # type: ignore[attr-defined]
            self._server.server_close()  # type: ignore[attr-defined]
