"""What Evidently said of the windows, and the document that is kept of it."""

from __future__ import annotations

from bench import column_kinds
from bench.drift import verdict_comparison
from bench.verdict_rates import VerdictRates, VerdictRequirement, list_misses

ROWS = [
    VerdictRates("no drift", 1_000, 50, 100, 0.0, 0.01, peer=0.5, peer_windows=2),
    VerdictRates("missing 1% -> 8%", 1_000, 500, 100, 1.0, 0.0, peer=1.0, peer_windows=1),
]
KINDS = [
    VerdictRates("0 and 1: no drift", 1_000, 50, 100, 0.0, 0.01),
    VerdictRates("0 and 1: no drift", 1_000, 500, 100, 0.002, 0.0),
    VerdictRates("0 and 1: 30% -> 40%", 1_000, 500, 100, 0.6, 0.4, requirement=VerdictRequirement.DETECTED),
]
ANSWERS = [(0, False), (20, True), (3, False)]


def test_answers_belong_to_the_rows_in_their_order() -> None:
    first, second = verdict_comparison.compute_peer_rates(ROWS, ANSWERS)
    assert (first.any_column, first.table, first.columns) == (0.5, 0.5, 10.0)
    assert (second.any_column, second.table, second.columns) == (1.0, 0.0, 3.0)


def test_the_document_has_all_tables_and_says_how_it_was_made() -> None:
    text = verdict_comparison.render_document(ROWS, KINDS, verdict_comparison.compute_peer_rates(ROWS, ANSWERS), "0.7")
    assert "Written by `make bench` (seed 1" in text
    assert "Evidently 0.7" in text
    assert "| no drift | 1,000 | 50 | 100 | 0.0% | 1.0% |" in text
    assert "| no drift | 1,000 | 50 | 2 | 50% | 50% | 10.0 of 25 |" in text
    assert "| 0 and 1: no drift | 1,000 | 0.0% / 1.0% | 0.2% / 0.0% |" in text
    assert "| 0 and 1: 30% -> 40% | 1,000 | 500 | 100 | 60.0% | 40.0% |" in text


def test_the_document_that_is_kept_tells_of_the_kinds_that_are_measured() -> None:
    names = {
        f"{kind.name}: {name}"
        for kind in column_kinds.KINDS
        for name in (column_kinds.NO_DRIFT, *(move.name for move in kind.changes))
    }
    lines = [
        line.split(" | ")[0] for line in verdict_comparison.DOCUMENT.read_text().splitlines() if line.startswith("| ")
    ]
    assert {line.removeprefix("| ") for line in lines if ": " in line} == names


def test_a_row_that_does_not_hold_what_is_promised_is_told() -> None:
    assert list_misses([*KINDS, VerdictRates("still", 1_000, 50, 100, 0.01, 0.01)]) == []
    broken = [
        VerdictRates("still", 1_000, 50, 100, 0.0, 0.02),
        VerdictRates("moved", 1_000, 50, 100, 0.5, 0.48, requirement=VerdictRequirement.DETECTED),
        VerdictRates("moved far", 1_000, 50, 100, 0.98, 0.02, requirement=VerdictRequirement.DRIFT),
    ]
    assert [fault.split(",")[0] for fault in list_misses(broken)] == ["still", "moved", "moved far"]
