"""Chooses the variant for a request by the live weights."""

from __future__ import annotations

from bisect import bisect
from dataclasses import dataclass

from rehearsal.aws.cloudwatch.metric_store import StoredSeries
from rehearsal.aws.inference.triton import ServedModel
from rehearsal.aws.sagemaker.fleet import Fleet, LiveVariant


@dataclass(frozen=True)
class VariantMetrics:
    """The metrics of one variant, looked up once."""

    invocations: StoredSeries
    per_instance: StoredSeries
    errors_4xx: StoredSeries
    errors_5xx: StoredSeries
    model_errors: StoredSeries
    model_latency: StoredSeries
    overhead_latency: StoredSeries


@dataclass(frozen=True)
class RoutingTable:
    """One fleet's routing table: variants, their cumulative weights, their models and metrics."""

    fleet: Fleet
    variants: tuple[LiveVariant, ...]
    cumulative: tuple[float, ...]
    models: tuple[ServedModel | None, ...]
    metrics: tuple[VariantMetrics, ...]

    def choose_variant(self, chance: float) -> int:
        """The variant for a uniform number from [0, 1); never one with weight 0."""
        return min(bisect(self.cumulative, chance * self.cumulative[-1]), len(self.variants) - 1)
