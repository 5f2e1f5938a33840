"""A stack's config as the program gets it: secrets and environments through the Pulumi CLI, where there is one."""

from __future__ import annotations

import functools
import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

SECURE = "secure"
NO_CLI = "the Pulumi CLI, which decrypts it, is not on PATH"
_STANDS_FOR = {"https": "https://unread.invalid", "email": "unread@unread.invalid"}


class Unread(str):
    """What stands where a secret could not be read: text of the right form, which nobody is to use."""


@dataclass(frozen=True)
class Resolved:
    """The values by their full keys. unread: the paths of what could not be read; why: the reason, as a clause."""

    values: Mapping[str, Any]
    secret: frozenset[str] = frozenset()
    unread: tuple[str, ...] = ()
    why: str = ""

    @property
    def note(self) -> str:
        """What could not be read, as a sentence; "" where all was."""
        return f"{', '.join(self.unread)} cannot be read here: {self.why}" if self.unread else ""


def resolved(document: Mapping[str, Any], stack: str, folder: Path | None) -> Resolved:
    """The config of a stack file. folder: the project's, in which the CLI is asked; None asks it nothing."""
    config = cast("Mapping[str, Any]", plain(document.get("config") or {}))
    secure = tuple(_secure(config))
    environments = document.get("environment")
    if not secure and not environments:
        return Resolved(config)
    told, why = _asked(stack, folder) if folder else ({}, "it is a rehearsal's")
    held = {key: _filled(value, _told(told, key), bool(environments)) for key, value in config.items()}
    if environments:
        held = {**{key: _told(told, key) for key in told}, **held}
    unread = list(_unread(held))
    if environments and why:
        unread.append(f"the environment {_named(environments)}")
    secret = {path.partition(".")[0] for path in secure} | {key for key, one in told.items() if one.get("secret")}
    return Resolved(held, frozenset(secret), tuple(unread), why)


def plain(value: Any) -> Any:
    """A document's part without its comments and styles."""
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in cast("Mapping[Any, Any]", value).items()}
    return [plain(one) for one in cast("list[Any]", value)] if isinstance(value, list) else value


@functools.cache
def _asked(stack: str, folder: Path) -> tuple[dict[str, Any], str]:
    """What the CLI says of each key, or why it says nothing."""
    if shutil.which("pulumi") is None:
        return {}, NO_CLI
    command = ["pulumi", "config", "--show-secrets", "--json", "--stack", stack, "--non-interactive"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)  # nosec B603 # no shell
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().removeprefix("error: ") or f"exit code {done.returncode}"
        return {}, f"`pulumi config` says: {said.splitlines()[0]}"
    try:
        return json.loads(done.stdout or "{}"), ""
    except json.JSONDecodeError:
        return {}, "`pulumi config --json` wrote something else than JSON"


def _told(told: Mapping[str, Any], key: str) -> Any:
    """A key's value as the CLI gives it: an object beside its text."""
    one = told.get(key) or {}
    return one.get("objectValue", one.get("value"))


def _is_secure(value: Any) -> bool:
    return isinstance(value, Mapping) and value.keys() == {SECURE}


def _secure(value: Any, path: str = "") -> Iterator[str]:
    """The paths of the secure values in a part of the file."""
    if _is_secure(value):
        yield path
    elif isinstance(value, Mapping):
        for key, one in cast("Mapping[str, Any]", value).items():
            yield from _secure(one, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for number, one in enumerate(cast("list[Any]", value)):
            yield from _secure(one, f"{path}.{number}")


def _filled(value: Any, told: Any, more: bool, key: str = "") -> Any:
    """The file's value with what the CLI tells of its secrets; more: with what an environment adds to it, too."""
    if _is_secure(value):
        return Unread(_STANDS_FOR.get(key, "unread")) if told is None or _is_secure(told) else told
    if isinstance(value, Mapping):
        known = cast("Mapping[str, Any]", told if isinstance(told, Mapping) else {})
        held = cast("Mapping[str, Any]", value)
        added = {name: one for name, one in known.items() if name not in held} if more else {}
        return {**added, **{name: _filled(one, known.get(name), more, name) for name, one in held.items()}}
    if isinstance(value, list):
        entries, known = cast("list[Any]", value), cast("list[Any]", told if isinstance(told, list) else [])
        return [_filled(one, known[n] if n < len(known) else None, more) for n, one in enumerate(entries)]
    return value


def _unread(value: Any, path: str = "") -> Iterator[str]:
    if isinstance(value, Unread):
        yield path
    elif isinstance(value, Mapping):
        for key, one in cast("Mapping[str, Any]", value).items():
            yield from _unread(one, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for number, one in enumerate(cast("list[Any]", value)):
            yield from _unread(one, f"{path}.{number}")


def _named(environments: Any) -> str:
    """The names under `environment:`, which lists some or has their imports; one of its own has none."""
    listed = environments.get("imports", []) if isinstance(environments, Mapping) else environments
    names = [str(one) for one in (listed if isinstance(listed, list) else [listed])]
    return " and ".join(names) or "of the stack file"
