"""docs/fidelity.md says what the code does."""

from __future__ import annotations

from pathlib import Path

from rehearsal.aws import latencies
from rehearsal.aws.faults import KINDS
from rehearsal.aws.sagemaker.host_metrics import BASELINE_PERCENT

DOCUMENT = (Path(__file__).parents[3] / "docs" / "fidelity.md").read_text()


def row(name: str) -> list[str]:
    line = next(line for line in DOCUMENT.splitlines() if line.startswith(f"| `{name}` |"))
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_every_stated_duration_is_in_the_table_with_its_seconds() -> None:
    for name, value in vars(latencies).items():
        if name.isupper():
            stated = [float(part) for part in row(name)[1].split(",")]
            assert stated == (list(value) if isinstance(value, tuple) else [value])


def test_every_fault_is_in_the_table_with_its_options() -> None:
    for kind, options in KINDS.items():
        assert {option.strip() for option in row(kind)[1].split(",")} == options


def test_every_stated_figure_of_a_host_is_in_the_table() -> None:
    for name, value in BASELINE_PERCENT.items():
        assert float(row(name)[1]) == value
