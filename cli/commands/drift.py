"""`tidewatch drift`: a reference from training data, and a verdict on captured records or a table of rows."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from cli.capture_input import CaptureFiles
from cli.drift_output import print_reference, print_verdict, verdict_to_json
from cli.errors import UserError
from cli.progress import ProgressBar
from tidewatch.capture.capture_keys import CAPTURE_SUFFIXES
from tidewatch.drift.counting.table_counter import count_table
from tidewatch.drift.profile import Profile, sum_profiles
from tidewatch.drift.reference import Reference, decode_reference
from tidewatch.drift.reports import DriftReport, build_window_report, list_examples, render_report
from tidewatch.drift.statistics import Verdict, judge_profile
from tidewatch.drift.tables import PARQUET_SUFFIXES, is_table, open_table
from tidewatch.drift.training.labels import apply_labels, read_labels, require_label_columns
from tidewatch.drift.training.table_reference import (
    build_reference_from_table as build_table_reference,
)

EXIT_CODES = {Verdict.OK: 0, Verdict.WARNING: 3, Verdict.DRIFT: 4, Verdict.INSUFFICIENT: 5, Verdict.INVALID: 6}
Content = TypeVar("Content")
NoHeader = Annotated[
    str | None, typer.Option(metavar="NAMES", help="The columns of CSV without a header, separated by commas.")
]

drift = typer.Typer(name="drift", help="Compares a model's requests with its training data.", no_args_is_help=True)


@drift.command()
def reference(
    data: Annotated[Path, typer.Argument(metavar="DATA", help="The training table: .csv, .csv.gz or .parquet.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="The file for the reference, JSON.")],
    score: Annotated[str | None, typer.Option(metavar="COLUMN", help="The column of the model's answers.")] = None,
    score_output: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="The score's name in the model's answers, if it differs, or its position: 0 first, -1 last; or "
            "both: NAME:1 is the second number of a list.",
        ),
    ] = None,
    exclude: Annotated[
        list[str] | None, typer.Option(metavar="COLUMN", help="A column that is not a feature. Repeat for several.")
    ] = None,
    categorical: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN", help="A column of numbers that are categories. Repeat for several."),
    ] = None,
    no_header: NoHeader = None,
    labels: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The meaning of codes: a table of column, value, label. The columns it names are categories.",
        ),
    ] = None,
) -> None:
    """Builds a reference from the training data. Publish it with the model version: `--reference`.

    A column is numeric if every value is a number or missing. The same data gives the same bytes.
    """
    _require_not_an_input(output, [data, *([labels] if labels is not None else [])], "the reference")
    if score_output is not None and score is None:
        raise UserError("--score-output locates the score in an answer and needs --score COLUMN")
    label_meanings = _read(labels, lambda: read_labels(open_table(labels), str(labels))) if labels is not None else {}
    table = _read(data, lambda: open_table(data, _parse_column_names(no_header)))
    require_label_columns(label_meanings, table, str(labels))
    notes: list[str] = []
    with ProgressBar(data.name) as progress_bar:
        new_reference = _read(
            data,
            lambda: build_table_reference(
                table,
                score=score,
                score_output=_parse_score_output(score_output),
                exclude=exclude or (),
                categorical=[*(categorical or ()), *label_meanings],
                progress=lambda done, size: progress_bar("read", done, size),
                note=notes.append,
            ),
        )
    new_reference = apply_labels(new_reference, label_meanings, str(labels), notes.append)
    _write(output, new_reference.encode())
    print_reference(output, new_reference, notes)


def _format_comparison(paths: Sequence[str], reference: Path) -> str:
    """Returns what is compared with what, for the title of a page."""
    more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
    return f"{Path(paths[0]).name or paths[0]}{more} against {reference.name}"


@drift.command(epilog="Exit code: 0 ok, 3 warning, 4 drift, 5 insufficient data, 6 invalid, 1 an error, 2 wrong usage.")
def check(
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH",
            help="Captured records (.jsonl, .jsonl.gz, folders, s3://...), or tables (.csv, .parquet).",
        ),
    ],
    reference: Annotated[Path, typer.Option(metavar="FILE", help="The reference, from `tidewatch drift reference`.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the verdicts as JSON.")] = False,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the report as an HTML page.")] = None,
    no_header: NoHeader = None,
) -> None:
    """Compares records with a reference, and accounts for each of them."""
    if not all(paths):
        raise UserError("a PATH is empty: name files or folders, or `.` for the current folder")
    if html is not None:
        _require_not_an_input(html, [reference, *(Path(path) for path in paths)], "the report")
    frozen_reference = decode_reference(_read(reference, reference.read_bytes), str(reference))
    with ProgressBar("records") as progress_bar:
        profile, absent = _build_profile(frozen_reference, paths, progress_bar, _parse_column_names(no_header))
    verdict = judge_profile(frozen_reference, profile, absent_columns=absent)
    if html is not None:
        report = DriftReport(
            model=_format_comparison(paths, reference),
            verdict=verdict.verdict,
            windows={"records": build_window_report(verdict)},
            reject_examples=list_examples(verdict.records),
        )
        _write(html, render_report(report, frozen_reference, {"records": profile}).encode())
    if as_json:
        print(json.dumps(verdict_to_json(verdict), indent=2))
    else:
        print_verdict(verdict)
    raise typer.Exit(EXIT_CODES[verdict.verdict])


def _parse_score_output(output: str | None) -> int | str | None:
    """Parses a position among an answer's numbers, or a name."""
    return int(output) if output is not None and re.fullmatch(r"-?[0-9]{1,5}", output) else output


def _parse_column_names(text: str | None) -> tuple[str, ...] | None:
    """Parses the names of columns from the command line."""
    return None if text is None else tuple(name.strip() for name in text.split(","))


def _build_profile(
    frozen_reference: Reference, paths: Sequence[str], progress_bar: ProgressBar, names: Sequence[str] | None
) -> tuple[Profile, frozenset[str]]:
    """Returns the profile of all paths, and the features for which a table has no column."""
    tables = [path for path in paths if is_table(path)]
    if not tables:
        return CaptureFiles(paths).count(frozen_reference, progress_bar), frozenset()
    if len(tables) < len(paths):
        others = ", ".join(path for path in paths if path not in tables)
        raise UserError(f"tables and captured records cannot be checked together: check {others} separately")
    if remote := [path for path in tables if path.startswith("s3://")]:
        raise UserError(f"tables are read from this machine: download {', '.join(remote)} first")
    profiles: list[Profile] = []
    absent: set[str] = set()
    for path in _remove_nested(map(Path, tables)):
        table_profile = _read(
            path,
            lambda path=path: count_table(
                open_table(path, names), frozen_reference, str(path), _report_progress(progress_bar, path.name)
            ),
        )
        profiles.append(table_profile.profile)
        absent |= table_profile.absent_columns
    return sum_profiles(frozen_reference, profiles), frozenset(absent)


def _remove_nested(tables: Iterable[Path]) -> list[Path]:
    """Returns the tables without duplicates, and without those in a folder that is also given."""
    resolved_paths = {path.resolve(): path for path in tables}
    return [
        path for resolved_path, path in resolved_paths.items() if not resolved_paths.keys() & set(resolved_path.parents)
    ]


def _require_not_an_input(output: Path, inputs: Iterable[Path], what: str) -> None:
    """Raises UserError if a command would overwrite its own input, under whatever name."""
    for path in _iterate_input_files(inputs):
        if path.exists() and output.exists() and output.samefile(path):
            raise UserError(f"{output} is also the input {path}, which would be overwritten: give {what} another name")


def _iterate_input_files(paths: Iterable[Path]) -> Iterator[Path]:
    """Yields the files that a command reads: for a folder, its tables and captured records."""
    for path in paths:
        if path.is_dir():
            yield from (file for file in path.rglob("*") if file.name.endswith((*CAPTURE_SUFFIXES, *PARQUET_SUFFIXES)))
        else:
            yield path


def _report_progress(progress_bar: ProgressBar, name: str) -> Callable[[int, int], None]:
    return lambda done, size: progress_bar(f"count {name}", done, size)


def _read(path: Path, read: Callable[[], Content]) -> Content:
    try:
        return read()
    except OSError as error:
        raise UserError(f"cannot read {path}: {_explain_os_error(error, path)}") from error


def _explain_os_error(error: OSError, path: Path) -> str:
    """Returns why a file cannot be read, without the file's name.

    The table parser puts the name at the end of its sentence.
    """
    if isinstance(error, FileNotFoundError):
        return "no such file or directory"
    return (error.strerror or str(error)).lower().removesuffix(f": {str(path).lower()}")


def _write(path: Path, content: bytes) -> None:
    try:
        if not path.parent.exists():
            path.parent.mkdir(parents=True)
        path.write_bytes(content)
    except OSError as error:
        raise UserError(f"cannot write {path}: {(error.strerror or str(error)).lower()}") from error
