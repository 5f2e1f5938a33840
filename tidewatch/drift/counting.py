"""From lines to counts: the one step that must be fast, behind one small interface."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from tidewatch.capture.accounting import Accounting
from tidewatch.capture.lines import Block
from tidewatch.capture.record import SHORTEST, Record
from tidewatch.drift.binning import NumericGrid
from tidewatch.drift.framing import Template, Window, learn
from tidewatch.drift.plain import PlainReader, PlainRows
from tidewatch.drift.profile import Profile
from tidewatch.drift.reference import CategoryFeature, Counts, Floats, NumericFeature, Reference
from tidewatch.drift.strict import StrictCounter

TEMPLATES = 8
"""Forms of a line that are remembered; an hour of one endpoint has one, or one for each length of its inference ids."""
LEARN_FROM = 16
"""Lines of a block that are read strictly before its other lines are given up as alike to nothing."""
HELD_ROWS = 8192
"""Rows whose numbers wait to be binned together, a column at a time: enough to be worth a call of numpy for each."""
WORTH_LEARNING = 8
"""Lines alike that make a form worth remembering."""


class LineCounter(Protocol):
    """Counts captured records against a reference. Blocks may come from several files, in any order."""

    def count(self, block: Block, source: str) -> None:
        """Counts every record of a block; `source` names its file in examples of rejects."""
        ...

    def profile(self) -> Profile:
        """The counts of all blocks so far."""
        ...


def counter(reference: Reference) -> LineCounter:
    """The fastest counter there is for this reference; every counter gives the same counts."""
    return BlockCounter(reference)


class StrictLines:
    """Reads every line strictly: slow, and what the others are held to."""

    def __init__(self, reference: Reference) -> None:
        self._reference = reference
        self._strict = StrictCounter(reference)

    def count(self, block: Block, source: str) -> None:
        if block.lost is not None:
            self._strict.lose(block.lost, source, block.offset)
        for offset, line, is_open in block.lines():
            self._strict.line(line, source, offset, is_open=is_open)

    def profile(self) -> Profile:
        return Profile(self._reference.digest, *self._strict.totals())


class BlockCounter:
    """Reads lines that are alike all at once, and every other line strictly."""

    def __init__(self, reference: Reference) -> None:
        self._reference = reference
        self._strict = StrictCounter(reference)
        self._templates: list[Template] = []
        self._readers: dict[int, PlainReader] = {}
        measured = reference.measured
        self._numeric = [at for at, one in enumerate(measured) if isinstance(one, NumericFeature)]
        self._named = [at for at, one in enumerate(measured) if isinstance(one, CategoryFeature)]
        self._grid = NumericGrid([one for one in measured if isinstance(one, NumericFeature)])
        self._held: list[Floats] = []
        self._held_rows = self._plain = 0
        self._counts = [np.zeros(one.width, np.int64) for one in measured]

    def count(self, block: Block, source: str) -> None:
        if block.lost is not None:
            self._strict.lose(block.lost, source, block.offset)
            return
        lines = _Lines(block, source)
        lines.reject_short(self._strict)
        left, strange = lines.without_controls()
        unread = [strange]
        for template in self._templates:
            left = self._alike(template, lines, left, unread)
        left = self._learn(lines, left, unread)
        for at in np.concatenate([*unread, left]):
            lines.read(at, self._strict)

    def profile(self) -> Profile:
        self._bin()
        account, rows, counts = self._strict.totals()
        both = [plain + strict for plain, strict in zip(self._counts, counts, strict=True)]
        plain = Accounting(read=self._plain, parsed=self._plain)
        return Profile(self._reference.digest, account + plain, rows + self._plain, tuple(both))

    def _learn(self, lines: _Lines, left: Counts, unread: list[Counts]) -> Counts:
        """Learns the form of lines that no template fits, and reads those alike; returns what is still left."""
        for _ in range(LEARN_FROM):
            if len(left) < WORTH_LEARNING:
                break
            first, left = int(left[0]), left[1:]
            record = lines.read(first, self._strict)
            template = learn(lines.raw(first), record) if record is not None else None
            if template is None or not self._reader(template.fields).fits:
                continue
            before = len(left)
            left = self._alike(template, lines, left, unread)
            if before - len(left) >= WORTH_LEARNING:
                self._templates = [*self._templates[-TEMPLATES + 1 :], template]
        return left

    def _alike(self, template: Template, lines: _Lines, left: Counts, unread: list[Counts]) -> Counts:
        """Reads the lines that fit the template; those of them that are not plain go to `unread`, the others back."""
        if not len(left):
            return left
        spans, others = template.match(lines.window, lines.starts, lines.ends, left)
        if len(spans):
            rows = self._reader(template.fields).read(lines.window, spans)
            self._add(rows)
            if len(rows.rows) < len(spans):
                unread.append(np.delete(spans.lines, rows.rows))
        return others

    def _reader(self, fields: int) -> PlainReader:
        if fields not in self._readers:
            self._readers[fields] = PlainReader(self._reference, fields)
        return self._readers[fields]

    def _add(self, rows: PlainRows) -> None:
        self._plain += len(rows.rows)
        for at, counted in zip(self._named, rows.categories, strict=True):
            self._counts[at] += counted
        self._held.append(rows.numbers)
        self._held_rows += len(rows.rows)
        if self._held_rows >= HELD_ROWS:
            self._bin()

    def _bin(self) -> None:
        if not self._held_rows:
            return
        for at, counted in zip(self._numeric, self._grid.count(np.concatenate(self._held)), strict=True):
            self._counts[at] += counted
        self._held, self._held_rows = [], 0


class _Lines:
    """The lines of a block: where they start and end, and which of them tell something."""

    def __init__(self, block: Block, source: str) -> None:
        self._block, self._source = block, source
        self.window = Window(block.data)
        newlines = np.flatnonzero(self.window.array[: self.window.size] == ord("\n"))
        last = [self.window.size] if block.last_is_open else []
        self.ends = np.concatenate([newlines, np.array(last, np.int64)])
        self.starts = np.concatenate([np.zeros(min(len(self.ends), 1), np.int64), self.ends[:-1] + 1])
        first = self.window.array[self.starts]
        told = self.ends > self.starts
        doubtful = np.flatnonzero(told & ((first == 32) | (first == 9) | (first == 13)))
        spans = zip(self.starts[doubtful].tolist(), self.ends[doubtful].tolist(), strict=True)
        told[doubtful[[not block.data[start:end].strip(b" \t\r") for start, end in spans]]] = False
        self.told = np.flatnonzero(told)

    def raw(self, at: int) -> bytes:
        return self._block.data[self.starts[at] : self.ends[at]]

    def without_controls(self) -> tuple[Counts, Counts]:
        """The lines without a tab or a carriage return, which the plain reader uses for itself, and those with one."""
        if b"\t" not in self._block.data and b"\r" not in self._block.data:
            return self.told, np.empty(0, np.int64)
        at = np.flatnonzero(np.isin(self.window.array[: self.window.size], (9, 13)))
        strange = np.isin(self.told, np.searchsorted(self.ends, at))
        return self.told[~strange], self.told[strange]

    def reject_short(self, strict: StrictCounter) -> None:
        """Has lines that are too short for a record read once for all that are the same; they are told no more.

        A small gzip file holds millions of them.
        """
        brief = (self.ends - self.starts)[self.told] < SHORTEST
        if self._block.last_is_open and len(brief):
            brief[-1] &= self.told[-1] != len(self.ends) - 1
        at, self.told = self.told[brief], self.told[~brief]
        alike: dict[bytes, list[int]] = {}
        for start, end in zip(self.starts[at].tolist(), self.ends[at].tolist(), strict=True):
            alike.setdefault(self._block.data[start:end], []).append(self._block.offset + start)
        for line, offsets in alike.items():
            strict.alike(line, self._source, offsets)

    def read(self, at: int, strict: StrictCounter) -> Record | None:
        """Reads one line strictly."""
        is_open = self._block.last_is_open and at == len(self.ends) - 1
        return strict.line(self.raw(at), self._source, int(self._block.offset + self.starts[at]), is_open=is_open)
