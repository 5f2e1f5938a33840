"""The client of the simulator's control API: clock, faults, operations, capture, functions' timings, chat."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from simulator.keys import Key

Transport = Callable[[str, bytes], tuple[int, dict[str, Any]]]


class ControlError(RuntimeError):
    """The simulator refused a control request, or does not answer; the text is a sentence."""


@dataclass(frozen=True)
class Control:
    """Controls one simulator, with the key of its run. Simulated seconds unless a name says wall."""

    url: str
    key: Key | None = None
    transport: Transport | None = None

    @classmethod
    def local(cls, transport: Transport) -> Control:
        """Controls the simulator of this process."""
        return cls("in-process", transport=transport)

    def clock(self) -> datetime:
        """The simulated time."""
        return datetime.fromisoformat(self._ask("clock")["now"])

    def advance(self, seconds: float) -> datetime:
        """Moves the clock ahead; operations that are over by then end, schedules fire. Returns the new time."""
        return datetime.fromisoformat(self._ask("advance", seconds=seconds)["now"])

    def advance_to(self, moment: datetime) -> datetime:
        """Moves the clock ahead to a moment; a moment that has passed changes nothing."""
        return datetime.fromisoformat(self._ask("advance", to=moment.isoformat())["now"])

    def inject(self, kind: str, times: int | None = None, **options: Any) -> int:
        """Adds a fault and returns its id; docs/fidelity.md lists the kinds and their options."""
        return self._ask("inject", kind=kind, **({} if times is None else {"times": times}), **options)["id"]

    def clear(self, fault_id: int | None = None) -> None:
        """Removes one fault, or all."""
        self._ask("clear", id=fault_id)

    def faults(self) -> list[dict[str, Any]]:
        """The faults that wait."""
        return self._ask("faults")["faults"]

    def operations(self) -> list[dict[str, Any]]:
        """Every operation of the platform: endpoint, kind, started, ended, stated_seconds, wall_seconds, outcome."""
        return self._ask("operations")["operations"]

    def stated(self) -> dict[str, Any]:
        """The platform's stated seconds by the names of docs/fidelity.md."""
        return self._ask("stated")

    def flush_capture(self) -> dict[str, int]:
        """Writes the capture files that are still open: files written now, records written and lost in all."""
        return self._ask("capture/flush")

    def function_timings(self) -> list[dict[str, Any]]:
        """Every invocation: function, cold, import_seconds, seconds, slept_seconds, own_seconds (wall), error."""
        return self._ask("functions")["timings"]

    def posts(self) -> list[dict[str, Any]]:
        """What chat configurations heard: configuration, channel, topic, at, subject, text, shown."""
        return self._ask("posts")["posts"]

    def refusals(self) -> list[str]:
        """What roles asked and none of their policies allows, in AWS's words."""
        return self._ask("refusals")["refusals"]

    def wait_for_functions(self, wall_seconds: float = 60) -> int:
        """Waits for asynchronous invocations that were started; returns how many still run."""
        return self._ask("wait", seconds=wall_seconds)["running"]

    def reset(self) -> None:
        """Empties the account: every resource, endpoint, metric and fault; the clock goes on."""
        self._ask("reset")

    def wait_ready(self, wall_seconds: float = 30) -> None:
        """Waits until the simulator answers. Raises ControlError when it does not."""
        end = time.monotonic() + wall_seconds
        while True:
            try:
                self._ask("ready")
            except ControlError:
                if time.monotonic() >= end:
                    raise
                time.sleep(0.02)
            else:
                return

    def _ask(self, name: str, **given: Any) -> dict[str, Any]:
        path, body = f"/tidewatch/{name}", json.dumps(given).encode()
        status, answer = (self.transport or self._http)(path, body)
        if status != 200:
            raise ControlError(answer.get("error", f"The simulator answered {status}."))
        return answer

    def _http(self, path: str, body: bytes) -> tuple[int, dict[str, Any]]:
        assert self.key is not None, "a simulator of another process answers to its key alone"
        headers = self.key.signed(self.url + path, body)
        request = urllib.request.Request(self.url + path, data=body, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:  # nosec B310 # the address of our own server
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as refused:
            return refused.code, json.loads(refused.read() or b"{}")
        except OSError as unreachable:
            raise ControlError(f"The simulator at {self.url} does not answer: {unreachable}") from unreachable
