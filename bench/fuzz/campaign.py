"""A run of the fuzzer: which examples there are, the processes that read them, and the worst of what they found."""

from __future__ import annotations

import multiprocessing
import random
import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from bench.fuzz import giants, mutations
from bench.fuzz.corpus import Model, models
from bench.fuzz.reading import COSTS, RECORDS, REFERENCES, STREAMS, Fault, Read, read_all, read_one, smaller

GIANTS = "giants"
"""Records of tens of kilobytes to megabytes; every other one is of some kilobytes at most."""
SIZES = {RECORDS: 250, GIANTS: 1, STREAMS: 20, REFERENCES: 20}
"""Examples that are read in one process."""
SHARES = {GIANTS: 0.001, STREAMS: 0.01, REFERENCES: 0.005}
"""Of all examples; the others are small records."""
SECONDS, MIB = 0.1, 30.0
"""Below these no single record is looked for: they are a tenth of what one may take."""
RENEWED_AFTER = 300
"""Batches after which a process is replaced by a new one, which holds no memory yet."""


@dataclass(frozen=True)
class Batch:
    """Examples that are made from the seed and this alone."""

    seed: int
    number: int
    what: str
    size: int


@dataclass(frozen=True)
class Costliest:
    """What a record took that took the most, and where it is from."""

    read: Read = field(default_factory=Read)
    told: str = ""


@dataclass
class Found:
    """What a batch, or all of them, came to. examples: by what they are. faults: the smallest of each kind."""

    examples: dict[str, int] = field(default_factory=dict[str, int])
    read: int = 0
    parsed: int = 0
    slowest: Costliest = field(default_factory=Costliest)
    largest: Costliest = field(default_factory=Costliest)
    faults: dict[str, Fault] = field(default_factory=dict[str, Fault])

    def add(self, other: Found) -> None:
        """Takes another batch's findings in."""
        for what, count in other.examples.items():
            self.examples[what] = self.examples.get(what, 0) + count
        self.read += other.read
        self.parsed += other.parsed
        self.meet(other.slowest)
        self.meet(other.largest)
        for fault in other.faults.values():
            self.fail(fault)

    def meet(self, one: Costliest) -> None:
        """Takes one cost in."""
        if one.read.seconds > self.slowest.read.seconds:
            self.slowest = one
        if one.read.mib > self.largest.read.mib:
            self.largest = one

    def fail(self, fault: Fault) -> None:
        """Takes a fault in, where it is the first or the smallest of its kind."""
        held = self.faults.get(fault.kind)
        if held is None or len(fault.data) < len(held.data):
            self.faults[fault.kind] = fault


def plan(examples: int, seed: int) -> list[Batch]:
    """The batches of a run, in an order that mixes them."""
    counts = {what: int(examples * share) for what, share in SHARES.items()}
    counts[RECORDS] = examples - sum(counts.values())
    parts = [
        (what, min(SIZES[what], count - start))
        for what, count in counts.items()
        for start in range(0, count, SIZES[what])
    ]
    random.Random(seed).shuffle(parts)
    return [Batch(seed, number, what, size) for number, (what, size) in enumerate(parts)]


def examples_of(batch: Batch, known: tuple[Model, ...]) -> tuple[int, str, list[bytes]]:
    """The batch's model, by its place among those known, what its examples are to a reader, and they themselves."""
    rng = random.Random(f"{batch.seed}/{batch.number}/{batch.what}")
    which = rng.choice((0, 0, 0, 1, 2, 3))
    model = known[which]
    if batch.what == GIANTS:
        if rng.random() < 0.05:
            return which, STREAMS, [giants.stream(rng)]
        return which, RECORDS, [giants.line(model, rng)]
    make = {RECORDS: mutations.line, STREAMS: mutations.stream, REFERENCES: mutations.reference}[batch.what]
    return which, batch.what, [make(model, rng) for _ in range(batch.size)]


def run(examples: int, seed: int, processes: int, heard: Callable[[int, Found], object]) -> Found:
    """Reads so many examples, or those up to Ctrl-C; `heard` is told how many are done, and what was found by then."""
    total, done = Found(), 0
    # Who has seen enough stops it, and gets what was found.
    with suppress(KeyboardInterrupt):
        for size, found in _read(plan(examples, seed), processes):
            total.add(found)
            done += size
            heard(done, total)
    known = models()
    total.faults = {kind: _shrunk(fault, known) for kind, fault in total.faults.items()}
    return total


def _read(batches: list[Batch], processes: int) -> Iterator[tuple[int, Found]]:
    context = multiprocessing.get_context("spawn")
    with context.Pool(processes, _begin, maxtasksperchild=RENEWED_AFTER) as pool:
        yield from pool.imap_unordered(_work, batches)


_worker: _Worker


def _begin() -> None:
    global _worker
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _worker = _Worker()


def _work(batch: Batch) -> tuple[int, Found]:
    return batch.size, _worker.read(batch)


class _Worker:
    """Reads batches, and remembers the costliest record, so that files that cost less are not searched."""

    def __init__(self) -> None:
        self._known = models()
        self._seen = Found()

    def read(self, batch: Batch) -> Found:
        which, what, examples = examples_of(batch, self._known)
        found = Found({batch.what: len(examples)})
        whole = self._search(found, batch, (which, what), 0, examples)
        found.read, found.parsed = whole.read, whole.parsed
        self._seen.add(found)
        return found

    def _search(self, found: Found, batch: Batch, kind: tuple[int, str], at: int, examples: list[bytes]) -> Read:
        """Reads examples, and looks for the one at fault, or for the costliest one, in halves of them."""
        which, what = kind
        model = self._known[which]
        if len(examples) == 1:
            one = read_one(model, what, examples[0])
            told = f"{len(examples[0]):,} bytes of {what}, batch {batch.number}, example {at}"
            found.meet(Costliest(one, told))
            if one.fault:
                found.fail(Fault(what, one.kind, one.fault, examples[0], which))
            return one
        whole = read_all(model, what, examples)
        if whole.fault or self._is_costlier(whole, found):
            half = len(examples) // 2
            self._search(found, batch, kind, at, examples[:half])
            self._search(found, batch, kind, at + half, examples[half:])
            if whole.fault and not found.faults:
                # No example by itself shows it: it takes several of them.
                data = b"\n".join(examples) if what == RECORDS else b"".join(examples)
                found.fail(Fault(what, whole.kind, whole.fault, data, which))
        return whole

    def _is_costlier(self, whole: Read, found: Found) -> bool:
        seconds = max(SECONDS, self._seen.slowest.read.seconds, found.slowest.read.seconds)
        mib = max(MIB, self._seen.largest.read.mib, found.largest.read.mib)
        return whole.seconds > seconds or whole.mib > mib


def _shrunk(fault: Fault, known: tuple[Model, ...]) -> Fault:
    if fault.kind in COSTS:
        # Less of it costs less, and each try takes as long as the fault does.
        return fault
    model = known[fault.model]
    return Fault(fault.what, fault.kind, fault.told, smaller(model, fault.what, fault.data, fault.kind), fault.model)
