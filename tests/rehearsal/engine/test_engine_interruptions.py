"""Runs killed in the middle of a call: nothing stays locked, and the next run finds out what had happened."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from rehearsal.engine import DeploymentSummary, OperationFailed

ROOT = Path(__file__).parents[3]

CHILD = """
import json, sys
from pathlib import Path
from rehearsal.engine import Stack

given, action = json.loads(sys.argv[1]), sys.argv[2]
program, state = Path(given["program"]), Path(given["state"])
stack = Stack("test", "dev", program, state, given["config"], reloaded_packages=("dyn",))
getattr(stack, action)()
"""

KILLER = """
import os, signal
from pathlib import Path

def die_in(call, before=False):
    from dyn import P
    real = getattr(P, call)
    def dying(self, *args):
        if not before:
            real(self, *args)
        os.kill(os.getpid(), signal.SIGKILL)
    setattr(P, call, dying)
"""


@pytest.fixture(autouse=True)
def _killer(program: Any) -> None:
    (program.folder / "killer.py").write_text(KILLER)


def run_until_killed(program: Any, stage: int, action: str = "up") -> None:
    """Runs an action in a process of its own, which kills itself on the way."""
    stack = {"program": str(program.folder), "state": str(program.state), "config": {"test:stage": str(stage)}}
    command = [sys.executable, "-c", CHILD, json.dumps(stack), action]
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()


def ops(summary: DeploymentSummary) -> dict[str, str]:
    return {step.name: step.op for step in summary.steps if "pulumi:pulumi:Stack" not in step.urn}


def store(program: Any) -> dict[str, str]:
    return json.loads(program.store.read_text())


def test_a_create_that_cannot_be_found_is_made_again(program: Any) -> None:
    program.write("""
        import killer
        a = D("a", "a", "1")
        def arm(value):
            if stage == 1:
                killer.die_in("create")
            return "k"
        D("d", a.made.apply(arm), "1")
    """)
    run_until_killed(program, 1)
    summary = program.stack(2).up()
    assert ops(summary) == {"a": "same", "d": "create"}
    assert summary.notes[0].endswith("an interrupted create left nothing that can be found")
    assert program.stack(2).up().changed_steps == ()


def test_an_update_is_made_again_even_if_the_program_went_back(program: Any) -> None:
    program.write("""
        import killer
        killer.die_in("update") if stage == 2 else None
        D("d", "k", {1: "1", 2: "2", 3: "1"}[stage])
    """)
    program.stack(1).up()
    run_until_killed(program, 2)
    assert store(program) == {"k": "2"}
    assert ops(program.stack(3).preview()) == {"d": "update"}
    assert ops(program.stack(3).up()) == {"d": "update"}
    assert store(program) == {"k": "1"}
    assert program.stack(3).up().changed_steps == ()


def test_a_delete_that_had_happened_is_not_made_again(program: Any) -> None:
    program.write("""
        import killer
        D("stays", "stays", "1")
        if stage == 2:
            killer.die_in("delete")
        if stage == 1:
            D("d", "k", "1")
    """)
    program.stack(1).up()
    run_until_killed(program, 2)
    summary = program.stack(3).up()
    assert ops(summary) == {"stays": "same"}
    assert summary.notes[0].endswith("an interrupted delete had deleted it")


def test_a_delete_that_had_not_happened_is_made(program: Any) -> None:
    program.write("""
        import killer
        if stage == 2:
            killer.die_in("delete", before=True)
        if stage == 1:
            D("d", "k", "1")
    """)
    program.stack(1).up()
    run_until_killed(program, 2)
    assert ops(program.stack(3).up()) == {"d": "delete"}
    assert store(program) == {}


def test_an_aws_object_left_by_a_killed_create_is_adopted(program: Any, aws: Callable[..., Any]) -> None:
    program.write("""
        import signal
        import pulumi_aws
        from rehearsal.engine import providers
        if stage == 1 and not pulumi.runtime.is_dry_run():
            real = providers.AwsResourceType.create
            def dying(self, props):
                real(self, props)
                os.kill(os.getpid(), signal.SIGKILL)
            providers.AwsResourceType.create = dying
        pulumi_aws.sns.Topic("t", tags={"a": "1"})
    """)
    run_until_killed(program, 1)
    (left,) = aws("sns").list_topics()["Topics"]
    summary = program.stack(2).up()
    assert ops(summary) == {"t": "update"}
    assert "left by an interrupted create" in summary.notes[0]
    assert aws("sns").list_topics()["Topics"] == [left]
    assert program.stack(2).up().changed_steps == ()
    program.stack(2).destroy()
    assert aws("sns").list_topics()["Topics"] == []


def test_a_kill_after_the_new_object_keeps_both_until_the_old_one_is_deleted(program: Any) -> None:
    program.write("""
        import killer
        killer.die_in("delete", before=True) if stage == 2 else None
        D("d", f"k{min(stage, 2)}", "1")
    """)
    program.stack(1).up()
    run_until_killed(program, 2)
    assert store(program) == {"k1": "1", "k2": "1"}
    summary = program.stack(3).up()
    assert [(s.op, s.name) for s in summary.changed_steps] == [("delete-replaced", "d")]
    assert store(program) == {"k2": "1"}


@contextmanager
def delete_first(program: Any, line: str) -> Iterator[None]:
    """To the end of the block, this line begins the provider's delete."""
    file, head = program.folder / "dyn.py", "    def delete(self, id_, props):\n"
    source = file.read_text()
    file.write_text(source.replace(head, f"{head}        {line}\n"))
    try:
        yield
    finally:
        file.write_text(source)


def test_a_killed_destroy_is_finished_by_the_next(program: Any) -> None:
    program.write('D("a", "a", "1"); D("b", "b", "1")')
    program.stack(1).up()
    with delete_first(program, "id_ == 'a' and os.kill(os.getpid(), 9)"):
        run_until_killed(program, 1, "destroy")
    program.stack(1).destroy()
    assert store(program) == {}
    assert json.loads(program.state.read_text())["resources"] == []


def test_a_destroy_that_fails_half_way_says_to_run_it_again(program: Any) -> None:
    program.write('a = D("a", "a", "1"); D("b", "b", "1", opts=ResourceOptions(depends_on=[a]))')
    program.stack(1).up()
    with (
        delete_first(program, "if id_ == 'a': raise RuntimeError('it is held')"),
        pytest.raises(OperationFailed, match=r"it is held[\s\S]*run destroy again") as failed,
    ):
        program.stack(1).destroy()
    assert "run destroy again" in failed.value.errors[-1]
    program.stack(1).destroy()
    assert store(program) == {}


def test_a_journal_whose_last_line_was_cut_off_is_read_up_to_it(program: Any) -> None:
    program.write('D("a", "a", "1")')
    program.stack(1).up()
    program.state.with_name("dev.json.journal").write_text('{"outputs":{"x":1}}\n{"begin":"crea')
    assert program.stack(1).up().changed_steps == ()
    assert not program.state.with_name("dev.json.journal").exists()


def test_ctrl_c_is_the_hosts_whatever_the_program_makes_of_it(program: Any) -> None:
    program.write("""
        import signal
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        D("a", "a", "1")
        if stage == 1:
            os.kill(os.getpid(), signal.SIGINT)
    """)
    # A shell's background jobs ignore the signal, and so do the tests that one of them runs.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            program.stack(1).up()
    finally:
        signal.signal(signal.SIGINT, before)
    assert ops(program.stack(2).up())["a"] == "create"
