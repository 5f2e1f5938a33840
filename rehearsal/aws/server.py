"""The HTTP server: it answers the control API and InvokeEndpoint itself, and moto's application all other requests.

A client with a key of this run can run code in the server: it serves functions.
"""

from __future__ import annotations

import json
import re
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler
from werkzeug.serving import BaseWSGIServer, make_server

from rehearsal.access_keys import AccessKey
from rehearsal.aws import control_api, identity
from rehearsal.aws.account import SimulatedAccount, activate, current_account, deactivate
from rehearsal.aws.authentication import AuthenticationError, RequestAuthenticator, strip_cors_headers
from rehearsal.aws.bootstrap import apply_patches, create_account
from rehearsal.aws.constants import REGION
from rehearsal.aws.inference.routing import Invocation, Reply, handle_invocation
from rehearsal.aws.validation.unsimulated import (
    ServiceNotSimulated,
    build_failure,
    build_refusal,
    create_service_app,
)
from rehearsal.parent_watch import call_when_closed
from rehearsal.simulated_clock import DEFAULT_PACE, SharedClock

TICK_SECONDS = 0.02
"""Wall seconds between two ticks."""
MINUTE = timedelta(minutes=1)

_INVOCATION = re.compile(r"/endpoints/([^/]+)/invocations$")
_CREDENTIAL = re.compile(r"Credential=([^/]+)/[^/]*/([^/]+)/([^/]+)/")
"""The access key, the region and the service that a request is signed for."""
_PHRASES = {
    200: "OK",
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    424: "Failed Dependency",
    500: "Internal Server Error",
    501: "Not Implemented",
}

StartResponse = Callable[..., Any]


class Application:
    """The WSGI application of the simulator.

    `administrator` is the key with all permissions, including the control API.
    """

    def __init__(self, administrator: AccessKey | None = None) -> None:
        self._admission = RequestAuthenticator(administrator)
        self._moto = DomainDispatcherApplication(create_service_app)

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        try:
            self._admission.check(environ)
        except AuthenticationError as error:
            return _respond(start_response, error.reply)
        return self._serve(environ, strip_cors_headers(start_response))

    def _serve(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path.startswith(control_api.PREFIX):
            status, content = control_api.handle_request(current_account(), path, _read_body(environ))
            return _respond(
                start_response, Reply(status, {"Content-Type": "application/json"}, json.dumps(content).encode())
            )
        credential = _CREDENTIAL.search(environ.get("HTTP_AUTHORIZATION", ""))
        invocation = _INVOCATION.match(path)
        if invocation is not None and environ.get("REQUEST_METHOD") == "POST":
            region = credential[2] if credential else REGION
            denial = identity.explain_invocation_denial(
                environ.get("HTTP_AUTHORIZATION"), region, unquote(invocation[1])
            )
            if denial is not None:
                headers = {"Content-Type": "application/json", "x-amzn-ErrorType": "AccessDeniedException"}
                return _respond(start_response, Reply(403, headers, json.dumps({"Message": denial}).encode()))
            return _respond(
                start_response,
                handle_invocation(current_account(), _parse_invocation(environ, region, unquote(invocation[1]))),
            )
        content = self._call_moto(environ, start_response, credential[3] if credential else None)
        if credential is not None:
            current_account().functions.count_call(credential[1])
        return content

    def _call_moto(
        self, environ: dict[str, Any], start_response: StartResponse, service: str | None
    ) -> Iterable[bytes]:
        """moto's answer; an error of AWS where moto has no service or no path, or fails."""
        started: list[Any] = []
        try:
            content = self._moto(environ, lambda *arguments: started.append(arguments))
        except ServiceNotSimulated:
            return _respond(start_response, build_refusal(environ, service))
        except Exception:
            traceback.print_exc()
            return _respond(start_response, build_failure(environ, service))
        if started[-1][0].startswith("404"):
            content = [b"".join(content)]
            # Flask's own page for a path that it does not route: no error of AWS is HTML.
            if content[0].startswith(b"<!doctype html>"):
                return _respond(start_response, build_refusal(environ, service))
        start_response(*started[-1])
        return content


class _Handler(MotoRequestHandler):
    """moto's request handler, with HTTP/1.1 and without a log line for each request."""

    protocol_version = "HTTP/1.1"
    # Headers and body are sent in two writes; with Nagle's algorithm the second would wait for the client's delayed
    # acknowledgement of the first.
    disable_nagle_algorithm = True

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 - werkzeug's name
        if type == "error":
            super().log(type, message, *args)


def create_server(port: int, administrator: AccessKey | None = None) -> BaseWSGIServer:
    """A threaded server of this process's account, for this machine only; port 0 selects a free one."""
    return make_server("127.0.0.1", port, Application(administrator), threaded=True, request_handler=_Handler)


def serve(port: int, directory: Path, administrator: AccessKey, pace: float = DEFAULT_PACE) -> None:
    """Serves until a signal stops it or stdin closes. Raises OSError if the port is in use."""
    directory.mkdir(parents=True, exist_ok=True)
    apply_patches()
    clock = SharedClock.create(directory / "clock", pace)
    server = create_server(port, administrator)
    account = create_account(clock, directory / "clock", directory, lambda: f"http://127.0.0.1:{server.server_port}")
    account.functions.remove_unpacked()
    activate(account)
    stop = threading.Event()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signal_number, lambda *_: stop.set())
    threading.Thread(target=_run_ticker, args=(account, stop), daemon=True).start()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    (directory / "address").write_text(f"http://127.0.0.1:{server.server_port}\n")
    call_when_closed(sys.stdin.fileno(), stop.set)
    stop.wait()
    deactivate()


def _run_ticker(account: SimulatedAccount, stop: threading.Event) -> None:
    """Moves the clock minute by minute to the end of an operation, at the clock's pace, and settles the account."""
    while not stop.wait(TICK_SECONDS):
        try:
            tick(account)
        except Exception as error:
            # An error in one tick must not end the ticker.
            print(f"simulator: {type(error).__name__}: {error}", flush=True)


def tick(account: SimulatedAccount) -> None:
    """Moves the clock towards the first due event, at most to the next whole minute, and settles the account.

    The whole-minute steps let the work of each minute, like the sweep, run before alarms are evaluated for later
    minutes.
    """
    waits = [(delivery.due_at, delivery.wall_due) for delivery in list(account.retries)]
    operation = account.find_next_operation()
    if operation is not None:
        waits.append((operation.ends_at, operation.wall_started + operation.seconds * account.clock.pace))
    if waits:
        account.clock.advance_to(_find_next_moment(account, *min(waits)))
    account.settle()


def _find_next_moment(account: SimulatedAccount, due_at: datetime, wall_due: float) -> datetime:
    """The next time of the clock during a wait: each whole minute in turn, and `due_at` at the end."""
    remaining = max(wall_due - time.monotonic(), 0.0)
    minute = account.now().replace(second=0, microsecond=0) + MINUTE
    if remaining == 0:
        return min(minute, due_at)
    reached = due_at - timedelta(seconds=remaining / account.clock.pace)
    return min(minute, reached.replace(second=0, microsecond=0))


def _parse_invocation(environ: dict[str, Any], region: str, endpoint: str) -> Invocation:
    header = environ.get
    return Invocation(
        region,
        endpoint,
        _read_body(environ),
        header("CONTENT_TYPE") or "",
        header("HTTP_X_AMZN_SAGEMAKER_TARGET_VARIANT"),
        header("HTTP_X_AMZN_SAGEMAKER_INFERENCE_ID"),
        header("HTTP_X_AMZN_SAGEMAKER_CUSTOM_ATTRIBUTES"),
    )


def _read_body(environ: dict[str, Any]) -> bytes:
    return environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))


def _respond(start_response: StartResponse, reply: Reply) -> Iterable[bytes]:
    headers = [*reply.headers.items(), ("Content-Length", str(len(reply.body)))]
    start_response(f"{reply.status} {_PHRASES.get(reply.status, 'Error')}", headers)
    return [reply.body]
