"""Plays scenarios on the engine that were recorded with the Pulumi CLI 3.260, and compares every step.

Each recording holds, per command: operations, success, errors, stack outputs, which outputs are secret, and URNs.
Compared are all of these but the wording of errors. Two things differ and are left out, narrowly: beside a duplicate
URN the CLI stops before it reports what it did with the first of the two, and in a preview the CLI shows neither
`same` steps nor those of deletions after a replacement.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from rehearsal.engine import DeploymentSummary, OperationFailed, Stack, providers
from rehearsal.engine.serialization import has_secret, reveal_secrets
from rehearsal.engine.state import State
from rehearsal.engine.state_file import StateFile

HERE = Path(__file__).parent / "conformance"
STAGES = {"hashes": 4, "basics": 5, "archives": 4, "aliases": 4, "unknown_type": 1, "init_failed": 5} | dict.fromkeys(
    ("ignoring", "failing", "bad_check", "providers", "ordering", "reading", "default_diff", "components"), 3
)
ORDER = {"protecting": (1, 2, 4, 3, 5, 6), "drift": (1, 1, 1)}
SCENARIOS = sorted(path.stem for path in (HERE / "recorded").glob("*.json"))


@dataclass(frozen=True)
class Command:
    program_stage: int
    action: str


def commands(scenario: str) -> Iterator[Command]:
    stages = ORDER.get(scenario) or tuple(range(1, STAGES.get(scenario, 2) + 1))
    for number, stage in enumerate(stages):
        if scenario == "drift" and number == 1:
            yield Command(stage, "refresh")
        yield from (Command(stage, "preview"), Command(stage, "up"))
    yield Command(stages[-1], "destroy")


@dataclass(frozen=True)
class Seen:
    """What a command did, in the form of the recordings."""

    ops: frozenset[tuple[str, str]]
    ok: bool
    outputs: Any
    secret: list[str]
    urns: list[str]


def parse_recording(said: dict[str, Any], action: str) -> Seen:
    return Seen(
        operations(said["ops"], action), said["ok"], mask_random_ends(said["outputs"]), said["secret"], said["urns"]
    )


def run_action(stack: Stack, action: str) -> tuple[Seen, tuple[str, ...]]:
    actions: dict[str, Callable[[], DeploymentSummary]] = {
        "preview": stack.preview,
        "up": lambda: stack.up(preview=False),
        "refresh": stack.refresh,
        "destroy": stack.destroy,
    }
    errors: tuple[str, ...] = ()
    try:
        summary = actions[action]()
    except OperationFailed as failure:
        summary, errors = failure.summary, failure.errors
    state = State(StateFile(stack.state), dry=True)
    secret = [f"{r.name}.{k}" for r in state for k, v in r.outputs.items() if has_secret(v) and not k.startswith("__")]
    urns = [r.urn for r in state if not r.type.startswith("pulumi:providers:")]
    ops = operations([(step.op, step.urn) for step in summary.steps], action)
    return Seen(ops, not errors, mask_random_ends(reveal_secrets(state.outputs)), sorted(secret), sorted(urns)), errors


def operations(ops: list[Any], action: str) -> frozenset[tuple[str, str]]:
    """Without the stack and providers, which the CLI reports in its own way, and the halves of a replacement as one."""
    hidden = ("same", "delete-replaced") if action == "preview" else ()
    named = ((op.removeprefix("create-replacement") or "replace", urn.split("::", 2)[2]) for op, urn in ops)
    return frozenset(
        (op, name)
        for op, name in named
        if not name.startswith(("pulumi:pulumi:Stack::", "pulumi:providers:")) and op not in ("refresh", *hidden)
    )


def mask_random_ends(value: Any) -> Any:
    """With the random ends of automatic names alike."""
    return json.loads(re.sub(r"-[0-9a-f]{7}\b", "-XXXXXXX", json.dumps(value, sort_keys=True)))


def without_queue(token: str, settings: Any, name: str) -> Any:
    if token == "aws:sqs/queue:Queue":
        raise NotImplementedError(f"the simulator has no {token}")
    return providers.resolve_type(token, settings, name)


TYPES: Any = SimpleNamespace(
    ProviderSettings=providers.ProviderSettings, resolve_type=without_queue, invoke=providers.invoke
)
"""The table of the day of the recordings, when queues were the unknown type."""


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_scenario_goes_as_recorded_with_the_real_cli(
    scenario: str, aws: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = tmp_path / "store.json"
    monkeypatch.setenv("TW_STORE", str(store))
    shutil.copytree(HERE / "program", tmp_path / "program")
    aws("s3").create_bucket(Bucket="importing")
    recordings = json.loads((HERE / "recorded" / f"{scenario}.json").read_text())
    for command, recording in zip(commands(scenario), recordings, strict=True):
        if command.action == "refresh":
            store.write_text(json.dumps({"drift": "9"}))
            aws("sns").delete_topic(TopicArn="arn:aws:sns:us-east-1:123456789012:drifting")
        config = {"aws:region": "us-east-1", "tw:s": scenario, "tw:n": str(command.program_stage)}
        name = scenario.replace("_", "-")
        stack = Stack(
            "tw", name, tmp_path / "program", tmp_path / "state.json", config, types=TYPES, reloaded_packages=("dyn",)
        )
        mine, errors = run_action(stack, command.action)
        theirs = parse_recording(recording, command.action)
        at = f"{command}: {errors}"
        assert mine.ok == theirs.ok, at
        if (theirs.ok or command.action == "up") and not (scenario == "duplicate" and not theirs.ok):
            assert mine.ops == theirs.ops, at
        if command.action != "preview":
            assert (mine.secret, mine.urns) == (theirs.secret, theirs.urns), at
            assert mine.outputs == theirs.outputs, at
