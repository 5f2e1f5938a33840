"""Runs Lambda functions for real, each from its deployed archive in its own process, which stays warm."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import sysconfig
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import rehearsal.parent_watch
import rehearsal.simulated_clock
from rehearsal.access_keys import NO_CONFIG_FILES, AccessKey
from rehearsal.aws.lambda_.function_code import LAYER_PACKAGE_DIR, UnpackedCode, unpack
from rehearsal.aws.lambda_.function_process import FunctionProcessError, Worker

WORKER_SCRIPT = Path(__file__).with_name("function_worker.py")


@dataclass(frozen=True)
class InvocationResult:
    """The result of an invocation."""

    payload: bytes
    error: str | None
    """None if the function succeeded."""
    log: str
    request_id: str
    own_seconds: float = 0.0
    """Wall seconds without waits on the simulated clock."""


@dataclass(frozen=True)
class Timing:
    """The times of one invocation, in wall seconds."""

    function: str
    started_at: datetime
    cold: bool
    import_seconds: float
    seconds: float
    slept_seconds: float
    """The part of `seconds` spent waiting on the simulated clock."""
    error: str | None

    def to_json(self) -> dict[str, object]:
        return {
            "function": self.function,
            "started": self.started_at.isoformat(),
            "cold": self.cold,
            "import_seconds": self.import_seconds if self.cold else 0.0,
            "seconds": self.seconds,
            "slept_seconds": self.slept_seconds,
            "own_seconds": max(self.seconds - self.slept_seconds, 0.0),
            "error": self.error,
        }


@dataclass
class FunctionHost:
    """Starts, keeps and ends the processes of functions."""

    directory: Path
    clock_path: Path
    address: Callable[[], str]
    """Returns the endpoint URL at which they call AWS."""
    now: Callable[[], datetime]
    roles: dict[str, str] = field(default_factory=dict[str, str])
    """Access key of a process -> the function's role."""
    sessions: dict[str, str] = field(default_factory=dict[str, str])
    """Access key of a process -> the session name with which it assumes the role: the function's name."""
    keys: dict[str, AccessKey] = field(default_factory=dict[str, AccessKey])
    """Access key of a process -> the key that it signs with."""
    timings: list[Timing] = field(default_factory=list[Timing])
    kill_after: Callable[[str], int | None] = lambda _name: None
    """For a function's name, the number of AWS calls after which its process is killed, or None."""
    _idle_workers: dict[str, list[Worker]] = field(default_factory=dict[str, list[Worker]])
    _workers: list[Worker] = field(default_factory=list[Worker])
    _workers_by_key: dict[str, Worker] = field(default_factory=dict[str, Worker])
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self, function: Any, payload: bytes) -> InvocationResult:
        """Runs a function of moto's Lambda backend on a JSON payload and waits for it."""
        request_id, started = str(uuid.uuid4()), self.now()
        identity = _compute_identity(function)
        worker, cold = self._acquire_worker(function, identity)
        worker.calls_left = self.kill_after(function.function_name)
        request = {
            "id": request_id,
            "event": json.loads(payload or b"null"),
            "arn": function.function_arn,
            "timeout": float(function.timeout or 3),
            "stream": f"{started:%Y/%m/%d}/[$LATEST]{worker.access_key.lower()}",
        }
        try:
            reply = worker.send_request(request, float(function.timeout or 3))
        except (FunctionProcessError, TimeoutError) as exception:
            self._discard_worker(worker)
            return self._build_failure(function, request_id, started, worker, cold, isinstance(exception, TimeoutError))
        worker.calls_left = None
        with self._lock:
            self._idle_workers.setdefault(identity, []).append(worker)
        failure = reply.get("failure")
        error = "Unhandled" if failure else None
        body = json.dumps({**failure, "requestId": request_id}) if failure else reply["payload"]
        log = _format_log(request_id, (worker.log if cold else "") + reply["log"], reply["seconds"], worker, cold)
        self.timings.append(
            Timing(
                function.function_name,
                started,
                cold,
                worker.import_seconds,
                reply["seconds"],
                reply["slept_seconds"],
                failure["errorType"] if failure else None,
            )
        )
        return InvocationResult(
            body.encode(), error, log, request_id, max(reply["seconds"] - reply["slept_seconds"], 0.0)
        )

    def count_call(self, access_key: str) -> None:
        """Counts an AWS call of a worker; kills the worker if a rehearsal requested that after so many calls."""
        worker = self._workers_by_key.get(access_key)
        if worker is None or worker.calls_left is None:
            return
        worker.calls_left -= 1
        if worker.calls_left <= 0:
            worker.process.kill()

    def close(self) -> None:
        """Ends every process."""
        with self._lock:
            workers, self._workers = self._workers, []
            self._idle_workers.clear()
        for worker in workers:
            worker.terminate()

    def _build_failure(
        self, function: Any, request_id: str, started: datetime, worker: Worker, cold: bool, timed_out: bool
    ) -> InvocationResult:
        seconds = float(function.timeout or 3)
        moment = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        kind = "Sandbox.Timedout" if timed_out else "Runtime.ExitError"
        text = f"Task timed out after {seconds:.2f} seconds" if timed_out else "Error: Runtime exited with error"
        message = f"{moment} {request_id} {text}" if timed_out else f"RequestId: {request_id} {text}"
        body = json.dumps({"errorType": kind, "errorMessage": message})
        wall = (self.now() - started).total_seconds()
        self.timings.append(Timing(function.function_name, started, cold, worker.import_seconds, wall, 0.0, kind))
        return InvocationResult(
            body.encode(), "Unhandled", _format_log(request_id, text, wall, worker, cold), request_id
        )

    def _acquire_worker(self, function: Any, identity: str) -> tuple[Worker, bool]:
        with self._lock:
            idle = self._idle_workers.get(identity, [])
            while idle:
                worker = idle.pop()
                if worker.process.poll() is None:
                    return worker, False
        return self._start_worker(function, identity), True

    def _start_worker(self, function: Any, identity: str) -> Worker:
        key = AccessKey.of_session()
        unpacked_code = [self._unpack(function.code_bytes, identity)]
        for layer in function.layers or ():
            code = _read_layer(function, layer["Arn"])
            unpacked_code.append(self._unpack(code, hashlib.sha256(code).hexdigest()[:20], LAYER_PACKAGE_DIR))
        worker = Worker.start(
            [sys.executable, "-I", "-S", str(WORKER_SCRIPT)],
            unpacked_code[0].root,
            self._build_environment(function, key, str(unpacked_code[0].root)),
            key.id,
        )
        with self._lock:
            self._workers.append(worker)
            self._workers_by_key[key.id], self.keys[key.id] = worker, key
            self.roles[key.id], self.sessions[key.id] = function.role, function.function_name
        self._send_settings(worker, function, unpacked_code)
        return worker

    def _send_settings(self, worker: Worker, function: Any, unpacked_code: list[UnpackedCode]) -> None:
        packages = sysconfig.get_paths()
        settings = {
            "lifeline": worker.lifeline,
            "lifeline_module": rehearsal.parent_watch.__file__,
            "clock_module": rehearsal.simulated_clock.__file__,
            "clock": str(self.clock_path),
            "handler": function.handler,
            "log_format": function.logging_config["LogFormat"],
            "roots": [str(part.root) for part in unpacked_code],
            "compiled": sorted(name for part in unpacked_code for name in part.compiled_modules),
            "environment": sorted({packages["purelib"], packages["platlib"]}),
        }
        try:
            ready = worker.send_request(settings, timeout=60.0)
        except (FunctionProcessError, TimeoutError):
            return
        worker.import_seconds, worker.log = ready["import_seconds"], ready["log"]

    def _build_environment(self, function: Any, key: AccessKey, root: str) -> dict[str, str]:
        """The whole environment of a function: without this process's variables and its user's credential files."""
        return {
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
            "LANG": "C.UTF-8",
            "TZ": "UTC",
            "LAMBDA_TASK_ROOT": root,
            "_HANDLER": function.handler or "",
            "AWS_LAMBDA_FUNCTION_NAME": function.function_name,
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_size),
            "AWS_REGION": function.region,
            "AWS_DEFAULT_REGION": function.region,
            **key.to_environment(),
            **NO_CONFIG_FILES,
            "AWS_ENDPOINT_URL": self.address(),
            **{name: str(value) for name, value in (function.environment_vars or {}).items()},
        }

    def _unpack(self, code: bytes, identity: str, packages: str = "") -> UnpackedCode:
        with self._lock:
            return unpack(code, self.directory / "functions" / identity, packages)

    def _discard_worker(self, worker: Worker) -> None:
        with self._lock:
            self._workers = [other for other in self._workers if other is not worker]
            self._workers_by_key.pop(worker.access_key, None)
        worker.terminate()

    def remove_unpacked(self) -> None:
        """Removes the unpacked code."""
        shutil.rmtree(self.directory / "functions", ignore_errors=True)


def _compute_identity(function: Any) -> str:
    parts = [function.function_name, function.code_sha_256, function.handler, function.environment_vars]
    log_format = function.logging_config["LogFormat"]
    layers = [layer["Arn"] for layer in function.layers or ()]
    text = json.dumps([*parts, log_format, function.memory_size, function.role, layers], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:20]


def _read_layer(function: Any, arn: str) -> bytes:
    from moto.awslambda.models import lambda_backends

    layer = lambda_backends[function.account_id][function.region].layers_versions_by_arn(arn)
    return layer.code_bytes if layer is not None else b""


def _format_log(request_id: str, text: str, seconds: float, worker: Worker, cold: bool) -> str:
    init_duration = f"\tInit Duration: {worker.import_seconds * 1000:.2f} ms" if cold else ""
    ending = "" if not text or text.endswith("\n") else "\n"
    return (
        f"START RequestId: {request_id} Version: $LATEST\n{text}{ending}END RequestId: {request_id}\n"
        f"REPORT RequestId: {request_id}\tDuration: {seconds * 1000:.2f} ms{init_duration}\n"
    )
