"""`tidewatch promote`: the edit of the stack config that puts a version before users, or gives it more of them."""

from __future__ import annotations

from typing import Annotated

import typer
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from cli.console import Console
from cli.errors import UserError
from cli.stackfile import StackFile, commit_edit
from stacks.settings import Settings
from tidewatch.traffic.promotion import Declaration, Holding


def promote(
    version: Annotated[str, typer.Argument(metavar="NAME/VERSION", help="A version of the registry, flights/4 say.")],
    stack: Annotated[str, typer.Option(help="The stack whose config is edited.")],
    weight: Annotated[
        float | None,
        typer.Option(min=0, max=100, help="Its share of the traffic in percent; 5 for a version that is new here."),
    ] = None,
) -> None:
    """Puts a version into the idle slot of Pulumi.STACK.yaml, or changes its weight where it already is.

    Only the file is edited, comments are kept, and the difference is shown: `pulumi up` applies it.
    """
    name, _, number = version.partition("/")
    if not name or not number or "/" in number:
        raise typer.BadParameter(f"{version!r} is not NAME/VERSION; write flights/4, say", param_hint="NAME/VERSION")
    file = StackFile.of(stack)
    settings = file.settings()
    if name != settings.model.name:
        raise UserError(f"the stack {stack} serves the model {settings.model.name}, not {name}")
    edit(file, settings, number, weight)
    commit_edit(file, Console(highlight=False))


def edit(file: StackFile, settings: Settings, version: str, weight: float | None) -> None:
    """Changes the variants of `file` so that `version` has `weight` percent of the traffic and the champion the rest.

    Raises PromotionRefused where that cannot be.
    """
    declared = _declared(settings)
    wanted = declared.promoted(version, weight, settings.rollback.floor or 1)
    variants = file.section("tidewatch:variants")
    for slot, holding in wanted.slots.items():
        before = declared.slots.get(slot)
        if holding == before:
            continue
        if before is None or holding.version != before.version:
            variants[slot] = _variant(holding)
        variants[slot]["weight"] = _number(holding.weight)
    if wanted.champion != declared.champion:
        file.config["tidewatch:rollbackTo"] = wanted.champion


def _declared(settings: Settings) -> Declaration:
    slots = {
        str(slot): Holding(str(variant.version), variant.weight, variant.instances)
        for slot, variant in settings.variants.items()
    }
    return Declaration(settings.model.name, slots, settings.rollback_to)


def _variant(holding: Holding) -> CommentedMap:
    variant = CommentedMap(version=DoubleQuotedScalarString(holding.version), weight=0, instances=holding.instances)
    variant.fa.set_flow_style()
    return variant


def _number(weight: float) -> int | float:
    return int(weight) if float(weight).is_integer() else round(weight, 6)
