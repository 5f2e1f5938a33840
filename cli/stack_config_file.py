"""Reads and edits Pulumi.<stack>.yaml: keeps comments and order, and shows every edit as a diff."""

from __future__ import annotations

import difflib
import functools
import io
from dataclasses import dataclass
from pathlib import Path

from rich.syntax import Syntax
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap

from cli.backend import get_backend
from cli.console import Console
from cli.errors import UserError
from cli.project import ROOT
from cli.resolved_config import ResolvedConfig, resolve_config
from stacks.config.settings import SettingsError, StackSettings, load
from stacks.config.yaml_parser import InvalidYaml, parse_yaml


@dataclass(frozen=True)
class StackConfigFile:
    """One stack's config file as it was read; `document` may be edited, `text` is what is on disk."""

    stack: str
    path: Path
    text: str
    document: CommentedMap

    @classmethod
    def of(cls, stack: str, root: Path | None = None) -> StackConfigFile:
        """Returns the stack's file in the checkout, or in `root`. Raises UserError if it is missing or not YAML."""
        root = root or ROOT
        path = get_backend(stack).find_stack_file(root)
        if not path.exists():
            known = sorted(p.name.split(".")[1] for p in root.glob("Pulumi.*.yaml"))
            raise UserError(f"there is no {path.name}: the stacks here are {', '.join(known)}")
        text = path.read_text()
        try:
            document = parse_yaml(text, _create_yaml())
        except InvalidYaml as error:
            raise UserError(f"{path.name} is not valid YAML: {error}") from error
        return cls(stack, path, text, document)

    @property
    def config(self) -> CommentedMap:
        """The `config:` section of the document."""
        return self.document.setdefault("config", CommentedMap())

    def ensure_section(self, key: str) -> CommentedMap:
        """Returns one object of the config, such as `tidewatch:variants`; creates it empty if it is missing."""
        if self.config.get(key) is None:
            self.config[key] = CommentedMap()
        return self.config[key]

    def resolve(self) -> ResolvedConfig:
        """Returns the config as edited so far, with its secrets and environments if they can be read."""
        return resolve_config(self.document, lambda: get_backend(self.stack).read_secrets(self.path.parent))

    def load_settings(self) -> StackSettings:
        """Returns the settings of the config as edited so far, validated as by the program.

        Raises UserError with every mistake. What could not be read counts as valid: a command that needs it reports
        that itself.
        """
        config = self.resolve()
        if config.note:
            _print_once(f"tidewatch: {self.path.name}: {config.note}")
        try:
            return load(config.values, self.stack, config.secret_keys)
        except SettingsError as error:
            raise UserError(f"{self.path.name}:\n{_format_mistakes(error, config)}") from error

    def diff(self) -> str:
        """Returns the change by the edit as a unified diff; empty if nothing changed."""
        file = self.path.relative_to(ROOT) if self.path.is_relative_to(ROOT) else self.path.name
        lines = difflib.unified_diff(
            self.text.splitlines(keepends=True), self._dump().splitlines(keepends=True), f"a/{file}", f"b/{file}"
        )  # fmt: skip
        return "".join(lines)

    def save(self) -> None:
        """Writes the edit whole or not at all."""
        partial = self.path.with_suffix(".partial")
        partial.write_text(self._dump())
        partial.replace(self.path)

    def _dump(self) -> str:
        out = io.StringIO()
        _create_yaml().dump(self.document, out)
        return out.getvalue()


def commit_edit(file: StackConfigFile, console: Console) -> None:
    """Validates the edit, writes it and prints what changed. It deploys nothing.

    Raises UserError if the file has mistakes, or must not be edited now.
    """
    backend = get_backend(file.stack)
    if refusal := backend.explain_edit_refusal():
        raise UserError(refusal)
    file.load_settings()
    diff = file.diff()
    if not diff:
        console.print(f"{file.path.name} already has these values: nothing to change")
        return
    file.save()
    if console.is_terminal:
        console.print(Syntax(diff, "diff", background_color="default"))
    else:
        console.print(diff, end="", highlight=False, soft_wrap=True)
    console.print(f"Nothing is applied yet: run `{backend.deploy_program} up --stack {file.stack}`", soft_wrap=True)


def _create_yaml() -> YAML:
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 4096
    yaml.brace_single_entry_mapping_in_flow_sequence = True  # keeps [{email: x}] in this form
    yaml.indent(mapping=2, sequence=4, offset=2)
    return yaml


@functools.cache
def _print_once(note: str) -> None:
    Console(stderr=True, highlight=False, soft_wrap=True).print(note)


def _format_mistakes(error: SettingsError, config: ResolvedConfig) -> str:
    """Returns the mistakes, and what could not be read and may have caused them.

    It leaves out mistakes about a placeholder's value.
    """
    unread = tuple(f"{path}: " for path in config.unreadable_paths)
    mistakes = (
        [mistake for mistake in error.mistakes if not mistake.startswith(unread)] if unread else list(error.mistakes)
    )
    return "\n".join([*mistakes, *([config.note] if config.note else [])])
