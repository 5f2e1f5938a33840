"""`tidewatch publish` and `tidewatch models`: versions into a stack's registry, and what is there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.filesize import decimal
from rich.table import Table
from ruamel.yaml import YAML

from cli.aws_session import Session
from cli.console import Console, create_table_console
from cli.errors import UserError
from cli.model_registry import open_registry, open_signer
from cli.outputs import read_stack_outputs
from cli.progress import ProgressBar
from stacks.config.yaml_parser import InvalidYaml, parse_yaml
from tidewatch.registry import (
    FieldDifference,
    Manifest,
    ModelDescription,
    compare_manifests,
    manifest_to_json,
    parse_description,
)
from tidewatch.text import collapse_whitespace

MAX_CELL_LENGTH = 10_000
"""The most characters of a value in a printed difference."""
RegistryStackOption = Annotated[str, typer.Option(help="The stack that owns the registry.")]


def publish(
    artifact: Annotated[Path, typer.Argument(metavar="ARTIFACT", help="The model, a model.tar.gz.")],
    stack: RegistryStackOption,
    version: Annotated[str, typer.Option(help="The version's name, for example 3. It can never be used again.")],
    lineage: Annotated[Path, typer.Option(help="YAML or JSON: framework, owner, lineage, metrics, image.")],
    card: Annotated[Path | None, typer.Option(help="The model card, Markdown.")] = None,
    reference: Annotated[Path | None, typer.Option(help="The drift reference, JSON.")] = None,
    image: Annotated[str | None, typer.Option(help="The serving container, REPOSITORY@sha256:DIGEST.")] = None,
) -> None:
    """Publishes a model version. It is immutable, checked by digest, and visible only when complete.

    It is signed if the stack has a key for that (`tidewatch:registry.signing`). If it is interrupted, run the same
    command again to complete it.
    """
    description = _read_description(lineage)
    session = Session(stack)
    outputs, created = read_stack_outputs(stack), session.now()
    registry, signer = open_registry(outputs, session), open_signer(outputs, session)
    with ProgressBar(artifact.name) as progress_bar:
        manifest = registry.publish(
            version,
            artifact,
            description,
            image=image,
            card=card,
            reference=reference,
            created=created,
            signer=signer,
            progress=progress_bar,
        )
    stored = manifest.artifact
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"published {registry.name}/{version}")
    console.print(f"  sha256  {stored.sha256}")
    console.print(f"  size    {decimal(stored.size)} ({stored.size} bytes)")
    console.print(f"  image   {manifest.image_digest}")
    if signer is not None:
        console.print(f"  signed  by the key {signer.public_key.label}")
    console.print(f"next: tidewatch promote {registry.name}/{version} --stack {stack}")


def models(
    stack: RegistryStackOption,
    as_json: Annotated[bool, typer.Option("--json", help="Print the manifests as JSON.")] = False,
    diff: Annotated[tuple[str, str] | None, typer.Option(metavar="A B", help="Show what differs.")] = None,
) -> None:
    """Lists the versions in a stack's registry, or shows the differences between two of them."""
    registry = open_registry(read_stack_outputs(stack), Session(stack))
    if diff is not None:
        _print_difference(
            diff, compare_manifests(registry.read_manifest(diff[0]), registry.read_manifest(diff[1])), as_json
        )
        return
    manifests = [registry.read_manifest(version) for version in registry.list_versions()]
    unfinished = registry.list_unfinished_versions()
    if as_json:
        _print_json(
            {"versions": [manifest_to_json(manifest) for manifest in manifests], "unfinished": list(unfinished)}
        )
        return
    console = create_table_console()
    if manifests:
        console.print(_build_table(manifests))
    else:
        console.print(f"the registry has no version of {registry.name} yet: publish one with `tidewatch publish`")
    if unfinished:
        console.print(
            f"interrupted or in progress: {collapse_whitespace(', '.join(unfinished))} (run the same `tidewatch "
            "publish` again to complete it)",
            soft_wrap=True,
        )


def _read_description(path: Path) -> ModelDescription:
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read the lineage file {path}: {error}") from error
    try:
        value: Any = parse_yaml(text, YAML(typ="safe", pure=True))  # JSON is YAML
    except InvalidYaml as error:
        raise UserError(f"{path} is neither YAML nor JSON: {error}") from error
    return parse_description(value, str(path))


def _build_table(manifests: list[Manifest]) -> Table:
    table = Table("version", "created (UTC)", "metrics", "sha256", "image", "owner", box=None, pad_edge=False)
    for manifest in manifests:
        table.add_row(
            manifest.version,
            f"{manifest.created:%Y-%m-%d %H:%M}",
            collapse_whitespace(" ".join(f"{name}={value:g}" for name, value in sorted(manifest.metrics.items()))),
            manifest.artifact.sha256[:12],
            manifest.image_digest.removeprefix("sha256:")[:12],
            collapse_whitespace(manifest.owner),
        )
    return table


def _print_difference(versions: tuple[str, str], differences: tuple[FieldDifference, ...], as_json: bool) -> None:
    if as_json:
        _print_json(
            [
                {"path": difference.path, "before": difference.before, "after": difference.after}
                for difference in differences
            ]
        )
        return
    table = Table("field", box=None, pad_edge=False)
    for version in versions:
        table.add_column(version, overflow="fold")
    for difference in differences:
        table.add_row(
            collapse_whitespace(difference.path), _format_cell(difference.before), _format_cell(difference.after)
        )
    create_table_console().print(table)


def _format_cell(value: object) -> str:
    return "" if value is None else collapse_whitespace(str(value), MAX_CELL_LENGTH)


def _print_json(value: object) -> None:
    print(json.dumps(value, indent=2))
