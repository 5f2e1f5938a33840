"""`tidewatch promote`: the edit of the stack config that puts a version before users, or gives it more of them."""

from __future__ import annotations

from typing import Annotated

import typer
from botocore.exceptions import BotoCoreError, ClientError
from rich.text import Text
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from cli.aws_session import Session
from cli.console import Console
from cli.errors import UserError
from cli.model_registry import open_registry
from cli.outputs import read_stack_outputs
from cli.stack_config_file import StackConfigFile, commit_edit
from stacks.config.settings import StackSettings
from tidewatch.registry import RegistryError, VersionNotFound
from tidewatch.traffic import TrafficDeclaration, VariantDeclaration


def promote(
    version: Annotated[
        str, typer.Argument(metavar="NAME/VERSION", help="A version of the registry, for example flights/4.")
    ],
    stack: Annotated[str, typer.Option(help="The stack whose config is edited.")],
    weight: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=100,
            help="Its share of the traffic in percent; 5 by default for a new version, required for any other.",
        ),
    ] = None,
) -> None:
    """Puts a version into the idle variant of Pulumi.STACK.yaml, or changes its weight if it is already there.

    Edits only the file, keeps its comments and shows the difference; `pulumi up` applies it. A version that the
    registry does not have is refused.
    """
    name, _, number = version.partition("/")
    if not name or not number or "/" in number:
        raise typer.BadParameter(f"{version!r} is not NAME/VERSION; write it like flights/4", param_hint="NAME/VERSION")
    file = StackConfigFile.of(stack)
    settings = file.load_settings()
    if name != settings.model.name:
        raise UserError(f"the stack {stack} serves the model {settings.model.name}, not {name}")
    if all(str(variant.version) != number for variant in settings.variants.values()):
        _require_published(stack, number)
    edit_variants(file, settings, number, weight)
    commit_edit(file, Console(highlight=False))


def _require_published(stack: str, version: str) -> None:
    """Raises VersionNotFound if the stack's registry does not have the version.

    If the registry cannot be read, the promotion goes on: it is only an edit, and `up` verifies the version.
    """
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    try:
        with console.status(Text(f"looking for version {version} in the registry")):
            open_registry(read_stack_outputs(stack), Session(stack)).read_manifest(version)
    except VersionNotFound:
        raise
    except (BotoCoreError, ClientError, RegistryError, UserError) as error:
        console.print(Text(f"tidewatch: whether version {version} was published was not checked: {error}"))


def edit_variants(file: StackConfigFile, settings: StackSettings, version: str, weight: float | None) -> None:
    """Edits the variants of `file`: `version` gets `weight` percent of the traffic, and the champion the rest.

    Raises PromotionRefused if that is not possible.
    """
    current_declaration = _read_declaration(settings, file.stack)
    target_declaration = current_declaration.promote(version, weight, settings.rollback.floor or 1)
    variants = file.ensure_section("tidewatch:variants")
    for variant, holding in target_declaration.variants.items():
        before = current_declaration.variants.get(variant)
        if holding == before:
            continue
        if before is None or holding.version != before.version:
            variants[variant] = _to_yaml(holding)
        variants[variant]["weight"] = _format_weight(holding.weight)
    if settings.retire:
        # `retire` declares that nothing serves, and the program refuses it together with variants.
        del file.config["tidewatch:retire"]
    if target_declaration.champion != current_declaration.champion:
        file.config["tidewatch:rollbackTo"] = target_declaration.champion


def _read_declaration(settings: StackSettings, stack: str) -> TrafficDeclaration:
    variants = {
        str(name): VariantDeclaration(str(variant.version), variant.weight, variant.instances)
        for name, variant in settings.variants.items()
    }
    return TrafficDeclaration(settings.model.name, variants, settings.rollback_to, stack)


def _to_yaml(holding: VariantDeclaration) -> CommentedMap:
    variant = CommentedMap(version=DoubleQuotedScalarString(holding.version), weight=0, instances=holding.instances)
    variant.fa.set_flow_style()
    return variant


def _format_weight(weight: float) -> int | float:
    return int(weight) if float(weight).is_integer() else round(weight, 6)
