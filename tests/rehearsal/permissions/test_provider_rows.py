"""Of every resource type that the program can register, it is written down what the real provider asks besides."""

from __future__ import annotations

import ast
import importlib
import inspect
from collections.abc import Iterator
from pathlib import Path

import pulumi
import pulumi_aws
import pytest

import components
from rehearsal.permissions.provider_actions import NO_EXTRA_ACTIONS, TYPE_PERMISSIONS

ROOT = Path(components.__file__).parent


def _find_written_types() -> set[str]:
    """`aws.sns.Topic` and the like in the program's source: no one stack registers all of them."""
    found = (
        ast.unparse(node.func)
        for path in ROOT.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
    )
    return {name for name in found if name.startswith("aws.") and _is_resource(name)}


def _class(name: str) -> type:
    _, module, kind = name.split(".")
    return getattr(getattr(pulumi_aws, module), kind)


def _is_resource(name: str) -> bool:
    found = _class(name) if name.count(".") == 2 else None
    return inspect.isclass(found) and issubclass(found, pulumi.CustomResource)


def _dynamic() -> Iterator[str]:
    for path in ROOT.rglob("*.py"):
        importlib.import_module(".".join(path.relative_to(ROOT.parent).with_suffix("").parts))
    for kind in pulumi.dynamic.Resource.__subclasses__():
        if kind.__module__.startswith("components."):
            yield f"dynamic.{kind.__name__}"


def _list_registered_types() -> set[str]:
    return {name.replace("lambda_", "lambda") for name in _find_written_types()} | set(_dynamic())


def test_every_type_has_a_row_or_needs_none() -> None:
    assert not TYPE_PERMISSIONS.keys() & NO_EXTRA_ACTIONS
    assert _list_registered_types() == TYPE_PERMISSIONS.keys() | NO_EXTRA_ACTIONS


@pytest.mark.parametrize("name", sorted(_find_written_types()))
def test_what_can_carry_tags_has_a_row_that_reads_and_changes_them(name: str) -> None:
    """The provider lists them at each read, and `aws:defaultTags` puts some on all of them. Slack channels list theirs
    by a call that takes no resource, which the story has."""
    if "tags" not in inspect.signature(_class(name)._internal_init).parameters:  # type: ignore[attr-defined]
        return
    row = TYPE_PERMISSIONS[name.replace("lambda_", "lambda")]
    assert any("untag" in one.lower() or "DeleteTags" in one or "Tagging" in one for one in row.writes)
    reads = any("Tag" in one or one in ("iam:GetRole", "lambda:GetFunctionConfiguration") for one in row.reads)
    assert reads or name == "aws.chatbot.SlackChannelConfiguration"
