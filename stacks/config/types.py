"""The words of the stack config as types: each is parsed once, here, and the rest of the program trusts it.

A validator raises ValueError with the second half of a sentence; settings.py puts the path in front of it.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Literal, NoReturn, cast

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel
from pydantic_core import InitErrorDetails, PydanticCustomError

from tidewatch import naming
from tidewatch.aws import instance_types

MAX_INSTANCES = 2**31 - 1
"""The largest count that AWS accepts: InitialTaskCount and ResourceCapacity are 32-bit integers in the models."""
RESERVED_BUCKET_PREFIXES = ("xn--", "sthree-", "amzn-s3-demo-")
"""Prefixes that no bucket's name may have. Source: S3 user guide, "General purpose bucket naming rules"."""
CONTACT_PATTERN = re.compile(r"\S(.*\S)?")


class Section(BaseModel):
    """A section of the stack config: frozen, with camelCase keys, and without undeclared keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)


def raise_mistakes(mistakes: Iterable[tuple[str, str]]) -> NoReturn:
    """Raises mistakes between values that a validator found, each at its own path below the validated value."""
    details = [
        InitErrorDetails(
            type=PydanticCustomError("value_error", "{error}", {"error": sentence}),
            loc=tuple(path.split(".")) if path else (),
            input=None,
        )
        for path, sentence in mistakes
    ]
    raise ValidationError.from_exception_data("", details)


def parse_number(value: Any) -> float:
    """Parses a number that may be text: `pulumi config set --path` stores 10 as an integer but 0.5 as "0.5"."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise ValueError(f"{value!r} is not a number; use one like 5 or 0.5")  # noqa: TRY004
    try:
        number = float(value)
    except ValueError:
        raise ValueError(f"{value!r} is not a number; use one like 5 or 0.5") from None
    if not math.isfinite(number):
        raise ValueError(f"{value!r} is not a finite number; use one like 5 or 0.5")
    return number


def parse_int(value: Any) -> int:
    """Parses a whole number that may be text or a float."""
    number = parse_number(value)
    if not number.is_integer():
        raise ValueError(f"{value!r} is not a whole number; use one like 2")
    return int(number)


def require_at_least(minimum: int, maximum: int | None = None) -> AfterValidator:
    def check(value: float) -> float:
        if value < minimum:
            raise ValueError(f"{_format_number(value)} is too small; use {minimum} or more")
        if maximum is not None and value > maximum:
            raise ValueError(f"{_format_number(value)} is too large; use {maximum} or less")
        return value

    return AfterValidator(check)


def _parse_weight(value: Any) -> float:
    number = parse_number(value)
    if number < 0:
        raise ValueError(f"{_format_number(number)} is negative; use 0 or more")
    return number


def _require_text(value: str) -> str:
    if not value.strip():
        raise ValueError("is empty")
    return value


def _require_above(minimum: float, maximum: float) -> AfterValidator:
    def check(value: float) -> float:
        if not minimum < value <= maximum:
            raise ValueError(
                f"{_format_number(value)} is out of range; use more than {_format_number(minimum)} "
                f"and at most {_format_number(maximum)}"
            )
        return value

    return AfterValidator(check)


def _parse_threshold_pair(maximum: float, example: str) -> BeforeValidator:
    """Returns a validator for a pair of thresholds: the first for a warning, the second for drift."""

    def check(value: Any) -> tuple[float, float]:
        if not isinstance(value, (list, tuple)) or len(cast("Sequence[Any]", value)) != 2:
            raise ValueError(
                f"{value!r} is not a pair; give the values from which it is a warning and drift, like {example}"
            )
        warning, drift = (parse_number(number) for number in cast("Sequence[Any]", value))
        for threshold in (warning, drift):
            if not 0 < threshold <= maximum:
                raise ValueError(
                    f"{_format_number(threshold)} is out of range; use more than 0 and at most "
                    f"{_format_number(maximum)}, like {example}"
                )
        if warning > drift:
            raise ValueError(
                f"warns from {_format_number(warning)}, which is above the {_format_number(drift)} of drift; "
                f"put the smaller one first, like {example}"
            )
        return warning, drift

    return BeforeValidator(check)


def _format_number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else str(value)


def _parse_version(value: Any) -> str:
    if isinstance(value, float) and not value.is_integer():
        raise ValueError(f'{value!r} is a number, so 1.10 and 1.1 would be the same; put it in quotes: "{value}"')
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise ValueError(f'{value!r} is not a version; use a published one, like "3"')  # noqa: TRY004
    text = str(value) if isinstance(value, str) else str(int(value))
    if naming.is_mutable_version(text):
        raise ValueError(f'"{text}" is not a fixed version; name one, like "3"')
    if not naming.is_valid_version(text):
        raise ValueError(
            f'"{text}" is not a version; use up to 32 letters, digits, dots, dashes, underscores, like "3"'
        )
    return text


def _require_instance_type(value: str) -> str:
    all_types = instance_types.list_instance_types()
    if value not in all_types:
        close_matches = difflib.get_close_matches(value, sorted(all_types), 1) or ["ml.g5.xlarge"]
        raise ValueError(f'SageMaker hosts no endpoint on "{value}"; use one it offers, like {close_matches[0]}')
    return value


def _require_model_name(value: str) -> str:
    if len(value) > naming.MAX_NAME_LENGTH:
        raise ValueError(f"is {len(value)} characters long; SageMaker allows {naming.MAX_NAME_LENGTH}")
    if not naming.is_valid_model_name(value):
        raise ValueError(
            f'"{value}" is not a valid SageMaker name; use letters, digits and inner dashes, like "flights"'
        )
    if value.lower().startswith(RESERVED_BUCKET_PREFIXES):
        raise ValueError(
            f'"{value}" begins in a way that bucket names may not, and buckets get names from it; use another'
        )
    return value


def _parse_prefix(value: str) -> str:
    text = value.strip("/") if value != "/" else value
    if "//" in value or value.startswith("/"):
        raise ValueError(f'"{value}" has an empty part, so SageMaker would capture nothing; use one like "capture"')
    if not text or not re.fullmatch(r"[0-9A-Za-z!_.*'()/-]{1,128}", text):
        raise ValueError(f'"{value}" is not a prefix; use letters, digits, dashes and single slashes, like "capture"')
    return text


def _require_platform(value: str) -> str:
    if value == "eks":
        raise ValueError("eks is not in this version; use sagemaker")
    if value != "sagemaker":
        raise ValueError(f'"{value}" is not a platform; use sagemaker')
    return value


def _require_content_type(value: str) -> str:
    if not instance_types.CONTENT_TYPE_PATTERN.fullmatch(value):
        raise ValueError(
            f'"{value}" is not a content type that SageMaker accepts here; use one without + or ;, like '
            "application/json"
        )
    return value


Weight = Annotated[float, BeforeValidator(_parse_weight)]
Version = Annotated[str, BeforeValidator(_parse_version)]
Count = Annotated[int, BeforeValidator(parse_int), require_at_least(1, MAX_INSTANCES)]
Days = Annotated[int, BeforeValidator(parse_int), require_at_least(1, 3650)]
LogDays = Annotated[
    Literal[1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653],
    BeforeValidator(parse_int),
]
Percent = Annotated[int, BeforeValidator(parse_int), require_at_least(0, 100)]
StepPercent = Annotated[int, BeforeValidator(parse_int), require_at_least(10, 50)]
WaitSeconds = Annotated[int, BeforeValidator(parse_int), require_at_least(0, 3600)]
Text = Annotated[str, AfterValidator(_require_text)]
WholeNumber = Annotated[int, BeforeValidator(parse_int)]
Number = Annotated[float, BeforeValidator(parse_number)]
Positive = Annotated[float, BeforeValidator(parse_number), require_at_least(1)]
Price = Annotated[float, BeforeValidator(parse_number), _require_above(0, 10_000)]
InstanceType = Annotated[str, AfterValidator(_require_instance_type)]
Name = Annotated[str, AfterValidator(_require_model_name)]
Prefix = Annotated[str, AfterValidator(_parse_prefix)]
Platform = Annotated[str, AfterValidator(_require_platform)]
PsiThresholds = Annotated[tuple[float, float], _parse_threshold_pair(10, "[0.1, 0.2]")]
PercentagePoints = Annotated[tuple[float, float], _parse_threshold_pair(100, "[5, 10]")]
PositivePercent = Annotated[float, BeforeValidator(parse_number), _require_above(0, 100)]
Fraction = Annotated[float, BeforeValidator(parse_number), _require_above(0, 1)]
LagMinutes = Annotated[int, BeforeValidator(parse_int), require_at_least(5, 24 * 60)]
LookBackHours = Annotated[int, BeforeValidator(parse_int), require_at_least(1, 14 * 24)]
ContentType = Annotated[str, AfterValidator(_require_content_type)]
