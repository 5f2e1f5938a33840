"""The simulator as a process: its port, its clock, and that nothing of it stays behind."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import boto3
import pytest

from simulator.clock import ManualClock, SharedClock
from simulator.control import ControlError
from simulator.session import PortInUse, Rehearsal
from tests.simulator.aws.account import TRUST, zipped

STARTER = """
import os, sys, time
from pathlib import Path
from simulator.session import Rehearsal
with Rehearsal(Path(sys.argv[1])) as rehearsal:
    print(rehearsal.url, rehearsal._process.pid, flush=True)
    time.sleep(600)
"""


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_a_rehearsal_serves_aws_and_leaves_nothing_behind(tmp_path: Path) -> None:
    with Rehearsal(tmp_path) as rehearsal:
        environment = rehearsal.env
        given = {
            "endpoint_url": environment["AWS_ENDPOINT_URL"],
            "region_name": environment["AWS_REGION"],
            "aws_access_key_id": environment["AWS_ACCESS_KEY_ID"],
            "aws_secret_access_key": environment["AWS_SECRET_ACCESS_KEY"],
        }
        source = "import os\ndef handler(e, c):\n    return os.getpid()\n"
        role = boto3.client("iam", **given).create_role(RoleName="r", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
        functions = boto3.client("lambda", **given)
        functions.create_function(
            FunctionName="who",
            Runtime="python3.12",
            Role=role,
            Handler="handler.handler",
            Code={"ZipFile": zipped({"handler.py": source})},
        )
        worker = int(functions.invoke(FunctionName="who")["Payload"].read())
        sagemaker = boto3.client("sagemaker", **given)
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


def test_a_killed_starter_takes_the_simulator_with_it(tmp_path: Path) -> None:
    starter = subprocess.Popen(
        [sys.executable, "-c", STARTER, str(tmp_path)], stdout=subprocess.PIPE, text=True, cwd=Path.cwd()
    )
    assert starter.stdout is not None
    server = int(starter.stdout.readline().split()[1])
    starter.send_signal(signal.SIGKILL)
    starter.wait()
    starter.stdout.close()

    end = time.monotonic() + 20
    while alive(server) and time.monotonic() < end:
        time.sleep(0.05)
    assert not alive(server)


def test_a_port_in_use_is_a_sentence(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(PortInUse, match=f"Port {port} of this machine is in use; stop what uses it"):
            Rehearsal(tmp_path, port).__enter__()


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
