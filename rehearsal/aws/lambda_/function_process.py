"""The server's end of a warm function process: one JSON line in each direction for an event."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


class FunctionProcessError(RuntimeError):
    """The function's process ended, or was killed, before it answered."""


@dataclass
class Worker:
    """A warm process of one function."""

    process: subprocess.Popen[str]
    access_key: str
    lifeline: int = -1
    """The worker's descriptor of the pipe; the worker ends when our end closes."""
    lifeline_guard: int = -1
    import_seconds: float = 0.0
    log: str = ""
    calls_left: int | None = None

    @classmethod
    def start(cls, command: Sequence[str], folder: Path, env: Mapping[str, str], access_key: str) -> Worker:
        """Starts a process that ends with this one."""
        lifeline, lifeline_guard = os.pipe()
        try:
            process = subprocess.Popen(  # nosec B603 # runs deployed code: that is its purpose
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd=folder,
                env=env,
                text=True,
                pass_fds=(lifeline,),
            )
        finally:
            os.close(lifeline)
        return cls(process, access_key, lifeline, lifeline_guard)

    def send_request(self, request: Mapping[str, object], timeout: float) -> dict[str, Any]:
        """The worker's reply. Raises FunctionProcessError if it dies and TimeoutError after `timeout` wall seconds."""
        killer = threading.Timer(timeout, self.process.kill)
        killer.daemon = True
        killer.start()
        try:
            return self._exchange(request)
        except FunctionProcessError:
            if not killer.is_alive():
                raise TimeoutError from None
            raise
        finally:
            killer.cancel()

    def _exchange(self, request: Mapping[str, object]) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except (BrokenPipeError, ValueError, OSError) as error:
            raise FunctionProcessError(str(error)) from error
        if not line:
            raise FunctionProcessError("the process ended")
        return json.loads(line)

    def terminate(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.lifeline_guard)
        for stream in (self.process.stdin, self.process.stdout):
            # Unwritten data cannot be written: the reader is gone.
            with contextlib.suppress(BrokenPipeError):
                if stream is not None:
                    stream.close()
