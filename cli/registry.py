"""`tidewatch publish` and `tidewatch models`: versions into a stack's registry, and what is there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.filesize import decimal
from rich.table import Table
from ruamel.yaml import YAML

from cli.aws import Session
from cli.bar import Bar
from cli.console import Console, tables
from cli.errors import UserError
from cli.outputs import stack_outputs
from stacks.written import NotYaml, parsed
from tidewatch.registry import Description, Difference, Manifest, Registry, compare, describe, to_json
from tidewatch.text import one_line

LONGEST_CELL = 10_000
"""Characters of a value whose difference is shown."""
Stack = Annotated[str, typer.Option(help="The stack whose registry it is.")]


def publish(
    artifact: Annotated[Path, typer.Argument(metavar="ARTIFACT", help="The model, a model.tar.gz.")],
    stack: Stack,
    version: Annotated[str, typer.Option(help="The version's name, 3 say. It can never be used again.")],
    lineage: Annotated[Path, typer.Option(help="YAML or JSON: framework, owner, lineage, metrics, image.")],
    card: Annotated[Path | None, typer.Option(help="The model card, Markdown.")] = None,
    reference: Annotated[Path | None, typer.Option(help="The drift reference, JSON.")] = None,
    image: Annotated[str | None, typer.Option(help="The serving container, REPOSITORY@sha256:DIGEST.")] = None,
) -> None:
    """Publishes a model version: immutable, its digests checked on both sides, visible whole or not at all.

    If it is cut off, the same command completes it.
    """
    description = _description(lineage)
    registry = _registry(stack)
    with Bar(artifact.name) as bar:
        manifest = registry.publish(
            version, artifact, description, image=image, card=card, reference=reference, progress=bar
        )
    stored = manifest.artifact
    screen = Console(highlight=False, soft_wrap=True)
    screen.print(f"published {registry.name}/{version}")
    screen.print(f"  sha256  {stored.sha256}")
    screen.print(f"  size    {decimal(stored.size)} ({stored.size} bytes)")
    screen.print(f"  image   {manifest.image_digest}")
    screen.print(f"next: tidewatch promote {registry.name}/{version} --stack {stack}")


def models(
    stack: Stack,
    as_json: Annotated[bool, typer.Option("--json", help="Print the manifests as JSON.")] = False,
    diff: Annotated[tuple[str, str] | None, typer.Option(metavar="A B", help="Show what differs.")] = None,
) -> None:
    """Lists the versions in a stack's registry, or what differs between two of them."""
    registry = _registry(stack)
    if diff is not None:
        _show_difference(diff, compare(registry.manifest(diff[0]), registry.manifest(diff[1])), as_json)
        return
    manifests = [registry.manifest(version) for version in registry.versions()]
    unfinished = registry.unfinished()
    if as_json:
        _print_json({"versions": [to_json(manifest) for manifest in manifests], "unfinished": list(unfinished)})
        return
    screen = tables()
    if manifests:
        screen.print(_table(manifests))
    else:
        screen.print(f"the registry has no version of {registry.name} yet: publish one with `tidewatch publish`")
    if unfinished:
        screen.print(
            f"cut off or under way: {one_line(', '.join(unfinished))} "
            "(the same `tidewatch publish` again completes it)",
            soft_wrap=True,
        )


def _registry(stack: str) -> Registry:
    place: dict[str, str] = stack_outputs(stack)["registry"]
    name = place["prefix"].strip("/").removeprefix("models/")
    return Registry(Session(stack).client("s3"), place["bucket"], name)


def _description(path: Path) -> Description:
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read the lineage file {path}: {error}") from error
    try:
        value: Any = parsed(text, YAML(typ="safe", pure=True))  # JSON is YAML
    except NotYaml as error:
        raise UserError(f"{path} is neither YAML nor JSON: {error}") from error
    return describe(value, str(path))


def _table(manifests: list[Manifest]) -> Table:
    table = Table("version", "created (UTC)", "metrics", "sha256", "image", "owner", box=None, pad_edge=False)
    for manifest in manifests:
        table.add_row(
            manifest.version,
            f"{manifest.created:%Y-%m-%d %H:%M}",
            one_line(" ".join(f"{name}={value:g}" for name, value in sorted(manifest.metrics.items()))),
            manifest.artifact.sha256[:12],
            manifest.image_digest.removeprefix("sha256:")[:12],
            one_line(manifest.owner),
        )
    return table


def _show_difference(versions: tuple[str, str], differences: tuple[Difference, ...], as_json: bool) -> None:
    if as_json:
        _print_json([{"path": each.path, "before": each.before, "after": each.after} for each in differences])
        return
    table = Table("field", box=None, pad_edge=False)
    for version in versions:
        table.add_column(version, overflow="fold")
    for each in differences:
        table.add_row(one_line(each.path), _cell(each.before), _cell(each.after))
    tables().print(table)


def _cell(value: object) -> str:
    return "" if value is None else one_line(str(value), LONGEST_CELL)


def _print_json(value: object) -> None:
    print(json.dumps(value, indent=2))
