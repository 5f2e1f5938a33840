"""`tidewatch promote`: the edit of the stack config that puts a version before users, or gives it more of them."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.console import Console
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from cli.errors import UserError
from cli.stackfile import StackFile, commit_edit
from stacks.schema import Variant
from stacks.settings import Settings

SLOTS = ("blue", "green")
FIRST_STEP = 5.0


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

    Raises UserError where no slot is idle, or where the champion would be edited by giving its own weight away.
    """
    variants, held = file.section("tidewatch:variants"), _held(settings)
    if not settings.variants:
        _first(file, variants, version, settings.rollback.floor or 1)
        return
    champion = str(settings.rollback_to)
    slot = _slot_of(settings, version) or _idle(settings, champion, version)
    if slot == champion:
        _raise_champion(variants, settings, champion, 100.0 if weight is None else weight)
        return
    if str(_version(variants.get(slot))) != version:
        variants[slot] = _variant(version, held[champion].instances)
        weight = FIRST_STEP if weight is None else weight
    elif weight is None:
        raise UserError(f"{version} already is in the slot {slot}: say how much traffic it shall get with --weight")
    variants[slot]["weight"] = _number(weight)
    variants[champion]["weight"] = _number(100.0 - weight)


def _first(file: StackFile, variants: CommentedMap, version: str, instances: int) -> None:
    variants[SLOTS[0]] = _variant(version, instances)
    variants[SLOTS[0]]["weight"] = 100
    file.config["tidewatch:rollbackTo"] = SLOTS[0]


def _raise_champion(variants: CommentedMap, settings: Settings, champion: str, weight: float) -> None:
    others = [slot for slot in settings.variants if slot != champion]
    if weight < 100 and not others:
        raise UserError(f"{champion} is the only slot, all traffic is its own: promote another version beside it")
    variants[champion]["weight"] = _number(weight)
    for slot in others:
        variants[slot]["weight"] = _number(100.0 - weight)


def _held(settings: Settings) -> dict[str, Variant]:
    return {str(slot): variant for slot, variant in settings.variants.items()}


def _slot_of(settings: Settings, version: str) -> str | None:
    """The slot that holds `version`; the challenger's where both do."""
    holding = [slot for slot, variant in settings.variants.items() if str(variant.version) == version]
    return next((slot for slot in holding if slot != settings.rollback_to), holding[0] if holding else None)


def _idle(settings: Settings, champion: str, version: str) -> str:
    slot = next(slot for slot in SLOTS if slot != champion)
    variant = _held(settings).get(slot)
    if variant is not None and variant.weight > 0:
        name, stack_version = settings.model.name, variant.version
        raise UserError(
            f"no slot is idle for {version}: {slot} is declared to serve {name}/{stack_version}. "
            f"Either make it the champion (set `tidewatch:rollbackTo: {slot}` and the weight of {champion} to 0), "
            f"or take its traffic away first: `tidewatch promote {name}/{stack_version} --weight 0`"
        )
    return slot


def _variant(version: str, instances: int) -> CommentedMap:
    variant = CommentedMap(version=DoubleQuotedScalarString(version), weight=0, instances=instances)
    variant.fa.set_flow_style()
    return variant


def _version(variant: Any) -> Any:
    return variant.get("version") if variant else None


def _number(weight: float) -> int | float:
    return int(weight) if float(weight).is_integer() else round(weight, 6)
