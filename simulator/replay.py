"""Replays requests through an endpoint: rows of features in Triton's V2 protocol, over several threads."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt
from botocore.exceptions import BotoCoreError, ClientError

from simulator.aws.v2 import decode_scores, encode_rows
from tidewatch.items import error_code

if TYPE_CHECKING:
    from mypy_boto3_sagemaker_runtime import SageMakerRuntimeClient

    from simulator.aws.local_runtime import LocalRuntime

    Runtime: TypeAlias = SageMakerRuntimeClient | LocalRuntime


@dataclass(frozen=True)
class Request:
    """A body as it is sent. rows: how many it asks about."""

    content_type: str
    body: bytes
    rows: int = 1


@dataclass(frozen=True)
class Answered:
    """One request: the variant that answered, or the error's code; wall seconds; the scores of its rows."""

    first_row: int
    rows: int
    variant: str | None
    error: str | None
    seconds: float
    scores: npt.NDArray[np.float32] | None = None


@dataclass(frozen=True)
class Replayed:
    """What a replay gave. Counts are of requests; latencies are wall seconds as the client saw them."""

    requests: int
    rows: int
    by_variant: dict[str, int]
    errors: dict[str, int]
    seconds: float
    latencies: tuple[float, ...]
    scores: npt.NDArray[np.float32] | None = field(default=None, repr=False)

    @property
    def answered(self) -> int:
        return sum(self.by_variant.values())

    def share(self, variant: str) -> float:
        """The variant's share of the answered requests; 0 where none was answered."""
        return self.by_variant.get(variant, 0) / self.answered if self.answered else 0.0

    def latency(self, percentile: float) -> float:
        """A percentile (0 to 100) of the latencies, in wall seconds; 0 where none was answered."""
        return float(np.percentile(self.latencies, percentile)) if self.latencies else 0.0

    def to_json(self) -> dict[str, Any]:
        return {
            "requests": self.requests,
            "rows": self.rows,
            "by_variant": self.by_variant,
            "errors": self.errors,
            "seconds": self.seconds,
            "p50_seconds": self.latency(50),
            "p99_seconds": self.latency(99),
        }


def replay(
    client: Runtime,
    endpoint: str,
    features: npt.NDArray[np.float32],
    *,
    rows_per_request: int = 8,
    threads: int = 4,
    requests: int | None = None,
    binary: bool = True,
    target_variant: str | None = None,
    inference_id: Callable[[int], str] | None = None,
    keep_scores: bool = False,
) -> Replayed:
    """Sends the rows of `features` (n, columns), float32, in order and `rows_per_request` at a time.

    Stops after `requests` requests, or with the rows. `inference_id` gives a request's id from its first row's index.
    With `keep_scores` the answers to the rows sent are returned in their order (NaN where a request failed).
    An error of one request is counted by its code and does not stop the others.
    """
    data = np.ascontiguousarray(features, dtype=np.float32)
    if data.ndim != 2 or rows_per_request < 1 or threads < 1:
        raise ValueError("A replay takes a matrix of rows, at least one row a request and at least one thread.")

    def ask(first: int) -> Answered:
        chunk = data[first : first + rows_per_request]
        extra: dict[str, Any] = {"TargetVariant": target_variant} if target_variant else {}
        if inference_id is not None:
            extra["InferenceId"] = inference_id(first)
        return _ask(client, endpoint, Request(*encode_rows(chunk, binary), len(chunk)), first, keep_scores, extra)

    began = time.perf_counter()
    answers = _asked(ask, _starts(len(data), rows_per_request, requests), threads)
    return _summed(answers, time.perf_counter() - began, keep_scores)


def replay_requests(client: Runtime, endpoint: str, requests: Sequence[Request], *, threads: int = 4) -> Replayed:
    """Sends these bodies in order. An error of one request is counted by its code and does not stop the others."""
    began = time.perf_counter()
    answers = _asked(lambda at: _ask(client, endpoint, requests[at], at, False, {}), range(len(requests)), threads)
    return _summed(answers, time.perf_counter() - began, False)


def _asked(ask: Callable[[int], Answered], places: Iterable[int], threads: int) -> list[Answered]:
    if threads == 1:
        return [ask(place) for place in places]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(ask, places))


def _starts(rows: int, step: int, requests: int | None) -> Iterator[int]:
    every = range(0, rows, step)
    yield from every if requests is None else every[:requests]


def _ask(
    client: Runtime,
    endpoint: str,
    request: Request,
    first: int,
    keep_scores: bool,
    extra: dict[str, Any],
) -> Answered:
    began = time.perf_counter()
    try:
        answer = client.invoke_endpoint(
            EndpointName=endpoint, ContentType=request.content_type, Body=request.body, **extra
        )
        payload = answer["Body"].read()
    except ClientError as refused:
        code = error_code(refused) or "Unknown"
        return Answered(first, request.rows, None, code, time.perf_counter() - began)
    except BotoCoreError as failed:
        return Answered(first, request.rows, None, type(failed).__name__, time.perf_counter() - began)
    seconds = time.perf_counter() - began
    scores = decode_scores(answer["ContentType"], payload) if keep_scores else None
    return Answered(first, request.rows, answer["InvokedProductionVariant"], None, seconds, scores)


def _summed(answers: list[Answered], seconds: float, keep_scores: bool) -> Replayed:
    good = [answer for answer in answers if answer.error is None]
    return Replayed(
        len(answers),
        sum(answer.rows for answer in answers),
        dict(Counter(answer.variant for answer in good if answer.variant)),
        dict(Counter(answer.error for answer in answers if answer.error)),
        seconds,
        tuple(answer.seconds for answer in good),
        _joined(answers) if keep_scores else None,
    )


def _joined(answers: list[Answered]) -> npt.NDArray[np.float32]:
    width = next((answer.scores.shape[1] for answer in answers if answer.scores is not None), 1)
    blank = [
        answer.scores if answer.scores is not None else np.full((answer.rows, width), np.nan, np.float32)
        for answer in answers
    ]
    return np.concatenate(blank) if blank else np.empty((0, width), np.float32)
