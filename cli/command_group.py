"""The commands of `tidewatch`: listed from their declarations, each loaded from its module only when it is called."""

from __future__ import annotations

import importlib
from collections import UserDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Any, ClassVar

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_group

from cli.errors import UserError

ENTRY_POINT_GROUP = "tidewatch.commands"
"""Each entry point of this group is a tuple of CommandDeclarations, in a module whose import is fast."""


@dataclass(frozen=True)
class CommandDeclaration:
    """A command that is not loaded yet."""

    name: str
    target: str
    """MODULE:NAME of the command's function, or of a Typer with its own commands."""
    summary: str
    """The first sentences of its help, for the list of commands."""
    panel: str | None = None
    """The heading in the list of commands, for commands that are listed separately."""

    def load(self) -> Any:
        """Imports and returns the command."""
        module, _, attribute = self.target.partition(":")
        command, parent = getattr(importlib.import_module(module), attribute), typer.Typer()
        if isinstance(command, typer.Typer):
            parent.add_typer(command, name=self.name)
        else:
            parent.command(self.name, rich_help_panel=self.panel)(command)
        return get_group(parent).commands[self.name]


class CommandGroup(TyperGroup):
    """Lists commands without loading them, because importing everything that they need takes seconds."""

    declarations: ClassVar[Iterable[CommandDeclaration]] = ()
    """The commands in their order; commands of other distributions follow."""
    explanations: ClassVar[Mapping[str, str]] = {}
    """By name of a command that nothing registered, a sentence on why it is missing and what to install."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._declared = {each.name: each for each in (*self.declarations, *find_registered_commands())}
        self.commands = _LoadedCommands(self._declared)

    def list_commands(self, ctx: Any) -> list[str]:
        del ctx
        return list(self._declared)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Returns a command in the form that the list shows."""
        del ctx
        declared = self._declared.get(cmd_name)
        return declared and TyperCommand(cmd_name, help=declared.summary, rich_help_panel=declared.panel)

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """Returns the called command. Raises UserError if the distribution with the command is not installed."""
        if args[0] not in self._declared and (explanation := self.explanations.get(args[0])):
            raise UserError(explanation)
        name, _, rest = super().resolve_command(ctx, args)
        return name, name and self.commands[name], rest


class _LoadedCommands(UserDict[str, Any]):
    """The commands by name, each loaded at its first lookup."""

    def __getitem__(self, name: str) -> Any:
        command = super().__getitem__(name)
        if isinstance(command, CommandDeclaration):
            command = self.data[name] = command.load()
        return command


def find_registered_commands() -> list[CommandDeclaration]:
    """Returns the commands of other distributions."""
    return [declared for entry_point in entry_points(group=ENTRY_POINT_GROUP) for declared in entry_point.load()]
