"""Reads many plain CSV rows at once: numbers through simdjson, categories by comparing their bytes as integers.

A row that is not entirely plain is told, never guessed: it goes to the strict reader, which decides alone.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import simdjson

from tidewatch.capture.scalars import MISSING, category
from tidewatch.drift.binning import Categories
from tidewatch.drift.framing import Bytes, Mask, Spans, Window, Words, whole_rows
from tidewatch.drift.reference import CategoryFeature, Counts, Floats, NumericFeature, Reference

MOST_WIDTH = 4000
"""Bytes of a row that is read together with others; a longer one is left to the strict reader."""
LONGEST_NAME = 16
_ESCAPING = re.compile(r'[\x00-\x1f"\\,]')

_COMMA, _BLANK = b",\t"
"""A tab is blank to a JSON parser, and none stands in a JSON string as it is, so it marks what was wiped out."""
_NOTHING = b"1.7976931348623157e308"
"""Stands for a missing number while the text is parsed; a row that really holds it is left to the strict reader."""
_MIX, _SALT = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xD6E8FEB86659FD93)
_MASKS = np.array([2 ** (8 * length) - 1 for length in range(9)], np.uint64)
_ODD = np.ones(256, np.bool_)
_ODD[list(b"0123456789+-.eE,\t")] = False
_ESCAPED = np.zeros(256, np.bool_)
_ESCAPED[[*range(9), *range(10, 32), *b'"\\', *range(127, 256)]] = True


@dataclass(frozen=True)
class PlainRows:
    """What was read: which rows (indices into the spans), their numbers (rows, numeric features and the score), NaN
    where missing, and the counts of each category feature."""

    rows: Counts
    numbers: Floats
    categories: list[Counts]


class _Names:
    """The bins of all category features, by the bytes of their values; missing included, unseen not."""

    def __init__(self, features: Sequence[CategoryFeature]) -> None:
        self.widths = [one.width for one in features]
        self._salts = np.arange(1, len(features) + 1, dtype=np.uint64) * _SALT
        rows = [
            (int.from_bytes(text[:8], "little"), int.from_bytes(text[8:], "little"), at, where)
            for at, feature in enumerate(features)
            for text, where in _plain_names(feature).items()
        ]
        low, high = (np.array([row[half] for row in rows], np.uint64) for half in (0, 1))
        key = self._key(low, high, np.array([row[2] for row in rows], np.int64))
        order = np.argsort(key, kind="stable")
        self._keys, self._low, self._high = key[order], low[order], high[order]
        self._feature = np.array([row[2] for row in rows], np.int64)[order]
        self._bins = np.array([row[3] for row in rows], np.int64)[order]
        self._long = bool(high.any())

    def bins(self, window: Window, starts: Counts, lengths: Counts) -> tuple[Counts, Mask]:
        """The bin of each field, and which fields are known; starts and lengths are (rows, category features)."""
        low = _kept(window.words(starts), np.minimum(lengths, 8))
        high = _kept(window.words(starts + 8), np.clip(lengths - 8, 0, 8)) if self._long else np.zeros_like(low)
        feature: Counts = np.arange(starts.shape[1], dtype=np.int64)
        at = np.minimum(np.searchsorted(self._keys, self._key(low, high, feature)), len(self._keys) - 1)
        known: Mask = (self._low[at] == low) & (self._high[at] == high) & (self._feature[at] == feature)
        return self._bins[at], known & (lengths <= (LONGEST_NAME if self._long else 8))

    def _key(self, low: Words, high: Words, feature: Counts) -> Words:
        return low ^ (high * _MIX) ^ self._salts[feature]


def _plain_names(feature: CategoryFeature) -> dict[bytes, int]:
    """The bin of every value whose bytes stand in a record as they are."""
    bins = Categories(feature)
    known = {text: bins.bin(None) for text in MISSING}
    known |= {value: bins.bin(value) for value in (*feature.values, *feature.others) if category(value) == value}
    # A row of names may be a payload's header.
    known.pop(feature.name, None)
    named = {text.encode(): at for text, at in known.items() if not _ESCAPING.search(text)}
    return {text: at for text, at in named.items() if len(text) <= LONGEST_NAME}


def _kept(words: Words, lengths: Counts) -> Words:
    """The first `lengths` (0 to 8) bytes of each word, the others 0."""
    return words & _MASKS[lengths]


class PlainReader:
    """Reads rows of `fields` values for one reference; positions stand for the features or for all columns."""

    def __init__(self, reference: Reference, fields: int) -> None:
        by_name: dict[str, NumericFeature | CategoryFeature] = {one.name: one for one in reference.features}
        names = list(by_name) if fields == len(by_name) else list(reference.columns)
        columns = [by_name.get(name) for name in names]
        self._fits = fields == len(names) and reference.score is not None
        self._fields = fields
        self._numeric_at = [at for at, one in enumerate(columns) if isinstance(one, NumericFeature)]
        named = [(at, one) for at, one in enumerate(columns) if isinstance(one, CategoryFeature)]
        self._named_at, self._names = [at for at, _ in named], _Names([one for _, one in named])
        self._wiped = _runs([at for at, one in enumerate(columns) if not isinstance(one, NumericFeature)])
        self._unread = None in columns
        self._parser = cast("Any", simdjson.Parser())  # its stubs know no array of what they parse

    @property
    def fits(self) -> bool:
        """Whether a row of so many fields can be one of the reference's at all."""
        return self._fits

    def read(self, window: Window, spans: Spans) -> PlainRows:
        """The rows that are plain; the others are left out."""
        # A row much longer than the others would widen the table of all of them.
        widest = min(MOST_WIDTH, 4 * int(np.median(spans.input_length)) + 64)
        narrow: Mask = spans.input_length < widest
        keep, spans = np.flatnonzero(narrow), spans.part(narrow)
        if not len(keep):
            return self._nothing()
        table = self._table(window, spans)
        separators, whole = self._separators(table, spans.input_length)
        if self._unread:
            # What nobody reads must still be a JSON string's: every other byte is compared or parsed.
            whole &= ~_ESCAPED[table].any(1)
        if not whole.all():
            keep, spans, table, separators = keep[whole], spans.part(whole), table[whole], separators[whole]
        if not len(keep):
            return self._nothing()
        bins, known = self._categories(window, spans, separators)
        self._wipe(table, separators)
        numbers, parsed = self._parse(table, self._gaps(separators))
        good = known & parsed
        if not good.all():
            keep, numbers, bins = keep[good], numbers[good], bins[good]
        return PlainRows(keep, numbers, self._counted(bins))

    def _nothing(self) -> PlainRows:
        numbers = np.empty((0, len(self._numeric_at) + 1))
        return PlainRows(np.empty(0, np.int64), numbers, self._counted(np.empty((0, 0), np.int64)))

    def _table(self, window: Window, spans: Spans) -> Bytes:
        """The text of each row: a blank, the input, a comma, blanks up to the longest of them, the output, a comma."""
        longest = int(spans.input_length.max())
        answer = int(spans.output_length.max())
        table = window.at(spans.input_start - 1, longest + answer + 3)
        table[:, 0] = _BLANK
        shortest = int(spans.input_length.min()) + 1
        ends = np.arange(shortest, longest + 2, dtype=np.int16)
        np.putmask(table[:, shortest : longest + 2], ends > spans.input_length.astype(np.int16)[:, None], _BLANK)
        table[np.arange(len(spans)), spans.input_length + 1] = _COMMA
        score = window.at(spans.output_start, answer + 1)
        beyond = np.arange(answer + 1, dtype=np.int16) >= spans.output_length.astype(np.int16)[:, None]
        np.putmask(score, beyond, _BLANK)
        score[:, -1] = _COMMA
        table[:, longest + 2 :] = score
        return table

    def _separators(self, table: Bytes, lengths: Counts) -> tuple[Counts, Mask]:
        """Where each value of each row ends, and which rows have as many values as they must.

        Shape (rows, fields), in columns of the table; the rows that have not hold anything.
        """
        rows, width = len(table), table.shape[1]
        first: Counts = width * np.arange(rows, dtype=np.int64).reshape(-1, 1)
        commas: Counts = np.flatnonzero(table.reshape(-1) == _COMMA)
        each = self._fields + 1  # the output's, too
        if len(commas) == rows * each:
            found = commas.reshape(rows, each) - first
            if np.array_equal(found[:, -2], lengths + 1):
                return found[:, :-1], np.ones(len(table), np.bool_)
        whole = np.bincount(commas // width, minlength=rows) == each
        found = np.zeros((rows, each), np.int64)
        found[whole] = (commas % width)[whole[commas // width]].reshape(-1, each)
        return found[:, :-1], whole

    def _categories(self, window: Window, spans: Spans, separators: Counts) -> tuple[Counts, Mask]:
        """The bins of the categories, (rows, category features), and the rows in which all of them are known."""
        if not self._named_at:
            return np.empty((len(spans), 0), np.int64), np.ones(len(spans), np.bool_)
        ends = separators[:, self._named_at]
        starts = separators[:, [max(at - 1, 0) for at in self._named_at]] + 1
        if self._named_at[0] == 0:
            starts[:, 0] = 1
        bins, known = self._names.bins(window, starts + (spans.input_start - 1)[:, None], ends - starts)
        return bins, whole_rows(known)

    def _counted(self, bins: Counts) -> list[Counts]:
        widths = self._names.widths
        if not len(bins):
            return [np.zeros(width, np.int64) for width in widths]
        return [np.bincount(bins[:, at], minlength=width) for at, width in enumerate(widths)]

    def _wipe(self, table: Bytes, separators: Counts) -> None:
        """Blanks every value that is no number, with its comma."""
        narrow = separators.astype(np.int16)
        for first, last in self._wiped:
            begin = int(separators[:, first - 1].min()) + 1 if first else 0
            part = table[:, begin : int(separators[:, last].max()) + 1]
            columns = np.arange(begin, begin + part.shape[1], dtype=np.int16)
            within = columns <= narrow[:, last, None]
            if first:
                within &= columns > narrow[:, first - 1, None]
            np.putmask(part, within, _BLANK)

    def _gaps(self, separators: Counts) -> Mask:
        """Which rows have a number without any text: its comma stands right behind the one before."""
        narrow = separators.astype(np.int16)
        empty = np.empty(narrow.shape, np.bool_)
        np.equal(narrow[:, 0], 1, out=empty[:, 0])
        np.equal(narrow[:, 1:], narrow[:, :-1] + 1, out=empty[:, 1:])
        if not empty.any():
            return np.zeros(len(empty), np.bool_)
        return np.logical_or.reduce(empty[:, self._numeric_at], axis=1)

    def _parse(self, text: Bytes, gaps: Mask) -> tuple[Floats, Mask]:
        """Rows of comma-ended numbers, shape (rows, bytes). Rows with a gap are parsed apart from the others."""
        numbers = np.full((len(text), len(self._numeric_at) + 1), np.nan)
        parsed = np.zeros(len(text), np.bool_)
        for gap in (False, True):
            which = np.flatnonzero(gaps == gap)
            if len(which) and not self._parse_all(text, which, gap, numbers, parsed):
                sound = ~_ODD[text[which]].any(1)
                self._parse_some(text, which[sound], gap, numbers, parsed)
        return numbers, parsed

    def _parse_all(self, text: Bytes, which: Counts, gap: bool, numbers: Floats, parsed: Mask) -> bool:
        values = self._values(text if len(which) == len(text) else text[which], gap)
        if values is None:
            return False
        numbers[which], parsed[which] = values, True
        return True

    def _parse_some(self, text: Bytes, which: Counts, gap: bool, numbers: Floats, parsed: Mask) -> None:
        """Parses the rows `which` together; where that fails, the halves, so that one odd row costs few others."""
        if len(which) and not self._parse_all(text, which, gap, numbers, parsed) and len(which) > 1:
            half = len(which) // 2
            self._parse_some(text, which[:half], gap, numbers, parsed)
            self._parse_some(text, which[half:], gap, numbers, parsed)

    def _values(self, text: Bytes, gap: bool) -> Floats | None:
        """The numbers of rows of text, shape (rows, numbers); None where one of them is no number to JSON."""
        # The first byte is blank and the last a comma: brackets there make one array of all rows.
        text[0, 0], text[-1, -1] = b"[]"
        raw = text.tobytes()
        text[0, 0], text[-1, -1] = _BLANK, _COMMA
        if raw.find(b"[", 1) > 0:
            return None  # nested arrays would be flattened
        if gap:
            if _NOTHING in raw:
                return None
            raw = raw.translate(None, b"\t").replace(b"[,", b"[" + _NOTHING + b",")
            for _ in range(2):  # neighbouring gaps share a comma
                raw = raw.replace(b",,", b"," + _NOTHING + b",")
        try:
            flat = np.frombuffer(self._parser.parse(raw).as_buffer(of_type="d"))
        except (ValueError, TypeError):
            return None
        if len(flat) != len(text) * (len(self._numeric_at) + 1):
            return None
        values = flat.reshape(len(text), -1)
        return np.where(values == float(_NOTHING), np.nan, values) if gap else values


def _runs(positions: Sequence[int]) -> list[tuple[int, int]]:
    """Consecutive positions as (first, last)."""
    found: list[tuple[int, int]] = []
    for at in positions:
        if found and found[-1][1] == at - 1:
            found[-1] = (found[-1][0], at)
        else:
            found.append((at, at))
    return found
