"""The process of a deployed function: imports the handler once and answers one event at a time.

It runs isolated (`python -I -S`) and can import only the archive and the runtime's packages (boto3). A compiled package
is for another processor, so it was not unpacked, and the environment's build of it is used. This module imports only
the standard library.
"""

from __future__ import annotations

import importlib
import importlib.util
import io
import json
import logging
import os
import sys
import time
import traceback
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

RUNTIME = frozenset({"boto3", "botocore", "s3transfer", "jmespath", "dateutil", "urllib3", "six", "certifi"})
"""The packages of AWS's Python runtime."""


class ArchiveFinder:
    """Finds a package in the archive or its layers, or a runtime package in the environment, and nothing else there."""

    def __init__(self, roots: list[str], environment: list[str], compiled: list[str]) -> None:
        self._roots = roots
        self._environment = environment
        self._environment_packages = RUNTIME | set(compiled)

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """The spec of a top-level package; Python finds its subpackages as usual."""
        if path is not None:
            return None
        spec = PathFinder.find_spec(name, self._roots, target)
        if spec is None and name in self._environment_packages:
            return PathFinder.find_spec(name, self._environment, target)
        return spec


class Context:
    """The context object of an invocation, with the attributes that handlers use."""

    memory_limit_in_mb: int
    function_name: str
    function_version = "$LATEST"

    def __init__(self, request: dict[str, Any], clock: Any) -> None:
        self.aws_request_id = request["id"]
        self.invoked_function_arn = request["arn"]
        self.function_name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
        self.memory_limit_in_mb = int(os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"])
        self.log_group_name = f"/aws/lambda/{self.function_name}"
        self.log_stream_name = request["stream"]
        self._clock = clock
        self._deadline = clock.timestamp() + request["timeout"]

    def get_remaining_time_in_millis(self) -> int:
        """Simulated milliseconds until the function's timeout."""
        return max(int((self._deadline - self._clock.timestamp()) * 1000), 0)


class LogFormatter(logging.Formatter):
    """A record of `logging` as Lambda's Python runtime writes it, in the function's log format.

    Source: Lambda developer guide, "Using Lambda advanced logging controls with Python".
    """

    def __init__(self, is_json: bool, clock: Any) -> None:
        super().__init__()
        self.request_id = ""
        self._is_json = is_json
        self._clock = clock

    def format(self, record: logging.LogRecord) -> str:
        timestamp = f"{self._clock.now():%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z"
        if not self._is_json:
            return f"[{record.levelname}]\t{timestamp}\t{self.request_id}\t{record.getMessage()}"
        values = {"level": record.levelname, "message": record.getMessage(), "logger": record.name}
        return json.dumps({"timestamp": timestamp, **values, "requestId": self.request_id}, ensure_ascii=False)


def main() -> None:
    """Reads events from stdin, one in a line, and answers on the original stdout."""
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    settings = json.loads(sys.stdin.readline())
    # A worker must end with its simulator, whatever its handler is doing.
    _load_module(settings["lifeline_module"], "_simulated_lifeline").exit_when_writer_closes(settings["lifeline"])
    clock = _create_clock(settings["clock_module"], settings["clock"])
    output = io.StringIO()
    sys.stdout = sys.stderr = output
    log_formatter = _install_log_formatter(settings["log_format"] == "JSON", clock)
    handler, failure, seconds = _initialise(settings, clock)
    _send(replies, {"import_seconds": seconds, "failure": failure, "log": output.getvalue()})
    for line in sys.stdin:
        output.seek(0)
        output.truncate()
        request = json.loads(line)
        log_formatter.request_id = request["id"]
        _send(replies, _handle(request, handler, failure, clock) | {"log": output.getvalue()})


def _install_log_formatter(is_json: bool, clock: Any) -> LogFormatter:
    """As the runtime does before it imports the handler: what a function logs goes to its log."""
    stream_handler, formatter = logging.StreamHandler(sys.stdout), LogFormatter(is_json, clock)
    stream_handler.setFormatter(formatter)
    logging.getLogger().addHandler(stream_handler)
    return formatter


def _initialise(settings: dict[str, Any], clock: Any) -> tuple[Any, dict[str, Any] | None, float]:
    roots = settings["roots"]
    sys.path[:] = [*roots, *sys.path]
    sys.meta_path.insert(len(sys.meta_path) - 1, ArchiveFinder(roots, settings["environment"], settings["compiled"]))  # type: ignore[arg-type]
    started = time.perf_counter()
    try:
        module, _, name = settings["handler"].rpartition(".")
        handler = getattr(importlib.import_module(module.replace("/", ".")), name)
        seconds = time.perf_counter() - started
        if any((Path(root) / "tidewatch" / "clock.py").is_file() for root in roots):
            importlib.import_module("tidewatch.clock").install(clock)
    except BaseException as error:
        return None, _format_failure(error), time.perf_counter() - started
    return handler, None, seconds


def _handle(request: dict[str, Any], handler: Any, failure: dict[str, Any] | None, clock: Any) -> dict[str, Any]:
    if failure is not None:
        return {"failure": failure, "seconds": 0.0, "slept_seconds": 0.0}
    clock.slept_seconds = 0.0
    started = time.perf_counter()
    try:
        answer = handler(request["event"], Context(request, clock))
        result: dict[str, Any] = {"payload": json.dumps(answer)}
    except BaseException as error:
        traceback.print_exc()
        result = {"failure": _format_failure(error)}
    return {**result, "seconds": time.perf_counter() - started, "slept_seconds": clock.slept_seconds}


def _format_failure(error: BaseException) -> dict[str, Any]:
    lines = traceback.format_list(traceback.extract_tb(error.__traceback__))
    return {"errorMessage": str(error), "errorType": type(error).__name__, "stackTrace": lines}


def _create_clock(module_path: str, clock_path: str) -> Any:
    module = _load_module(module_path, "_simulated_clock")

    class CountingClock(module.SharedClock):  # type: ignore[name-defined,misc]
        """A clock that also sums up the wall seconds of waits, to separate them from a function's own time."""

        slept_seconds = 0.0

        def sleep(self, seconds: float) -> None:
            started = time.perf_counter()
            super().sleep(seconds)
            self.slept_seconds += time.perf_counter() - started

    return CountingClock(Path(clock_path))


def _load_module(path: str, name: str) -> ModuleType:
    """Loads a module of the simulator that needs only the standard library."""
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise RuntimeError(f"A file of the simulator is missing: {path}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _send(replies: Any, reply: dict[str, Any]) -> None:
    replies.write(json.dumps(reply) + "\n")
    replies.flush()


if __name__ == "__main__":
    main()
