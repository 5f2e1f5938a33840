from __future__ import annotations

import copy
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from simulator.aws.copies import CopyBroken, begin, ended, own_world
from tests.stacks.rehearsed import Rehearsed, rehearsed


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """A test that is marked on_a_copy changes what is deployed in a copy of this process, and nowhere else."""
    if pyfuncitem.get_closest_marker("on_a_copy") is None:
        return None
    given = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    try:
        ended(*begin(lambda: pyfuncitem.obj(**_copied(given))))
    except CopyBroken as failed:
        pytest.fail(str(failed), pytrace=False)
    return True


def _copied(given: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a test with a clock and a folder of this process."""
    clock = own_world()
    for one in given.values():
        if isinstance(one, Rehearsed):
            one.clock, folder = clock, one.home.with_name(f"{one.home.name}-{os.getpid()}")
            shutil.copytree(one.home, folder)
            one.home = folder
    return given


@contextmanager
def undeployed(home: Path) -> Iterator[Rehearsed]:
    """The rehearsal's stack, not deployed yet. Events and the sweep start no process: a test calls `roll_back`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("simulator.aws.lambda_api._run_beside", lambda here, work: None)  # noqa: ARG005
        patch.delenv("AWS_ENDPOINT_URL", raising=False)
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        with rehearsed(home) as one:
            yield one


def _publish(stack: Rehearsed) -> Rehearsed:
    stack.up(preview=False)
    for version in ("1", "2", "3"):
        stack.publish(version)
    return stack


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Rehearsed]:
    """The rehearsal's stack, not deployed yet."""
    with undeployed(tmp_path) as one:
        yield one


@pytest.fixture
def published(stack: Rehearsed) -> Rehearsed:
    """The stack, deployed without variants, with three versions in its registry."""
    return _publish(stack)


@pytest.fixture
def canary(published: Rehearsed) -> Rehearsed:
    """Blue serves version 1, green version 2 at five percent."""
    published.serve(blue=("1", 95), green=("2", 5)).up(preview=False)
    return published


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rehearsed]:
    """One canary for a module whose tests leave it as it was."""
    with undeployed(tmp_path_factory.mktemp("deployed")) as one:
        _publish(one).serve(blue=("1", 95), green=("2", 5)).up(preview=False)
        yield one


@pytest.fixture
def standing(deployed: Rehearsed) -> Iterator[Rehearsed]:
    """The module's canary; edits of the config are taken back after the test."""
    config = copy.deepcopy(deployed.config)
    yield deployed
    deployed.config = config
