"""Stacks that are deployed once a process and copied into a new account for each test that needs one."""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.account_image import AccountImage
from tests.stacks.deployed_program import DeployedProgram, changes, rehearsal_config, rehearse_program


@dataclass(frozen=True)
class StackImage:
    """A deployed stack: its account, the files beside its state, and its config."""

    account: AccountImage
    files: Mapping[str, bytes]
    name: str
    config: Mapping[str, Any]
    secrets: frozenset[str]

    @classmethod
    def take(cls, stack: DeployedProgram) -> StackImage:
        files = {path.name: path.read_bytes() for path in stack.folder.iterdir()}
        return cls(AccountImage.take(), files, stack.name, copy.deepcopy(stack.config), stack.secrets)

    @contextmanager
    def restore(self, home: Path) -> Iterator[DeployedProgram]:
        """The stack in an account of its own, its state in `home`."""
        with prepare_program(home) as stack:
            self.account.restore()
            for name, content in self.files.items():
                (home / name).write_bytes(content)
            stack.name, stack.config, stack.secrets = self.name, copy.deepcopy(dict(self.config)), self.secrets
            yield stack


@contextmanager
def prepare_program(home: Path) -> Iterator[DeployedProgram]:
    """The rehearsal's stack, not deployed yet. Events and the sweep start no process: a test calls `roll_back`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rehearsal.aws.lambda_.api._run_in_thread", lambda here, work: None)  # noqa: ARG005
        patch.delenv("AWS_ENDPOINT_URL", raising=False)
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        with rehearse_program(home) as one:
            yield one


@cache
def published_image() -> StackImage:
    """The stack without variants, with three versions in its registry."""
    with tempfile.TemporaryDirectory() as home, prepare_program(Path(home)) as stack:
        stack.up(preview=False)
        for version in ("1", "2", "3"):
            stack.publish(version)
        return StackImage.take(stack)


@cache
def canary_image() -> StackImage:
    """Blue serves version 1, green version 2 at five percent."""
    image = published_image()
    with tempfile.TemporaryDirectory() as home, image.restore(Path(home)) as stack:
        stack.serve(blue=("1", 95), green=("2", 5)).up(preview=False)
        return StackImage.take(stack)


@cache
def production_image() -> StackImage:
    """The stack `prod` with its own file's config: blue serves version 1, green version 2 at five percent."""
    with tempfile.TemporaryDirectory() as home, prepare_program(Path(home)) as stack:
        stack.name, stack.config = "prod", rehearsal_config("prod")
        stack.up()
        assert changes(stack.up()) == set()
        for version in ("1", "2"):
            stack.publish(version)
        stack.serve(blue=("1", 100)).up()
        stack.serve(blue=("1", 95), green=("2", 5)).up()
        return StackImage.take(stack)
