"""The HTTP server: the control API and InvokeEndpoint are answered here, everything else by moto's application.

Whoever is admitted, with a key of this run, may run code in it: functions are what it serves.
"""

from __future__ import annotations

import json
import re
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import BaseWSGIServer, make_server

from simulator.aws import control_api, identity
from simulator.aws.admission import Admission, Refusal, unshared
from simulator.aws.install import fill_gaps, new_world
from simulator.aws.routing import Invocation, Reply, invoke
from simulator.aws.world import REGION, World, enter, leave, world
from simulator.clock import DEFAULT_PACE, SharedClock
from simulator.keys import Key
from simulator.lifeline import when_closed

TICK_SECONDS = 0.02
"""Wall seconds between two looks at what is due."""

_INVOCATION = re.compile(r"/endpoints/([^/]+)/invocations$")
_CREDENTIAL = re.compile(r"Credential=([^/]+)/[^/]*/([^/]+)/")
_PHRASES = {200: "OK", 400: "Bad Request", 403: "Forbidden", 404: "Not Found", 424: "Failed Dependency"}

StartResponse = Callable[..., Any]


class Application:
    """The WSGI application of the simulator. administrator: who may do anything, the control API included."""

    def __init__(self, administrator: Key | None = None) -> None:
        self._admission = Admission(administrator)
        self._moto = DomainDispatcherApplication(create_backend_app)

    def __call__(self, environ: dict[str, Any], start: StartResponse) -> Iterable[bytes]:
        try:
            self._admission.check(environ)
        except Refusal as refused:
            return _respond(start, refused.reply)
        return self._serve(environ, unshared(start))

    def _serve(self, environ: dict[str, Any], start: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path.startswith(control_api.PREFIX):
            status, answer = control_api.answer(world(), path, _body(environ))
            return _respond(start, Reply(status, {"Content-Type": "application/json"}, json.dumps(answer).encode()))
        credential = _CREDENTIAL.search(environ.get("HTTP_AUTHORIZATION", ""))
        invocation = _INVOCATION.match(path)
        if invocation is not None and environ.get("REQUEST_METHOD") == "POST":
            region = credential[2] if credential else REGION
            refused = identity.refused_invocation(environ.get("HTTP_AUTHORIZATION"), region, unquote(invocation[1]))
            if refused is not None:
                headers = {"Content-Type": "application/json", "x-amzn-ErrorType": "AccessDeniedException"}
                return _respond(start, Reply(403, headers, json.dumps({"Message": refused}).encode()))
            return _respond(start, invoke(world(), _invocation(environ, region, unquote(invocation[1]))))
        answer = self._moto(environ, start)
        if credential is not None:
            world().functions.called(credential[1])
        return answer


class _Handler(MotoRequestHandler):
    """moto's request handler, in HTTP/1.1 and without a line of log for each request."""

    protocol_version = "HTTP/1.1"
    # Headers and body leave in two writes; with Nagle's algorithm the second would wait for the client's delayed
    # acknowledgement of the first.
    disable_nagle_algorithm = True

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 - werkzeug's name
        if type == "error":
            super().log(type, message, *args)


def make(port: int, administrator: Key | None = None) -> BaseWSGIServer:
    """A threaded server of this process's world, for this machine alone; port 0 takes a free one."""
    return make_server("127.0.0.1", port, Application(administrator), threaded=True, request_handler=_Handler)


def serve(port: int, home: Path, administrator: Key, pace: float = DEFAULT_PACE) -> None:
    """Serves until it is told to stop, or until whoever holds the other end of stdin is gone. Raises OSError when the
    port is taken."""
    home.mkdir(parents=True, exist_ok=True)
    fill_gaps()
    clock = SharedClock.create(home / "clock", pace)
    server = make(port, administrator)
    created = new_world(clock, home / "clock", home, lambda: f"http://127.0.0.1:{server.server_port}")
    created.functions.clean()
    enter(created)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    threading.Thread(target=_tick, args=(created, stop), daemon=True).start()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    (home / "address").write_text(f"http://127.0.0.1:{server.server_port}\n")
    when_closed(sys.stdin.fileno(), stop.set)
    stop.wait()
    leave()


def _tick(here: World, stop: threading.Event) -> None:
    """Moves the clock to the end of an operation once it was waited for at the clock's pace, and settles."""
    while not stop.wait(TICK_SECONDS):
        try:
            tick(here)
        except Exception as wrong:
            # The ticker must outlive whatever one settling meets.
            print(f"simulator: {type(wrong).__name__}: {wrong}", flush=True)


def tick(here: World) -> None:
    """One look at the clock."""
    operation = here.next_end()
    if operation is not None and time.monotonic() - operation.wall_started >= operation.seconds * here.clock.pace:
        here.clock.advance_to(operation.ends)
    retry = min(here.retries, key=lambda delivery: delivery.due, default=None)
    if retry is not None and time.monotonic() >= retry.wall_due:
        here.clock.advance_to(retry.due)
    here.settle()


def _invocation(environ: dict[str, Any], region: str, endpoint: str) -> Invocation:
    header = environ.get
    return Invocation(
        region,
        endpoint,
        _body(environ),
        header("CONTENT_TYPE") or "",
        header("HTTP_X_AMZN_SAGEMAKER_TARGET_VARIANT"),
        header("HTTP_X_AMZN_SAGEMAKER_INFERENCE_ID"),
        header("HTTP_X_AMZN_SAGEMAKER_CUSTOM_ATTRIBUTES"),
    )


def _body(environ: dict[str, Any]) -> bytes:
    return environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))


def _respond(start: StartResponse, reply: Reply) -> Iterable[bytes]:
    headers = [*reply.headers.items(), ("Content-Length", str(len(reply.body)))]
    start(f"{reply.status} {_PHRASES.get(reply.status, 'Error')}", headers)
    return [reply.body]
