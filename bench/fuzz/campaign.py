"""A run of the fuzzer: its examples, the processes that read them, and the worst of their results."""

from __future__ import annotations

import multiprocessing
import random
import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from bench.fuzz import large_records, mutations
from bench.fuzz.corpus import FuzzModel, build_models
from bench.fuzz.oracle import (
    COST_FAULTS,
    RECORDS,
    REFERENCES,
    STREAMS,
    FuzzFault,
    ReadResult,
    read_all,
    read_one,
    shrink,
)

LARGE_RECORDS = "giants"
"""Records of tens of kilobytes to megabytes; all other records have a few kilobytes at most."""
BATCH_SIZES = {RECORDS: 250, LARGE_RECORDS: 1, STREAMS: 20, REFERENCES: 20}
"""The number of examples that are read in one process."""
SHARES = {LARGE_RECORDS: 0.001, STREAMS: 0.01, REFERENCES: 0.005}
"""The shares of all examples; the others are small records."""
SEARCH_ABOVE_SECONDS, SEARCH_ABOVE_MIB = 0.1, 30.0
"""Below these costs the run searches for no single record: they are a tenth of the limits."""
BATCHES_PER_PROCESS = 300
"""The number of batches after which a new process, which holds no memory yet, replaces an old one."""


@dataclass(frozen=True)
class ExampleBatch:
    """Examples that depend only on the seed and this batch."""

    seed: int
    number: int
    input_kind: str
    size: int


@dataclass(frozen=True)
class CostliestExample:
    """The costs of the costliest record, and where it came from."""

    result: ReadResult = field(default_factory=ReadResult)
    description: str = ""


@dataclass
class CampaignResult:
    """The result of one batch, or of all."""

    examples: dict[str, int] = field(default_factory=dict[str, int])
    """The number of examples by kind."""
    read: int = 0
    parsed: int = 0
    slowest: CostliestExample = field(default_factory=CostliestExample)
    largest: CostliestExample = field(default_factory=CostliestExample)
    faults: dict[str, FuzzFault] = field(default_factory=dict[str, FuzzFault])
    """The smallest fault of each kind."""

    def merge(self, other: CampaignResult) -> None:
        """Adds another batch's result."""
        for input_kind, count in other.examples.items():
            self.examples[input_kind] = self.examples.get(input_kind, 0) + count
        self.read += other.read
        self.parsed += other.parsed
        self.add_cost(other.slowest)
        self.add_cost(other.largest)
        for fault in other.faults.values():
            self.add_fault(fault)

    def add_cost(self, costliest: CostliestExample) -> None:
        """Adds one cost."""
        if costliest.result.seconds > self.slowest.result.seconds:
            self.slowest = costliest
        if costliest.result.mib > self.largest.result.mib:
            self.largest = costliest

    def add_fault(self, fault: FuzzFault) -> None:
        """Adds a fault if it is the first or the smallest of its kind."""
        smallest = self.faults.get(fault.kind)
        if smallest is None or len(fault.data) < len(smallest.data):
            self.faults[fault.kind] = fault


def plan_batches(examples: int, seed: int) -> list[ExampleBatch]:
    """Returns the batches of a run, in an order that mixes them."""
    counts = {input_kind: int(examples * share) for input_kind, share in SHARES.items()}
    counts[RECORDS] = examples - sum(counts.values())
    sizes = [
        (input_kind, min(BATCH_SIZES[input_kind], count - start))
        for input_kind, count in counts.items()
        for start in range(0, count, BATCH_SIZES[input_kind])
    ]
    random.Random(seed).shuffle(sizes)
    return [ExampleBatch(seed, number, input_kind, size) for number, (input_kind, size) in enumerate(sizes)]


def generate_examples(batch: ExampleBatch, fuzz_models: tuple[FuzzModel, ...]) -> tuple[int, str, list[bytes]]:
    """Returns the index of the batch's model, the kind of its examples for a reader, and the examples."""
    rng = random.Random(f"{batch.seed}/{batch.number}/{batch.input_kind}")
    model_index = rng.choice((0, 0, 0, 1, 2, 3))
    model = fuzz_models[model_index]
    if batch.input_kind == LARGE_RECORDS:
        if rng.random() < 0.05:
            return model_index, STREAMS, [large_records.build_stream(rng)]
        return model_index, RECORDS, [large_records.build_line(model, rng)]
    mutate = {RECORDS: mutations.mutate_line, STREAMS: mutations.mutate_stream, REFERENCES: mutations.mutate_reference}[
        batch.input_kind
    ]
    return model_index, batch.input_kind, [mutate(model, rng) for _ in range(batch.size)]


def run_campaign(
    examples: int, seed: int, processes: int, on_progress: Callable[[int, CampaignResult], object]
) -> CampaignResult:
    """Reads `examples` examples, or those up to Ctrl-C, and reports the number done and the result so far."""
    total, done_count = CampaignResult(), 0
    # Ctrl-C stops the run early and keeps its results.
    with suppress(KeyboardInterrupt):
        for size, found in _read_batches(plan_batches(examples, seed), processes):
            total.merge(found)
            done_count += size
            on_progress(done_count, total)
    fuzz_models = build_models()
    total.faults = {kind: _shrink_fault(fault, fuzz_models) for kind, fault in total.faults.items()}
    return total


def _read_batches(batches: list[ExampleBatch], processes: int) -> Iterator[tuple[int, CampaignResult]]:
    context = multiprocessing.get_context("spawn")
    with context.Pool(processes, _start_worker, maxtasksperchild=BATCHES_PER_PROCESS) as pool:
        yield from pool.imap_unordered(_read_batch, batches)


_worker: _Worker


def _start_worker() -> None:
    global _worker
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _worker = _Worker()


def _read_batch(batch: ExampleBatch) -> tuple[int, CampaignResult]:
    return batch.size, _worker.read_batch(batch)


class _Worker:
    """Reads batches, and remembers the costliest record, so that it does not search files that cost less."""

    def __init__(self) -> None:
        self._models = build_models()
        self._total = CampaignResult()

    def read_batch(self, batch: ExampleBatch) -> CampaignResult:
        model_index, input_kind, examples = generate_examples(batch, self._models)
        result = CampaignResult({batch.input_kind: len(examples)})
        total = self._search_examples(result, batch, (model_index, input_kind), 0, examples)
        result.read, result.parsed = total.read, total.parsed
        self._total.merge(result)
        return result

    def _search_examples(
        self, result: CampaignResult, batch: ExampleBatch, kind: tuple[int, str], offset: int, examples: list[bytes]
    ) -> ReadResult:
        """Reads examples, and searches for the faulty or the costliest one by halving them."""
        model_index, input_kind = kind
        model = self._models[model_index]
        if len(examples) == 1:
            one = read_one(model, input_kind, examples[0])
            description = f"{len(examples[0]):,} bytes of {input_kind}, batch {batch.number}, example {offset}"
            result.add_cost(CostliestExample(one, description))
            if one.fault:
                result.add_fault(FuzzFault(input_kind, one.kind, one.fault, examples[0], model_index))
            return one
        total = read_all(model, input_kind, examples)
        if total.fault or self._is_costlier(total, result):
            half = len(examples) // 2
            self._search_examples(result, batch, kind, offset, examples[:half])
            self._search_examples(result, batch, kind, offset + half, examples[half:])
            if total.fault and not result.faults:
                # No single example shows the fault: it takes several of them.
                data = b"\n".join(examples) if input_kind == RECORDS else b"".join(examples)
                result.add_fault(FuzzFault(input_kind, total.kind, total.fault, data, model_index))
        return total

    def _is_costlier(self, total: ReadResult, result: CampaignResult) -> bool:
        seconds = max(SEARCH_ABOVE_SECONDS, self._total.slowest.result.seconds, result.slowest.result.seconds)
        mib = max(SEARCH_ABOVE_MIB, self._total.largest.result.mib, result.largest.result.mib)
        return total.seconds > seconds or total.mib > mib


def _shrink_fault(fault: FuzzFault, fuzz_models: tuple[FuzzModel, ...]) -> FuzzFault:
    if fault.kind in COST_FAULTS:
        # Less data costs less, and each try takes as long as the fault does.
        return fault
    model = fuzz_models[fault.model]
    return FuzzFault(
        fault.input_kind,
        fault.kind,
        fault.description,
        shrink(model, fault.input_kind, fault.data, fault.kind),
        fault.model,
    )
