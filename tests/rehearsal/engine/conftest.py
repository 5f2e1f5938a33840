"""A simulated AWS, and stacks written by the test that deploys them."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rehearsal.engine import Stack
from tests.aws_clients import make_client

SERVER = """
import os, time
from moto.server import ThreadedMotoServer
parent = os.getppid()
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
while os.getppid() == parent:
    time.sleep(0.5)
"""


@pytest.fixture(scope="session")
def aws_server() -> Iterator[str]:
    """moto as it is, which the recordings were made against: in a process where the simulator has filled no gap."""
    with subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as server:
        assert server.stdout is not None
        yield f"http://127.0.0.1:{int(server.stdout.readline())}"
        server.kill()


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
    urllib.request.urlopen(urllib.request.Request(f"{aws_server}/moto-api/reset", method="POST")).close()
    return make_client


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
        return Stack("test", "dev", self.folder, self.state, config, reloaded_packages=("dyn",), **more)


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    made = Program(tmp_path)
    monkeypatch.setenv("TW_STORE", str(made.store))
    return made
