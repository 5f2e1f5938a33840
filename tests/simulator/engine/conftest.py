"""A simulated AWS in this process, and stacks written by the test that deploys them."""

from __future__ import annotations

import logging
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.moto_api._internal import moto_api_backend
from moto.server import ThreadedMotoServer

from simulator.engine import Stack


@pytest.fixture(scope="session")
def aws_server() -> Iterator[str]:
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def aws(aws_server: str, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    """An empty AWS; makes clients."""
    for name, value in {
        "AWS_ENDPOINT_URL": aws_server,
        "AWS_ACCESS_KEY_ID": "rehearsal",
        "AWS_SECRET_ACCESS_KEY": "rehearsal",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    moto_api_backend.reset()
    return boto3.client


DYNAMIC = Path(__file__).parent / "conformance" / "program" / "dyn.py"

PREAMBLE = """
import pulumi, time, os
from pulumi import ComponentResource, Output, ResourceOptions, export
from dyn import D, Default
stage = pulumi.Config("test").get_int("stage") or 1
"""


class Program:
    """A program in a folder of its own, its state beside it, and the store its dynamic resources write."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.store = folder / "program", folder / "store.json"
        self.state = folder / "state" / "dev.json"
        self.folder.mkdir()
        (self.folder / "dyn.py").write_text(DYNAMIC.read_text())

    def write(self, source: str) -> None:
        (self.folder / "__main__.py").write_text(PREAMBLE + textwrap.dedent(source))

    def stack(self, stage: int = 1, **more: Any) -> Stack:
        config = {"test:stage": str(stage), "aws:region": "us-east-1", **more.pop("config", {})}
        return Stack("test", "dev", self.folder, self.state, config, forget=("dyn",), **more)


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    made = Program(tmp_path)
    monkeypatch.setenv("TW_STORE", str(made.store))
    return made
