"""The section `alarms` of the stack config: thresholds by name, and guardrails on the user's own metrics."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Annotated, Any, Self, cast, get_args

from pydantic import AfterValidator, BeforeValidator, Field, create_model, model_validator

from stacks.config import types as t
from stacks.config.types import Section
from tidewatch.alarms import Alarm, AlarmThresholds, Comparison, InvalidAlarm, Severity, build_custom_guardrail
from tidewatch.alarms.custom_guardrails import MAX_GUARDRAILS
from tidewatch.alarms.models import KEY_PATTERN, VARIANT
from tidewatch.alarms.thresholds import find_range_fault

MAX_NAME_LENGTH = 40
MAX_DIMENSIONS = 30
MAX_DIMENSION_VALUE_LENGTH = 1024
"""The dimensions of a metric, and the characters of a value. Source: CloudWatch API reference, Dimension."""

_NAMESPACE = re.compile(r"[^:][0-9A-Za-z.\-_/#: ]{0,254}")


def _require_guardrail_name(name: str) -> str:
    if not KEY_PATTERN.fullmatch(name) or len(name) > MAX_NAME_LENGTH:
        raise ValueError(
            f'"{name}" is not a valid guardrail name; use up to {MAX_NAME_LENGTH} of a-z, 0-9 and inner dashes, like '
            "conversion"
        )
    return name


def _require_namespace(namespace: str) -> str:
    if not _NAMESPACE.fullmatch(namespace):
        raise ValueError(f'"{namespace}" is not a valid CloudWatch namespace; use one like Shop')
    return namespace


def _require_dimensions(value: object) -> object:
    if not isinstance(value, Mapping) or not value:
        raise ValueError("names no dimension, so the metric would not be unique; use one like {Variant: $variant}")
    if (count := len(cast("Mapping[object, object]", value))) > MAX_DIMENSIONS:
        raise ValueError(f"names {count} dimensions; CloudWatch allows {MAX_DIMENSIONS}")
    return cast("object", value)


def _require_dimension_value(content: str) -> str:
    if unknown_placeholders := [word for word in re.findall(r"\$\{?\w*\}?", content) if word != VARIANT]:
        raise ValueError(f'"{unknown_placeholders[0]}" is not a placeholder; use {VARIANT}')
    if len(content) > MAX_DIMENSION_VALUE_LENGTH:
        raise ValueError(f"is {len(content)} characters long; CloudWatch allows {MAX_DIMENSION_VALUE_LENGTH}")
    return content


def _require_comparison(value: object) -> object:
    if value not in get_args(Comparison):
        raise ValueError(f'"{value}" is not a comparison; use >, >=, < or <=, in quotes')
    return value


def _require_severity(value: object) -> object:
    if value not in tuple(Severity):
        raise ValueError(f'"{value}" is not a severity; use P1 (page now), P2 (ticket today) or P3 (within a week)')
    return value


def _parse_minimum_samples(value: object) -> int:
    minimum = t.parse_int(value)
    if minimum < 1:
        raise ValueError(f"{minimum} is too small; use 1 or more, or remove it")
    return minimum


GuardrailName = Annotated[t.Text, AfterValidator(_require_guardrail_name)]
Namespace = Annotated[t.Text, AfterValidator(_require_namespace)]
DimensionValue = Annotated[t.Text, AfterValidator(_require_dimension_value)]
Dimensions = Annotated[dict[t.Text, DimensionValue], BeforeValidator(_require_dimensions)]
ComparisonSign = Annotated[Comparison, BeforeValidator(_require_comparison)]
SeverityName = Annotated[Severity, BeforeValidator(_require_severity)]
MinimumSamples = Annotated[int, BeforeValidator(_parse_minimum_samples)]


class GuardrailSettings(Section):
    """A metric of the user's own that rolls a challenger back."""

    name: GuardrailName = Field(
        description="the guardrail's name, a part of its alarm's name: up to 40 of a-z, 0-9 and dashes"
    )
    namespace: Namespace = Field(description="the metric's namespace")
    metric: t.Text = Field(description="the metric's name")
    dimensions: Dimensions = Field(
        description="the metric's dimensions, in which `$variant` stands for the challenger's variant"
    )
    statistic: t.Text = Field(
        description="the metric's statistic; not a percentile, which neither fires nor clears with little traffic"
    )
    comparison: ComparisonSign = Field(
        description="how a bad value compares with the threshold: `>`, `>=`, `<` or `<=`, in quotes"
    )
    threshold: t.Number = Field(description="the limit for the statistic")
    period: t.WholeNumber = Field(default=60, description="seconds of a datapoint")
    periods: t.WholeNumber = Field(default=2, description="number of datapoints that are evaluated")
    datapoints: t.WholeNumber | None = Field(default=None, description="how many of them must be bad; default: all")
    minimum_samples: MinimumSamples = Field(default=0, description="a period with fewer samples is ignored")
    severity: SeverityName = Field(
        default=Severity.P1, description="a tag of its alarm; a rollback notifies as P1 in any case"
    )

    @model_validator(mode="before")
    @classmethod
    def _drop_empty_keys(cls, value: object) -> object:
        """Treats a key without a value as absent."""
        if not isinstance(value, dict):
            return value
        entries = cast("dict[str, object]", value)
        return {key: content for key, content in entries.items() if content is not None}

    @model_validator(mode="after")
    def _require_alarm(self) -> Self:
        try:
            self.to_alarm()
        except InvalidAlarm as mistake:
            t.raise_mistakes([(mistake.path, mistake.sentence)])
        return self

    def to_alarm(self) -> Alarm:
        """Returns the guardrail's alarm."""
        return build_custom_guardrail(
            name=self.name,
            namespace=self.namespace,
            metric=self.metric,
            dimensions=self.dimensions,
            statistic=self.statistic,
            comparison=self.comparison,
            threshold=self.threshold,
            period_s=self.period,
            periods=self.periods,
            datapoints=self.periods if self.datapoints is None else self.datapoints,
            minimum_samples=self.minimum_samples,
            severity=self.severity,
        )


def _require_list(value: object) -> object:
    if value is None:
        return ()
    if not isinstance(value, (list, tuple)):
        raise ValueError(f"{value!r} is not a list; begin each guardrail with a dash")  # noqa: TRY004
    return cast("object", value)


def _require_distinct(guardrails: tuple[GuardrailSettings, ...]) -> tuple[GuardrailSettings, ...]:
    if len(guardrails) > MAX_GUARDRAILS:
        raise ValueError(
            f"are {len(guardrails)}; one composite alarm takes at most {MAX_GUARDRAILS} guardrails of your own"
        )
    names = [guardrail.name for guardrail in guardrails]
    duplicates = [(index, name) for index, name in enumerate(names) if names.index(name) < index]
    if duplicates:
        t.raise_mistakes(
            (f"{index}.name", f'"{name}" is also the name of guardrail {names.index(name)}; give each its own name')
            for index, name in duplicates
        )
    return guardrails


Guardrails = Annotated[tuple[GuardrailSettings, ...], BeforeValidator(_require_list), AfterValidator(_require_distinct)]


def _build_threshold_section() -> type[Section]:
    """Builds a section with a key for each threshold of the alarms.

    AlarmThresholds defines default, range and meaning.
    """
    keys: dict[str, Any] = {}
    for threshold in fields(AlarmThresholds):
        bounds = {key: threshold.metadata[key] for key in ("minimum", "maximum")}
        kind: Any = t.WholeNumber if threshold.metadata["step"] else t.Number
        keys[threshold.name] = (
            Annotated[kind, AfterValidator(_require_in_range(threshold.metadata)), Field(json_schema_extra=bounds)],
            Field(default=threshold.default, description=threshold.metadata["description"]),
        )
    return create_model("ThresholdSettings", __base__=Section, **keys)


def _require_in_range(bounds: Mapping[str, Any]) -> Callable[[float], float]:
    def check(value: float) -> float:
        if fault := find_range_fault(value, bounds):
            raise ValueError(fault)
        return value

    return check


class AlarmSettings(_build_threshold_section()):
    """From when something is wrong, and what else of the user's own rolls back."""

    guardrails: Guardrails = Field(
        default=(), description=f"your own metrics that roll back a challenger, at most {MAX_GUARDRAILS}: see below"
    )

    @property
    def thresholds(self) -> AlarmThresholds:
        return AlarmThresholds(
            **{threshold.name: getattr(self, threshold.name) for threshold in fields(AlarmThresholds)}
        )

    @property
    def custom_guardrails(self) -> tuple[Alarm, ...]:
        return tuple(guardrail.to_alarm() for guardrail in self.guardrails)
