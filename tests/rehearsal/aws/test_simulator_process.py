"""The simulator as a process: its port, its clock, and that nothing of it stays behind."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from rehearsal.control_client import ControlError
from rehearsal.simulated_clock import ManualClock, SharedClock
from rehearsal.simulator_process import PortInUse, SimulatorProcess
from tests.aws_clients import make_client
from tests.rehearsal.aws.account import TRUST, zip_function

STARTER = """
import json, sys, time
from pathlib import Path
from rehearsal.simulator_process import SimulatorProcess
with SimulatorProcess(Path(sys.argv[1])) as rehearsal:
    print(json.dumps({**rehearsal.env, "server": rehearsal._process.pid}), flush=True)
    time.sleep(600)
"""
COPY = """
import time
from rehearsal.aws.forking import fork
pid, reading = fork(lambda: time.sleep(600))
print(pid, flush=True)
time.sleep(600)
"""
LOST = r"""
import os, re
def handler(event, context):
    with open(event, "w") as told:
        told.write(str(os.getpid()))
    re.match(r"(1+)+$", "1" * 60 + "x")
"""
"""A function lost for years in a regular expression, beside which no thread of its process gets a turn."""
SHOWING = "import os\ndef handler(e, c):\n    return dict(os.environ)\n"
WITHIN = 20.0
"""Wall seconds in which the kernel ends what has lost its parent."""


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_a_rehearsal_serves_aws_and_leaves_nothing_behind(tmp_path: Path) -> None:
    with SimulatorProcess(tmp_path) as rehearsal:
        environment = rehearsal.env
        given = {
            "endpoint_url": environment["AWS_ENDPOINT_URL"],
            "region_name": environment["AWS_REGION"],
            "aws_access_key_id": environment["AWS_ACCESS_KEY_ID"],
            "aws_secret_access_key": environment["AWS_SECRET_ACCESS_KEY"],
        }
        source = "import os\ndef handler(e, c):\n    return os.getpid()\n"
        role = make_client("iam", **given).create_role(RoleName="r", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
        functions = make_client("lambda", **given)
        functions.create_function(
            FunctionName="who",
            Runtime="python3.12",
            Role=role,
            Handler="handler.handler",
            Code={"ZipFile": zip_function({"handler.py": source})},
        )
        worker = int(functions.invoke(FunctionName="who")["Payload"].read())
        sagemaker = make_client("sagemaker", **given)
        sagemaker.create_model(ModelName="m", ExecutionRoleArn=role, PrimaryContainer={"Image": "i"})
        variants = [{"VariantName": "v", "ModelName": "m", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}]
        sagemaker.create_endpoint_config(EndpointConfigName="c", ProductionVariants=variants)
        sagemaker.create_endpoint(EndpointName="e", EndpointConfigName="c")
        rehearsal.control.advance(300)
        status = sagemaker.describe_endpoint(EndpointName="e")["EndpointStatus"]
        with pytest.raises(ControlError, match="There is no fault 'flood'"):
            rehearsal.control.inject("flood")
        rehearsal.control.reset()
        left = sagemaker.list_endpoints()["Endpoints"]

    assert (status, left) == ("InService", [])
    assert not alive(worker)


def ends(pid: int) -> bool:
    end = time.monotonic() + WITHIN
    while alive(pid) and time.monotonic() < end:
        time.sleep(0.02)
    return not alive(pid)


@contextmanager
def start_process(source: str, *arguments: str, **env: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A process of its own, and the line that it says first."""
    command = [sys.executable, "-c", source, *arguments]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, cwd=Path.cwd(), env={**os.environ, **env}
    ) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout.readline()
        finally:
            process.kill()


def function(environment: Mapping[str, str], source: str) -> Any:
    """A client of Lambda with one function, `it`."""
    given: dict[str, Any] = {
        "endpoint_url": environment["AWS_ENDPOINT_URL"],
        "region_name": environment["AWS_REGION"],
        "aws_access_key_id": environment["AWS_ACCESS_KEY_ID"],
        "aws_secret_access_key": environment["AWS_SECRET_ACCESS_KEY"],
    }
    role = make_client("iam", **given).create_role(RoleName="r", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
    functions = make_client("lambda", **given)
    code = {"ZipFile": zip_function({"handler.py": source})}
    functions.create_function(
        FunctionName="it", Runtime="python3.12", Role=role, Handler="handler.handler", Code=code, Timeout=600
    )
    return functions


@pytest.mark.parametrize("killed", ["starter", "server"])
def test_whoever_is_killed_takes_with_it_what_it_started_whatever_that_does(killed: str, tmp_path: Path) -> None:
    with start_process(STARTER, str(tmp_path)) as (starter, said):
        environment = json.loads(said)
        server, told = int(environment["server"]), tmp_path / "told"
        functions = function(environment, LOST)
        functions.invoke(FunctionName="it", InvocationType="Event", Payload=json.dumps(str(told)).encode())
        end = time.monotonic() + WITHIN
        while not (told.exists() and told.read_text()) and time.monotonic() < end:
            time.sleep(0.02)
        worker = int(told.read_text())
        os.kill({"starter": starter.pid, "server": server}[killed], signal.SIGKILL)
        assert ends(worker)
        assert killed != "starter" or ends(server)


def test_a_copy_of_a_killed_process_ends() -> None:
    with start_process(COPY) as (process, said):
        copy = int(said)
        assert alive(copy)
        process.kill()
        assert ends(copy)


def test_neither_the_server_nor_a_function_finds_what_the_user_has_in_the_environment(tmp_path: Path) -> None:
    """Tokens have any name: what is passed on is listed."""
    hidden = {"AWS_SESSION_TOKEN": "s3cr3t", "AWS_PROFILE": "s3cr3t", "PULUMI_ACCESS_TOKEN": "s3cr3t", "PIN": "s3cr3t"}
    with start_process(STARTER, str(tmp_path), **hidden) as (_, said):
        environment = json.loads(said)
        held = Path(f"/proc/{environment['server']}/environ")
        server = held.read_text() if held.exists() else ""
        worker = json.load(function(environment, SHOWING).invoke(FunctionName="it")["Payload"])
    assert "s3cr3t" not in server
    assert "s3cr3t" not in worker.values()
    assert environment["AWS_SECRET_ACCESS_KEY"] not in {*worker.values(), *server.split("\0")}
    assert worker["AWS_SHARED_CREDENTIALS_FILE"] == os.devnull


def test_a_port_in_use_is_a_sentence(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(PortInUse, match=f"Port {port} of this machine is in use; stop what uses it"):
            SimulatorProcess(tmp_path, port).__enter__()


def test_processes_that_map_the_same_clock_see_it_move(tmp_path: Path) -> None:
    first = SharedClock.create(tmp_path / "clock")
    second = SharedClock(tmp_path / "clock")
    before = second.now()
    first.advance(3600)
    first.advance_to(before)

    assert 3600 <= (second.now() - before).total_seconds() < 3660
    with pytest.raises(ValueError, match="cannot go back"):
        first.advance(-1)


def test_a_clock_that_stands_still_moves_by_what_is_slept_in_any_process(tmp_path: Path) -> None:
    clock = ManualClock(path=tmp_path / "clock")
    before = clock.now()
    SharedClock(tmp_path / "clock").sleep(5)
    clock.sleep(2)

    assert (clock.now() - before).total_seconds() == pytest.approx(7)
