"""Runs a rehearsal's simulator as a process: on a port, and cleaned up whatever happens to its parent."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType

from rehearsal.access_keys import NO_CONFIG_FILES, AccessKey
from rehearsal.aws.constants import REGION
from rehearsal.control_client import ControlClient, ControlError
from rehearsal.simulated_clock import DEFAULT_PACE, SharedClock
from tidewatch import clock

START_SECONDS = 60.0
STOP_SECONDS = 5.0

INHERITED_VARIABLES = frozenset(
    {
        *("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"),
        *("PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "OMP_NUM_THREADS"),
    }
)
"""The only variables that the server inherits: others may hold credentials."""


class PortInUse(RuntimeError):
    """The requested port is in use; the message names the remedy."""


class SimulatorFailed(RuntimeError):
    """The simulator's process ended before it served; the message holds the end of its log."""


class SimulatorProcess:
    """The simulator, running for the length of a `with` block.

    Its folder is emptied at the start, so that a second run starts clean. Without a port it uses a free one. It accepts
    only the key of this run, which is in `env`. The server leads its own process group and ends when the pipe to its
    stdin closes, so that a killed parent leaves nothing behind.
    """

    def __init__(self, parent: Path, port: int | None = None, pace: float = DEFAULT_PACE) -> None:
        self.directory = parent / "simulator"
        self._port = port or 0
        self._pace = pace
        self._process: subprocess.Popen[bytes] | None = None
        self._url = ""
        self._key = AccessKey.of_administrator()

    @property
    def url(self) -> str:
        """The address of the AWS APIs and of the control API."""
        return self._url

    @property
    def env(self) -> dict[str, str]:
        """The environment variables with which an AWS client, the aws command or a Pulumi provider reaches it."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            **self._key.to_environment(),
            **NO_CONFIG_FILES,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            clock.ENVIRONMENT_VARIABLE: ":".join(
                (SharedClock.__module__, SharedClock.__name__, str((self.directory / "clock").resolve()))
            ),
        }

    @property
    def control(self) -> ControlClient:
        """The client of its control API."""
        return ControlClient(self.url, self._key)

    @property
    def clock(self) -> SharedClock:
        """The clock that it runs on."""
        return SharedClock(self.directory / "clock")

    def __enter__(self) -> SimulatorProcess:
        """Starts it and waits until it serves. Raises PortInUse or SimulatorFailed."""
        if self._port:
            _require_free_port(self._port)
        shutil.rmtree(self.directory, ignore_errors=True)
        self.directory.mkdir(parents=True, mode=0o700)
        with (self.directory / "server.log").open("wb") as log:
            self._process = subprocess.Popen(  # nosec B603 # no shell, and the command is ours
                [sys.executable, "-m", "rehearsal.aws", *self._arguments()],
                env=_build_environment(),
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd=Path(__file__).parents[1],
            )
        try:
            self._send_key(self._process)
            self._wait_until_ready(self._process)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Ends the server and every process of its group."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        if process.stdin is not None:
            process.stdin.close()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return

    def _arguments(self) -> list[str]:
        return [
            *("--port", str(self._port)),
            *("--directory", str(self.directory)),
            *("--pace", str(self._pace)),
        ]

    def _send_key(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it has already ended, and its log has the reason
            process.stdin.write(f"{self._key.to_json()}\n".encode())
            process.stdin.flush()

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        end, address = time.monotonic() + START_SECONDS, self.directory / "address"
        while time.monotonic() < end:
            if process.poll() is not None:
                self._raise_startup_error()
            if address.is_file() and (text := address.read_text().strip()):
                self._url = text
                try:
                    self.control.wait_until_ready(5)
                except ControlError:
                    continue
                return
            time.sleep(0.02)
        log = self.directory / "server.log"
        raise SimulatorFailed(f"The simulator did not serve within {START_SECONDS:g} s; see {log}.")

    def _raise_startup_error(self) -> None:
        log = (self.directory / "server.log").read_text(errors="replace").strip()
        if self._port and "in use" in log:
            raise PortInUse(_format_port_in_use(self._port))
        raise SimulatorFailed(f"The simulator ended at once: {log[-500:] or 'it wrote no log'}")


def _build_environment() -> dict[str, str]:
    """The variables that Python and a model's libraries need."""
    return {**{name: value for name, value in os.environ.items() if name in INHERITED_VARIABLES}, **NO_CONFIG_FILES}


def _require_free_port(port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise PortInUse(_format_port_in_use(port)) from error


def _format_port_in_use(port: int) -> str:
    return f"Port {port} of this machine is in use; stop what uses it or choose another port."
