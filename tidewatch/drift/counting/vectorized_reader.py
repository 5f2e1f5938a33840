"""Reads many simple CSV rows at once: numbers with simdjson, categories by comparing their bytes as integers.

A row that is not entirely simple is left out, never guessed: the strict parser decides on it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import simdjson

from tidewatch.arrays import Bytes, Counts, Floats, Mask, Words
from tidewatch.capture.parsing import MISSING_MARKERS, parse_category
from tidewatch.drift.counting.binning import CategoryBinner
from tidewatch.drift.counting.line_template import PaddedBuffer, PayloadSpans, find_true_rows
from tidewatch.drift.reference import CategoryFeature, NumericFeature, Reference

MAX_ROW_BYTES = 4000
"""A longer row is left to the strict parser."""
MAX_VALUE_BYTES = 16
_NEEDS_ESCAPE = re.compile(r'[\x00-\x1f"\\,]')

_COMMA, _BLANK = b",\t"
"""A JSON parser skips tabs, and a JSON string cannot contain a raw one, so a tab marks erased text."""
_MISSING_SENTINEL = b"1.7976931348623157e308"
"""Replaces a missing number while the text is parsed. A row with this number is left to the strict parser."""
_HASH_MULTIPLIER, _SALT = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xD6E8FEB86659FD93)
_BYTE_MASKS = np.array([2 ** (8 * length) - 1 for length in range(9)], np.uint64)
_IS_NON_NUMERIC = np.ones(256, np.bool_)
_IS_NON_NUMERIC[list(b"0123456789+-.eE,\t")] = False
_IS_ESCAPED = np.zeros(256, np.bool_)
_IS_ESCAPED[[*range(9), *range(10, 32), *b'"\\', *range(127, 256)]] = True


@dataclass(frozen=True)
class VectorizedRows:
    """The rows that were read."""

    rows: Counts
    """Indices into the spans."""
    numbers: Floats
    """Shape (rows, numeric features and the score); NaN is missing."""
    categories: list[Counts]
    """The counts of each category feature."""


class _CategoryLookup:
    """The bins of all category features by the bytes of their values, with missing but without unseen."""

    def __init__(self, features: Sequence[CategoryFeature]) -> None:
        self.widths = [feature.width for feature in features]
        self._salts = np.arange(1, len(features) + 1, dtype=np.uint64) * _SALT
        rows = [
            (int.from_bytes(text[:8], "little"), int.from_bytes(text[8:], "little"), index, bin_index)
            for index, feature in enumerate(features)
            for text, bin_index in _build_value_bins(feature).items()
        ]
        low, high = (np.array([row[half] for row in rows], np.uint64) for half in (0, 1))
        key = self._hash_key(low, high, np.array([row[2] for row in rows], np.int64))
        order = np.argsort(key, kind="stable")
        self._keys, self._low, self._high = key[order], low[order], high[order]
        self._feature = np.array([row[2] for row in rows], np.int64)[order]
        self._bins = np.array([row[3] for row in rows], np.int64)[order]
        self._has_long_values = bool(high.any())

    def find_bins(self, buffer: PaddedBuffer, starts: Counts, lengths: Counts) -> tuple[Counts, Mask]:
        """Returns the bin of each field and which fields are known. All have the shape (rows, category features)."""
        low = _mask_words(buffer.gather_words(starts), np.minimum(lengths, 8))
        high = (
            _mask_words(buffer.gather_words(starts + 8), np.clip(lengths - 8, 0, 8))
            if self._has_long_values
            else np.zeros_like(low)
        )
        feature: Counts = np.arange(starts.shape[1], dtype=np.int64)
        positions = np.minimum(np.searchsorted(self._keys, self._hash_key(low, high, feature)), len(self._keys) - 1)
        is_known: Mask = (
            (self._low[positions] == low) & (self._high[positions] == high) & (self._feature[positions] == feature)
        )
        return self._bins[positions], is_known & (lengths <= (MAX_VALUE_BYTES if self._has_long_values else 8))

    def _hash_key(self, low: Words, high: Words, feature: Counts) -> Words:
        return low ^ (high * _HASH_MULTIPLIER) ^ self._salts[feature]


def _build_value_bins(feature: CategoryFeature) -> dict[bytes, int]:
    """Returns the bins of the values whose bytes appear unchanged in a record."""
    bins = CategoryBinner(feature)
    known = {text: bins.bin(None) for text in MISSING_MARKERS}
    known |= {
        value: bins.bin(value) for value in (*feature.values, *feature.other_values) if parse_category(value) == value
    }
    # A row of names may be a payload's header.
    known.pop(feature.name, None)
    named = {text.encode(): index for text, index in known.items() if not _NEEDS_ESCAPE.search(text)}
    return {text: index for text, index in named.items() if len(text) <= MAX_VALUE_BYTES}


def _mask_words(words: Words, lengths: Counts) -> Words:
    """Returns the first `lengths` (0 to 8) bytes of each word, with the others 0."""
    return words & _BYTE_MASKS[lengths]


class VectorizedReader:
    """Reads rows of `field_count` values for one reference. The values are its features or all its columns."""

    def __init__(self, reference: Reference, field_count: int) -> None:
        by_name: dict[str, NumericFeature | CategoryFeature] = {feature.name: feature for feature in reference.features}
        names = list(by_name) if field_count == len(by_name) else list(reference.columns)
        columns = [by_name.get(name) for name in names]
        self._is_compatible = field_count == len(names) and reference.score is not None
        self._field_count = field_count
        self._numeric_positions = [
            index for index, feature in enumerate(columns) if isinstance(feature, NumericFeature)
        ]
        category_columns = [
            (index, feature) for index, feature in enumerate(columns) if isinstance(feature, CategoryFeature)
        ]
        self._category_positions, self._category_lookup = (
            [index for index, _ in category_columns],
            _CategoryLookup([feature for _, feature in category_columns]),
        )
        self._blanked_runs = _find_runs(
            [index for index, feature in enumerate(columns) if not isinstance(feature, NumericFeature)]
        )
        self._has_unread_columns = None in columns
        self._parser = cast("Any", simdjson.Parser())  # its stubs do not have arrays of numbers

    @property
    def is_compatible(self) -> bool:
        """Whether a row with this number of fields fits the reference."""
        return self._is_compatible

    def read(self, buffer: PaddedBuffer, spans: PayloadSpans) -> VectorizedRows:
        """Returns the rows that are simple, without the others."""
        # A row much longer than the others would widen the table for all.
        widest = min(MAX_ROW_BYTES, 4 * int(np.median(spans.input_length)) + 64)
        narrow: Mask = spans.input_length < widest
        keep, spans = np.flatnonzero(narrow), spans.select(narrow)
        if not len(keep):
            return self._build_empty()
        table = self._build_table(buffer, spans)
        separators, is_complete = self._find_separators(table, spans.input_length)
        if self._has_unread_columns:
            # Columns that are not read must still be valid JSON strings. All other bytes are compared or parsed.
            is_complete &= ~_IS_ESCAPED[table].any(1)
        if not is_complete.all():
            keep, spans, table, separators = (
                keep[is_complete],
                spans.select(is_complete),
                table[is_complete],
                separators[is_complete],
            )
        if not len(keep):
            return self._build_empty()
        bins, is_known = self._bin_categories(buffer, spans, separators)
        self._blank_non_numeric(table, separators)
        numbers, parsed = self._parse(table, self._find_empty_numbers(separators))
        is_readable = is_known & parsed
        if not is_readable.all():
            keep, numbers, bins = keep[is_readable], numbers[is_readable], bins[is_readable]
        return VectorizedRows(keep, numbers, self._count_bins(bins))

    def _build_empty(self) -> VectorizedRows:
        numbers = np.empty((0, len(self._numeric_positions) + 1))
        return VectorizedRows(np.empty(0, np.int64), numbers, self._count_bins(np.empty((0, 0), np.int64)))

    def _build_table(self, buffer: PaddedBuffer, spans: PayloadSpans) -> Bytes:
        """Returns the text of each row: a blank, input, a comma, blanks up to the longest input, output, a comma."""
        longest = int(spans.input_length.max())
        answer = int(spans.output_length.max())
        table = buffer.gather(spans.input_start - 1, longest + answer + 3)
        table[:, 0] = _BLANK
        shortest = int(spans.input_length.min()) + 1
        ends = np.arange(shortest, longest + 2, dtype=np.int16)
        np.putmask(table[:, shortest : longest + 2], ends > spans.input_length.astype(np.int16)[:, None], _BLANK)
        table[np.arange(len(spans)), spans.input_length + 1] = _COMMA
        score = buffer.gather(spans.output_start, answer + 1)
        beyond = np.arange(answer + 1, dtype=np.int16) >= spans.output_length.astype(np.int16)[:, None]
        np.putmask(score, beyond, _BLANK)
        score[:, -1] = _COMMA
        table[:, longest + 2 :] = score
        return table

    def _find_separators(self, table: Bytes, lengths: Counts) -> tuple[Counts, Mask]:
        """Returns where each value of each row ends, and which rows have the right number of values.

        The ends are columns of the table, in the shape (rows, fields); those of incomplete rows are undefined.
        """
        rows, width = len(table), table.shape[1]
        first: Counts = width * np.arange(rows, dtype=np.int64).reshape(-1, 1)
        commas: Counts = np.flatnonzero(table.reshape(-1) == _COMMA)
        values_per_row = self._field_count + 1  # and the output
        if len(commas) == rows * values_per_row:
            found = commas.reshape(rows, values_per_row) - first
            if np.array_equal(found[:, -2], lengths + 1):
                return found[:, :-1], np.ones(len(table), np.bool_)
        is_complete = np.bincount(commas // width, minlength=rows) == values_per_row
        found = np.zeros((rows, values_per_row), np.int64)
        found[is_complete] = (commas % width)[is_complete[commas // width]].reshape(-1, values_per_row)
        return found[:, :-1], is_complete

    def _bin_categories(self, buffer: PaddedBuffer, spans: PayloadSpans, separators: Counts) -> tuple[Counts, Mask]:
        """Returns the bins of shape (rows, category features), and the rows in which all categories are known."""
        if not self._category_positions:
            return np.empty((len(spans), 0), np.int64), np.ones(len(spans), np.bool_)
        ends = separators[:, self._category_positions]
        starts = separators[:, [max(index - 1, 0) for index in self._category_positions]] + 1
        if self._category_positions[0] == 0:
            starts[:, 0] = 1
        bins, is_known = self._category_lookup.find_bins(
            buffer, starts + (spans.input_start - 1)[:, None], ends - starts
        )
        return bins, find_true_rows(is_known)

    def _count_bins(self, bins: Counts) -> list[Counts]:
        widths = self._category_lookup.widths
        if not len(bins):
            return [np.zeros(width, np.int64) for width in widths]
        return [np.bincount(bins[:, index], minlength=width) for index, width in enumerate(widths)]

    def _blank_non_numeric(self, table: Bytes, separators: Counts) -> None:
        """Blanks every value that is not numeric, with its comma."""
        narrow = separators.astype(np.int16)
        for first, last in self._blanked_runs:
            begin = int(separators[:, first - 1].min()) + 1 if first else 0
            block = table[:, begin : int(separators[:, last].max()) + 1]
            columns = np.arange(begin, begin + block.shape[1], dtype=np.int16)
            within = columns <= narrow[:, last, None]
            if first:
                within &= columns > narrow[:, first - 1, None]
            np.putmask(block, within, _BLANK)

    def _find_empty_numbers(self, separators: Counts) -> Mask:
        """Returns the rows with an empty number: its comma directly follows the one before."""
        narrow = separators.astype(np.int16)
        empty = np.empty(narrow.shape, np.bool_)
        np.equal(narrow[:, 0], 1, out=empty[:, 0])
        np.equal(narrow[:, 1:], narrow[:, :-1] + 1, out=empty[:, 1:])
        if not empty.any():
            return np.zeros(len(empty), np.bool_)
        return np.logical_or.reduce(empty[:, self._numeric_positions], axis=1)

    def _parse(self, text: Bytes, has_empty: Mask) -> tuple[Floats, Mask]:
        """Parses rows of comma-terminated numbers, of shape (rows, bytes).

        Rows with an empty number are parsed separately.
        """
        numbers = np.full((len(text), len(self._numeric_positions) + 1), np.nan)
        parsed = np.zeros(len(text), np.bool_)
        for gap in (False, True):
            which = np.flatnonzero(has_empty == gap)
            if len(which) and not self._parse_all(text, which, gap, numbers, parsed):
                is_numeric = ~_IS_NON_NUMERIC[text[which]].any(1)
                self._parse_some(text, which[is_numeric], gap, numbers, parsed)
        return numbers, parsed

    def _parse_all(self, text: Bytes, which: Counts, gap: bool, numbers: Floats, parsed: Mask) -> bool:
        values = self._parse_numbers(text if len(which) == len(text) else text[which], gap)
        if values is None:
            return False
        numbers[which], parsed[which] = values, True
        return True

    def _parse_some(self, text: Bytes, which: Counts, gap: bool, numbers: Floats, parsed: Mask) -> None:
        """Parses the rows `which` together.

        If that fails it parses each half, so that one bad row affects few others.
        """
        if len(which) and not self._parse_all(text, which, gap, numbers, parsed) and len(which) > 1:
            half = len(which) // 2
            self._parse_some(text, which[:half], gap, numbers, parsed)
            self._parse_some(text, which[half:], gap, numbers, parsed)

    def _parse_numbers(self, text: Bytes, gap: bool) -> Floats | None:
        """Returns the numbers of shape (rows, numbers), or None if JSON does not accept one of them."""
        # The first byte is blank and the last a comma. Brackets in their place make one array of all rows.
        text[0, 0], text[-1, -1] = b"[]"
        raw = text.tobytes()
        text[0, 0], text[-1, -1] = _BLANK, _COMMA
        if raw.find(b"[", 1) > 0:
            return None  # nested arrays would be flattened
        if gap:
            if _MISSING_SENTINEL in raw:
                return None
            raw = raw.translate(None, b"\t").replace(b"[,", b"[" + _MISSING_SENTINEL + b",")
            for _ in range(2):  # neighbouring gaps share a comma
                raw = raw.replace(b",,", b"," + _MISSING_SENTINEL + b",")
        try:
            flat = np.frombuffer(self._parser.parse(raw).as_buffer(of_type="d"))
        except (ValueError, TypeError):
            return None
        if len(flat) != len(text) * (len(self._numeric_positions) + 1):
            return None
        values = flat.reshape(len(text), -1)
        return np.where(values == float(_MISSING_SENTINEL), np.nan, values) if gap else values


def _find_runs(positions: Sequence[int]) -> list[tuple[int, int]]:
    """Returns runs of consecutive positions as (first, last)."""
    found: list[tuple[int, int]] = []
    for position in positions:
        if found and found[-1][1] == position - 1:
            found[-1] = (found[-1][0], position)
        else:
            found.append((position, position))
    return found
