"""The client of the simulator's control API: clock, faults, operations, capture, function timings, chat posts."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rehearsal.access_keys import AccessKey

Transport = Callable[[str, bytes], tuple[int, dict[str, Any]]]


class ControlError(RuntimeError):
    """The simulator refused a control request or does not answer; the message is a sentence."""


@dataclass(frozen=True)
class ControlClient:
    """Controls one simulator with the key of its run. Seconds are simulated unless a name contains wall."""

    url: str
    key: AccessKey | None = None
    transport: Transport | None = None

    @classmethod
    def from_transport(cls, transport: Transport) -> ControlClient:
        """A client of the simulator in this process."""
        return cls("in-process", transport=transport)

    def get_time(self) -> datetime:
        """The simulated time."""
        return datetime.fromisoformat(self._request("clock")["now"])

    def advance(self, seconds: float) -> datetime:
        """Moves the clock ahead: operations end and schedules fire on the way. Returns the new time."""
        return datetime.fromisoformat(self._request("advance", seconds=seconds)["now"])

    def advance_to(self, moment: datetime) -> datetime:
        """Moves the clock ahead to a moment; a moment in the past changes nothing."""
        return datetime.fromisoformat(self._request("advance", to=moment.isoformat())["now"])

    def inject(self, kind: str, times: int | None = None, **options: Any) -> int:
        """Adds a fault and returns its id; docs/fidelity.md lists the kinds and their options."""
        return self._request("inject", kind=kind, **({} if times is None else {"times": times}), **options)["id"]

    def clear(self, fault_id: int | None = None) -> None:
        """Removes one fault, or all."""
        self._request("clear", id=fault_id)

    def faults(self) -> list[dict[str, Any]]:
        """The active faults."""
        return self._request("faults")["faults"]

    def operations(self) -> list[dict[str, Any]]:
        """The platform's operations: endpoint, kind, started, ended, simulated_seconds, wall_seconds, outcome."""
        return self._request("operations")["operations"]

    def stated_durations(self) -> dict[str, Any]:
        """The platform's stated seconds, by the names in docs/fidelity.md."""
        return self._request("latencies")

    def flush_capture(self) -> dict[str, int]:
        """Writes the capture files that are still open.

        Returns the number of files written now, and written_records and lost_records in all.
        """
        return self._request("capture/flush")

    def function_timings(self) -> list[dict[str, Any]]:
        """Every invocation: function, cold, import_seconds, seconds, slept_seconds, own_seconds (wall), error."""
        return self._request("function_timings")["timings"]

    def posts(self) -> list[dict[str, Any]]:
        """The posts to chat configurations: configuration, channel, topic, posted_at, subject, text, is_posted."""
        return self._request("slack_posts")["slack_posts"]

    def access_denials(self) -> list[str]:
        """The calls that were denied to roles, in AWS's words."""
        return self._request("access_denials")["access_denials"]

    def wait_for_functions(self, wall_seconds: float = 60) -> int:
        """Waits for the asynchronous invocations that were started. Returns how many still run."""
        return self._request("wait", seconds=wall_seconds)["running"]

    def reset(self) -> None:
        """Empties the account: every resource, endpoint, metric and fault. The clock goes on."""
        self._request("reset")

    def wait_until_ready(self, wall_seconds: float = 30) -> None:
        """Waits until the simulator answers. Raises ControlError if it does not."""
        end = time.monotonic() + wall_seconds
        while True:
            try:
                self._request("ready")
            except ControlError:
                if time.monotonic() >= end:
                    raise
                time.sleep(0.02)
            else:
                return

    def _request(self, name: str, **params: Any) -> dict[str, Any]:
        path, body = f"/tidewatch/{name}", json.dumps(params).encode()
        status, answer = (self.transport or self._post)(path, body)
        if status != 200:
            raise ControlError(answer.get("error", f"The simulator answered {status}."))
        return answer

    def _post(self, path: str, body: bytes) -> tuple[int, dict[str, Any]]:
        assert self.key is not None, "a simulator in another process needs its key"
        headers = self.key.sign_request(self.url + path, body)
        request = urllib.request.Request(self.url + path, data=body, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:  # nosec B310 # the address of our own server
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read() or b"{}")
        except OSError as error:
            raise ControlError(f"The simulator at {self.url} does not answer: {error}") from error
