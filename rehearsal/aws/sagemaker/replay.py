"""Replays requests to an endpoint: rows of features in Triton's V2 protocol, with several threads."""

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

from rehearsal.aws.inference.kserve_v2 import decode_scores, encode_rows
from tidewatch.aws.errors import get_error_code

if TYPE_CHECKING:
    from mypy_boto3_sagemaker_runtime import SageMakerRuntimeClient

    from rehearsal.aws.inference.local_runtime import LocalRuntime

    Runtime: TypeAlias = SageMakerRuntimeClient | LocalRuntime


@dataclass(frozen=True)
class InferenceRequest:
    """A request body."""

    content_type: str
    body: bytes
    rows: int = 1
    """The number of rows in it."""


@dataclass(frozen=True)
class InferenceResult:
    """The result of one request."""

    first_row: int
    rows: int
    variant: str | None
    """The variant that answered."""
    error: str | None
    """The error's code."""
    seconds: float
    """Wall seconds."""
    scores: npt.NDArray[np.float32] | None = None
    """The scores of its rows."""


@dataclass(frozen=True)
class ReplayResult:
    """The result of a replay. Counts are of requests."""

    requests: int
    rows: int
    by_variant: dict[str, int]
    errors: dict[str, int]
    seconds: float
    latencies: tuple[float, ...]
    """Wall seconds at the client."""
    scores: npt.NDArray[np.float32] | None = field(default=None, repr=False)

    @property
    def success_count(self) -> int:
        return sum(self.by_variant.values())

    def get_share(self, variant: str) -> float:
        """The variant's share of the answered requests; 0 if none was answered."""
        return self.by_variant.get(variant, 0) / self.success_count if self.success_count else 0.0

    def get_latency_percentile(self, percentile: float) -> float:
        """A percentile (0 to 100) of the latencies, in wall seconds; 0 if none was answered."""
        return float(np.percentile(self.latencies, percentile)) if self.latencies else 0.0

    def to_json(self) -> dict[str, Any]:
        return {
            "requests": self.requests,
            "rows": self.rows,
            "by_variant": self.by_variant,
            "errors": self.errors,
            "seconds": self.seconds,
            "p50_seconds": self.get_latency_percentile(50),
            "p99_seconds": self.get_latency_percentile(99),
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
) -> ReplayResult:
    """Sends the rows of `features` (n, columns), float32, in order and `rows_per_request` at a time.

    Stops after `requests` requests or with the last row. `inference_id` returns a request's id from its first row's
    index. With `keep_scores` the result has the scores of the sent rows in their order (NaN for a failed request). An
    error of one request is counted by its code and does not stop the others.
    """
    data = np.ascontiguousarray(features, dtype=np.float32)
    if data.ndim != 2 or rows_per_request < 1 or threads < 1:
        raise ValueError("A replay takes a matrix of rows, at least one row a request and at least one thread.")

    def send(first: int) -> InferenceResult:
        chunk = data[first : first + rows_per_request]
        extra: dict[str, Any] = {"TargetVariant": target_variant} if target_variant else {}
        if inference_id is not None:
            extra["InferenceId"] = inference_id(first)
        return _send_request(
            client, endpoint, InferenceRequest(*encode_rows(chunk, binary), len(chunk)), first, keep_scores, extra
        )

    began = time.perf_counter()
    answers = _send_all(send, _iter_first_rows(len(data), rows_per_request, requests), threads)
    return _summarize(answers, time.perf_counter() - began, keep_scores)


def replay_requests(
    client: Runtime, endpoint: str, requests: Sequence[InferenceRequest], *, threads: int = 4
) -> ReplayResult:
    """Sends the requests in order. An error of one is counted by its code and does not stop the others."""
    began = time.perf_counter()
    answers = _send_all(
        lambda index: _send_request(client, endpoint, requests[index], index, False, {}), range(len(requests)), threads
    )
    return _summarize(answers, time.perf_counter() - began, False)


def _send_all(send: Callable[[int], InferenceResult], first_rows: Iterable[int], threads: int) -> list[InferenceResult]:
    if threads == 1:
        return [send(first_row) for first_row in first_rows]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(send, first_rows))


def _iter_first_rows(rows: int, step: int, requests: int | None) -> Iterator[int]:
    first_rows = range(0, rows, step)
    yield from first_rows if requests is None else first_rows[:requests]


def _send_request(
    client: Runtime,
    endpoint: str,
    request: InferenceRequest,
    first: int,
    keep_scores: bool,
    extra: dict[str, Any],
) -> InferenceResult:
    began = time.perf_counter()
    try:
        answer = client.invoke_endpoint(
            EndpointName=endpoint, ContentType=request.content_type, Body=request.body, **extra
        )
        payload = answer["Body"].read()
    except ClientError as error:
        code = get_error_code(error) or "Unknown"
        return InferenceResult(first, request.rows, None, code, time.perf_counter() - began)
    except BotoCoreError as error:
        return InferenceResult(first, request.rows, None, type(error).__name__, time.perf_counter() - began)
    seconds = time.perf_counter() - began
    scores = decode_scores(answer["ContentType"], payload) if keep_scores else None
    return InferenceResult(first, request.rows, answer["InvokedProductionVariant"], None, seconds, scores)


def _summarize(answers: list[InferenceResult], seconds: float, keep_scores: bool) -> ReplayResult:
    successes = [answer for answer in answers if answer.error is None]
    return ReplayResult(
        len(answers),
        sum(answer.rows for answer in answers),
        dict(Counter(answer.variant for answer in successes if answer.variant)),
        dict(Counter(answer.error for answer in answers if answer.error)),
        seconds,
        tuple(answer.seconds for answer in successes),
        _join_scores(answers) if keep_scores else None,
    )


def _join_scores(answers: list[InferenceResult]) -> npt.NDArray[np.float32]:
    width = next((answer.scores.shape[1] for answer in answers if answer.scores is not None), 1)
    row_scores = [
        answer.scores if answer.scores is not None else np.full((answer.rows, width), np.nan, np.float32)
        for answer in answers
    ]
    return np.concatenate(row_scores) if row_scores else np.empty((0, width), np.float32)
