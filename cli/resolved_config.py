"""A stack's config as the program receives it: the Pulumi CLI, if installed, adds secrets and environments."""

from __future__ import annotations

import functools
import json
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

SECURE = "secure"
NO_CLI = "the Pulumi CLI, which decrypts it, is not on PATH"
SecretValues = tuple[Mapping[str, Any], str]
"""The value of each key with its secrets, and ""; or no values and the reason, as a clause."""
_PLACEHOLDERS = {"https": "https://unread.invalid", "email": "unread@unread.invalid"}


class UnreadableSecret(str):
    """A placeholder for a secret that could not be read: text in the right form that nothing must use."""


@dataclass(frozen=True)
class ResolvedConfig:
    """The config's values, and which of them could not be read."""

    values: Mapping[str, Any]
    """The values by their full keys."""
    secret_keys: frozenset[str] = frozenset()
    """The keys that contain a secret."""
    unreadable_paths: tuple[str, ...] = ()
    """The paths of what could not be read."""
    reason: str = ""
    """Why it could not be read, as a clause."""

    @property
    def note(self) -> str:
        """A sentence on what could not be read; "" if everything was read."""
        return f"{', '.join(self.unreadable_paths)} cannot be read here: {self.reason}" if self.unreadable_paths else ""


def resolve_config(document: Mapping[str, Any], read_secrets: Callable[[], SecretValues]) -> ResolvedConfig:
    """Returns the config of a stack file; calls `read_secrets` only if the file has secrets or environments."""
    config = cast("Mapping[str, Any]", to_builtin(document.get("config") or {}))
    secure = tuple(_find_secure_paths(config))
    environments = document.get("environment")
    if not secure and not environments:
        return ResolvedConfig(config)
    cli_values, reason = read_secrets()
    values = {
        key: _fill_secrets(value, _get_cli_value(cli_values, key), bool(environments)) for key, value in config.items()
    }
    if environments:
        values = {**{key: _get_cli_value(cli_values, key) for key in cli_values}, **values}
    unreadable_paths = list(_find_unreadable_paths(values))
    if environments and reason:
        unreadable_paths.append(f"the environment {_format_environments(environments)}")
    secret = {path.partition(".")[0] for path in secure} | {
        key for key, entry in cli_values.items() if entry.get("secret")
    }
    return ResolvedConfig(values, frozenset(secret), tuple(unreadable_paths), reason)


def to_builtin(value: Any) -> Any:
    """Returns a part of the document without its comments and styles."""
    if isinstance(value, Mapping):
        return {str(key): to_builtin(item) for key, item in cast("Mapping[Any, Any]", value).items()}
    return [to_builtin(item) for item in cast("list[Any]", value)] if isinstance(value, list) else value


@functools.cache
def read_secrets(stack: str, project: Path) -> SecretValues:
    """Returns the values that the CLI prints when it runs in the project's folder, or why there are none."""
    if shutil.which("pulumi") is None:
        return {}, NO_CLI
    command = ["pulumi", "config", "--show-secrets", "--json", "--stack", stack, "--non-interactive"]
    result = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)  # nosec B603 # no shell
    if result.returncode != 0:
        message = (result.stderr or result.stdout).strip().removeprefix("error: ") or f"exit code {result.returncode}"
        return {}, f"`pulumi config` failed: {message.splitlines()[0]}"
    try:
        return json.loads(result.stdout or "{}"), ""
    except json.JSONDecodeError:
        return {}, "`pulumi config --json` did not print JSON"


def _get_cli_value(cli_values: Mapping[str, Any], key: str) -> Any:
    """Returns a key's value from the CLI's answer, which gives an object next to its text."""
    entry = cli_values.get(key) or {}
    return entry.get("objectValue", entry.get("value"))


def _is_secure(value: Any) -> bool:
    return isinstance(value, Mapping) and value.keys() == {SECURE}


def _find_secure_paths(value: Any, path: str = "") -> Iterator[str]:
    """Yields the paths of the secure values in a part of the file."""
    if _is_secure(value):
        yield path
    elif isinstance(value, Mapping):
        for key, item in cast("Mapping[str, Any]", value).items():
            yield from _find_secure_paths(item, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for index, item in enumerate(cast("list[Any]", value)):
            yield from _find_secure_paths(item, f"{path}.{index}")


def _fill_secrets(value: Any, cli_value: Any, add_missing: bool, key: str = "") -> Any:
    """Returns the file's value with the secrets from the CLI.

    With `add_missing`, also with what an environment adds.
    """
    if _is_secure(value):
        return (
            UnreadableSecret(_PLACEHOLDERS.get(key, "unread"))
            if cli_value is None or _is_secure(cli_value)
            else cli_value
        )
    if isinstance(value, Mapping):
        cli_mapping = cast("Mapping[str, Any]", cli_value if isinstance(cli_value, Mapping) else {})
        mapping = cast("Mapping[str, Any]", value)
        added = {name: item for name, item in cli_mapping.items() if name not in mapping} if add_missing else {}
        return {
            **added,
            **{name: _fill_secrets(item, cli_mapping.get(name), add_missing, name) for name, item in mapping.items()},
        }
    if isinstance(value, list):
        entries, cli_items = (
            cast("list[Any]", value),
            cast("list[Any]", cli_value if isinstance(cli_value, list) else []),
        )
        return [
            _fill_secrets(item, cli_items[index] if index < len(cli_items) else None, add_missing)
            for index, item in enumerate(entries)
        ]
    return value


def _find_unreadable_paths(value: Any, path: str = "") -> Iterator[str]:
    if isinstance(value, UnreadableSecret):
        yield path
    elif isinstance(value, Mapping):
        for key, item in cast("Mapping[str, Any]", value).items():
            yield from _find_unreadable_paths(item, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for index, item in enumerate(cast("list[Any]", value)):
            yield from _find_unreadable_paths(item, f"{path}.{index}")


def _format_environments(environments: Any) -> str:
    """Returns the names under `environment:`, which is a list or has imports; an inline environment has no name."""
    imports = environments.get("imports", []) if isinstance(environments, Mapping) else environments
    names = [str(item) for item in (imports if isinstance(imports, list) else [imports])]
    return " and ".join(names) or "of the stack file"
