"""`tidewatch drift`: a reference from training data, and a verdict on captured records or a table of rows."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from cli.bar import Bar
from cli.captures import Captures
from cli.console import Console
from cli.drift_shown import listed, show, told
from cli.errors import UserError
from tidewatch.capture.keys import ENDINGS
from tidewatch.drift.labels import label, must_fit, read_labels
from tidewatch.drift.page import page
from tidewatch.drift.profile import Profile, total
from tidewatch.drift.reference import NumericFeature, Reference, decode
from tidewatch.drift.report import Report, examples, window
from tidewatch.drift.tables import PARQUET, count, is_table, open_table
from tidewatch.drift.tables import reference as of_table
from tidewatch.drift.verdict import Verdict, judge

EXIT = {Verdict.OK: 0, Verdict.WARNING: 3, Verdict.DRIFT: 4, Verdict.INSUFFICIENT: 5, Verdict.INVALID: 6}
Content = TypeVar("Content")
NoHeader = Annotated[
    str | None, typer.Option(metavar="NAMES", help="The columns of CSV without a header, separated by commas.")
]

drift = typer.Typer(
    name="drift", help="Compares what a model is asked now with what it was trained on.", no_args_is_help=True
)


@drift.command()
def reference(
    data: Annotated[Path, typer.Argument(metavar="DATA", help="The training table: .csv, .csv.gz or .parquet.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="Where the reference goes, JSON.")],
    score: Annotated[str | None, typer.Option(metavar="COLUMN", help="What the model answered for each row.")] = None,
    score_output: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="The score's name in the model's answers, where it differs, or its place: 0 first, -1 last; or both: "
            "NAME:1 is the second number of a list.",
        ),
    ] = None,
    exclude: Annotated[list[str] | None, typer.Option(metavar="COLUMN", help="No feature. Repeat for several.")] = None,
    categorical: Annotated[
        list[str] | None, typer.Option(metavar="COLUMN", help="Categories, though numbers. Repeat for several.")
    ] = None,
    no_header: NoHeader = None,
    labels: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="What codes mean: a table of column, value, label. Its columns are categories."
        ),
    ] = None,
) -> None:
    """Freezes what the training data looked like: publish it with the model version by `--reference`.

    A column is numeric where every value is a number or missing. The same data gives the same bytes.
    """
    _must_be_new(output, [data, *([labels] if labels is not None else [])], "the reference")
    if score_output is not None and score is None:
        raise UserError("--score-output says where the score is in an answer: give --score COLUMN with it")
    meant = _read(labels, lambda: read_labels(open_table(labels), str(labels))) if labels is not None else {}
    table = _read(data, lambda: open_table(data, _names(no_header)))
    must_fit(meant, table, str(labels))
    worth_a_look: list[str] = []
    with Bar(data.name) as bar:
        made = _read(
            data,
            lambda: of_table(
                table,
                score=score,
                score_output=_place(score_output),
                exclude=exclude or (),
                categorical=[*(categorical or ()), *meant],
                progress=lambda done, size: bar("read", done, size),
                note=worth_a_look.append,
            ),
        )
    made = label(made, meant, str(labels), worth_a_look.append)
    _write(output, made.encode())
    screen = Console(highlight=False, soft_wrap=True)
    numeric = [one.name for one in made.features if isinstance(one, NumericFeature)]
    named = [one.name for one in made.features if not isinstance(one, NumericFeature)]
    screen.print(f"wrote {output}")
    for what, said in (
        ("rows", f"{made.rows:,}"),
        ("numeric", listed(numeric)),
        ("category", listed(named)),
        ("score", made.score.name if made.score else "none: give --score COLUMN to watch the model's answers too"),
        ("sha256", made.digest),
    ):
        screen.print(f"  {what:<9}{said}")
    for sentence in worth_a_look:
        screen.print(f"note: {sentence}")


@drift.command(epilog="Exit code: 0 ok, 3 warning, 4 drift, 5 insufficient data, 6 invalid, 1 error.")
def check(
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH",
            help="Captured records (.jsonl, .jsonl.gz, folders, s3://...), or tables (.csv, .parquet).",
        ),
    ],
    reference: Annotated[Path, typer.Option(metavar="FILE", help="By `tidewatch drift reference`.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the verdict as JSON.")] = False,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the report as a page.")] = None,
    no_header: NoHeader = None,
) -> None:
    """Judges records against a reference, and accounts for every one of them."""
    if not all(paths):
        raise UserError("a PATH is empty: name files or folders, `.` for the folder that you are in")
    if html is not None:
        _must_be_new(html, [reference, *(Path(path) for path in paths)], "the report")
    frozen = decode(_read(reference, reference.read_bytes), str(reference))
    with Bar("records") as bar:
        profile, absent = _counted(frozen, paths, bar, _names(no_header))
    verdict = judge(frozen, profile, absent=absent)
    if html is not None:
        report = Report(
            model=reference.stem,
            verdict=verdict.verdict,
            windows={"records": window(verdict)},
            examples=examples(verdict.records),
        )
        _write(html, page(report, frozen, {"records": profile}).encode())
    if as_json:
        print(json.dumps(told(verdict), indent=2))
    else:
        show(verdict)
    raise typer.Exit(EXIT[verdict.verdict])


def _place(output: str | None) -> int | str | None:
    """A place among an answer's numbers, or a name."""
    return int(output) if output is not None and re.fullmatch(r"-?[0-9]{1,5}", output) else output


def _names(given: str | None) -> tuple[str, ...] | None:
    """The names of columns as they are typed."""
    return None if given is None else tuple(name.strip() for name in given.split(","))


def _counted(
    frozen: Reference, paths: Sequence[str], bar: Bar, names: Sequence[str] | None
) -> tuple[Profile, frozenset[str]]:
    """The profile of all paths, and the features that a table has no column of."""
    tables = [path for path in paths if is_table(path)]
    if not tables:
        return Captures(paths).count(frozen, bar), frozenset()
    if len(tables) < len(paths):
        others = ", ".join(path for path in paths if path not in tables)
        raise UserError(f"tables and captured records are not judged together: check {others} apart from the tables")
    if remote := [path for path in tables if path.startswith("s3://")]:
        raise UserError(f"tables are read from this machine: download {', '.join(remote)} first")
    profiles: list[Profile] = []
    absent: set[str] = set()
    for path in _each_once(map(Path, tables)):
        counted = _read(
            path, lambda path=path: count(open_table(path, names), frozen, str(path), _stage(bar, path.name))
        )
        profiles.append(counted.profile)
        absent |= counted.absent
    return total(frozen, profiles), frozenset(absent)


def _each_once(tables: Iterable[Path]) -> list[Path]:
    """The tables without those that are given again, or that are part of a folder beside them."""
    places = {path.resolve(): path for path in tables}
    return [path for place, path in places.items() if not places.keys() & set(place.parents)]


def _must_be_new(output: Path, inputs: Iterable[Path], what: str) -> None:
    """Raises UserError where a command would write over what it reads, whatever it is called there."""
    for path in _files(inputs):
        if path.exists() and output.exists() and output.samefile(path):
            raise UserError(f"{output} is read here, as {path}, and would be overwritten: give {what} another name")


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    """The files that are read of paths: of a folder, the tables and captured records in it."""
    for path in paths:
        if path.is_dir():
            yield from (file for file in path.rglob("*") if file.name.endswith((*ENDINGS, *PARQUET)))
        else:
            yield path


def _stage(bar: Bar, name: str) -> Callable[[int, int], None]:
    return lambda done, size: bar(f"count {name}", done, size)


def _read(path: Path, read: Callable[[], Content]) -> Content:
    try:
        return read()
    except OSError as error:
        raise UserError(f"cannot read {path}: {(error.strerror or str(error)).lower()}") from error


def _write(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        raise UserError(f"cannot write {path}: {(error.strerror or str(error)).lower()}") from error
