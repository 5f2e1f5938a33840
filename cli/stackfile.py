"""Reading and editing Pulumi.<stack>.yaml: comments and order are kept, and every edit is shown as a diff."""

from __future__ import annotations

import difflib
import functools
import io
from dataclasses import dataclass
from pathlib import Path

from rich.syntax import Syntax
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap

from cli.config import Resolved, resolved
from cli.console import Console
from cli.errors import UserError
from cli.outputs import ROOT
from simulator.rehearsal.home import REHEARSAL, Home
from stacks.settings import Settings, SettingsError, load
from stacks.written import NotYaml, parsed


@dataclass(frozen=True)
class StackFile:
    """One stack's config file as it was read; `document` may be edited, `text` is what is on disk."""

    stack: str
    path: Path
    text: str
    document: CommentedMap

    @classmethod
    def of(cls, stack: str, root: Path | None = None) -> StackFile:
        """A stack file of the checkout, or of the one in `root`. Raises UserError where there is none, or it is not
        YAML."""
        root = root or ROOT
        home = Home.of(root)
        path = root / f"Pulumi.{stack}.yaml"
        if stack == REHEARSAL and home.environment():
            path = home.stack_file
        if not path.exists():
            known = sorted(p.name.split(".")[1] for p in root.glob("Pulumi.*.yaml"))
            raise UserError(f"there is no {path.name}: the stacks here are {', '.join(known)}")
        text = path.read_text()
        try:
            document = parsed(text, _yaml())
        except NotYaml as error:
            raise UserError(f"{path.name} is not valid YAML: {error}") from error
        return cls(stack, path, text, document)

    @property
    def config(self) -> CommentedMap:
        """The `config:` section, as it is."""
        return self.document.setdefault("config", CommentedMap())

    def section(self, key: str) -> CommentedMap:
        """One object of the config, `tidewatch:variants` say, made empty where it is missing."""
        if self.config.get(key) is None:
            self.config[key] = CommentedMap()
        return self.config[key]

    def resolved(self) -> Resolved:
        """The config as edited so far, with its secrets and environments where they can be read."""
        folder = None if self.stack == REHEARSAL else self.path.parent
        return resolved(self.document, self.stack, folder)

    def settings(self) -> Settings:
        """The config as edited so far, validated as the program would. Raises UserError with every mistake.

        What could not be read counts as right: a command that needs it says so itself.
        """
        found = self.resolved()
        if found.note:
            _say_once(f"tidewatch: {self.path.name}: {found.note}")
        try:
            return load(found.values, self.stack, found.secret)
        except SettingsError as error:
            raise UserError(f"{self.path.name}:\n{_of_the_read(error, found)}") from error

    def diff(self) -> str:
        """What the edit changes, as a unified diff; empty where nothing changed."""
        file = self.path.relative_to(ROOT) if self.path.is_relative_to(ROOT) else self.path.name
        lines = difflib.unified_diff(
            self.text.splitlines(keepends=True), self._edited().splitlines(keepends=True), f"a/{file}", f"b/{file}"
        )  # fmt: skip
        return "".join(lines)

    def save(self) -> None:
        """Writes the edit whole or not at all."""
        partial = self.path.with_suffix(".partial")
        partial.write_text(self._edited())
        partial.replace(self.path)

    def _edited(self) -> str:
        out = io.StringIO()
        _yaml().dump(self.document, out)
        return out.getvalue()


def commit_edit(file: StackFile, console: Console) -> None:
    """Validates the edit, writes it and shows what changed. Nothing is deployed by it.

    A rehearsal has a copy of its stack file; without one the edit would be the checkout's, which every rehearsal begins
    with. While its story plays, that copy is the story's.
    """
    home = Home.of(ROOT)
    if file.stack == REHEARSAL and (untimely := home.still_told() if home.environment() else home.missing()):
        raise UserError(untimely)
    file.settings()
    diff = file.diff()
    if not diff:
        console.print(f"{file.path.name} says so already: nothing to change")
        return
    file.save()
    if console.is_terminal:
        console.print(Syntax(diff, "diff", background_color="default"))
    else:
        console.print(diff, end="", highlight=False, soft_wrap=True)
    program = "tidewatch" if file.stack == REHEARSAL else "pulumi"
    console.print(f"Nothing is applied yet: run `{program} up --stack {file.stack}`", soft_wrap=True)


def _yaml() -> YAML:
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 4096
    yaml.brace_single_entry_mapping_in_flow_sequence = True  # [{email: x}] stays as it is
    yaml.indent(mapping=2, sequence=4, offset=2)
    return yaml


@functools.cache
def _say_once(note: str) -> None:
    Console(stderr=True, highlight=False, soft_wrap=True).print(note)


def _of_the_read(error: SettingsError, found: Resolved) -> str:
    """The mistakes, and what could not be read and may be why: nothing is said of a value that stands for another."""
    unread = tuple(f"{path}: " for path in found.unread)
    mistakes = [one for one in error.mistakes if not one.startswith(unread)] if unread else list(error.mistakes)
    return "\n".join([*mistakes, *([found.note] if found.note else [])])
