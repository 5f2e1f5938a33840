"""The words of the stack config as types: each is parsed once, here, and trusted by the rest of the program.

A validator raises ValueError with the second half of a sentence; settings.py puts the path in front of it.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Sequence
from typing import Annotated, Any, Literal, cast

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict
from pydantic.alias_generators import to_camel

from stacks import hosting
from tidewatch import naming

MOST_INSTANCES = 2**31 - 1
"""Of a count that AWS takes: InitialTaskCount and ResourceCapacity are 32-bit integers in the models."""
NOT_FOR_BUCKETS = ("xn--", "sthree-", "amzn-s3-demo-")
"""How no bucket's name begins. Source: S3 user guide, "General purpose bucket naming rules"."""
CONTACT = re.compile(r"\S(.*\S)?")


class Section(BaseModel):
    """A part of the stack config: frozen, with camelCase keys, and nothing in it that is not declared."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)


def _number(value: Any) -> float:
    """A number that may arrive as text: `pulumi config set --path` stores 10 as an integer but 0.5 as "0.5"."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise ValueError(f"{value!r} is not a number; use one like 5 or 0.5")  # noqa: TRY004
    try:
        number = float(value)
    except ValueError:
        raise ValueError(f"{value!r} is not a number; use one like 5 or 0.5") from None
    if not math.isfinite(number):
        raise ValueError(f"{value!r} is not a finite number; use one like 5 or 0.5")
    return number


def whole(value: Any) -> int:
    """A whole number, which may arrive as text or as a float."""
    number = _number(value)
    if not number.is_integer():
        raise ValueError(f"{value!r} is not a whole number; use one like 2")
    return int(number)


def at_least(least: int, most: int | None = None) -> AfterValidator:
    def check(value: float) -> float:
        if value < least:
            raise ValueError(f"{_shown(value)} is too small; use {least} or more")
        if most is not None and value > most:
            raise ValueError(f"{_shown(value)} is too large; use {most} or less")
        return value

    return AfterValidator(check)


def _weight(value: Any) -> float:
    number = _number(value)
    if number < 0:
        raise ValueError(f"{_shown(number)} is negative; use 0 or more")
    return number


def _above(least: float, most: float) -> AfterValidator:
    def check(value: float) -> float:
        if not least < value <= most:
            raise ValueError(
                f"{_shown(value)} is out of range; use more than {_shown(least)} and at most {_shown(most)}"
            )
        return value

    return AfterValidator(check)


def _limits(most: float, example: str) -> BeforeValidator:
    """From when a change is a warning, and from when it is drift."""

    def check(value: Any) -> tuple[float, float]:
        if not isinstance(value, (list, tuple)) or len(cast("Sequence[Any]", value)) != 2:
            raise ValueError(
                f"{value!r} is not a pair; say from when it warns and from when it is drift, like {example}"
            )
        warns, drifts = (_number(one) for one in cast("Sequence[Any]", value))
        for one in (warns, drifts):
            if not 0 < one <= most:
                raise ValueError(
                    f"{_shown(one)} is out of range; use more than 0 and at most {_shown(most)}, like {example}"
                )
        if warns > drifts:
            raise ValueError(
                f"warns from {_shown(warns)}, which is above the {_shown(drifts)} of drift; "
                f"put the smaller one first, like {example}"
            )
        return warns, drifts

    return BeforeValidator(check)


def _shown(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else str(value)


def _version(value: Any) -> str:
    if isinstance(value, float) and not value.is_integer():
        raise ValueError(f'{value!r} is a number, in which 1.10 and 1.1 are the same; put it in quotes: "{value}"')
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise ValueError(f'{value!r} is not a version; use one that was published, like "3"')  # noqa: TRY004
    text = str(value) if isinstance(value, str) else str(int(value))
    if naming.moves(text):
        raise ValueError(f'"{text}" is no version an endpoint can be pinned to, because it changes; name one, like "3"')
    if not naming.is_version(text):
        raise ValueError(
            f'"{text}" is not a version; use up to 32 letters, digits, dots, dashes, underscores, like "3"'
        )
    return text


def _instance_type(value: str) -> str:
    offered = hosting.instance_types()
    if value not in offered:
        near = difflib.get_close_matches(value, sorted(offered), 1) or ["ml.g5.xlarge"]
        raise ValueError(f'SageMaker hosts no endpoint on "{value}"; use one it offers, like {near[0]}')
    return value


def _name(value: str) -> str:
    if len(value) > naming.LONGEST_NAME:
        raise ValueError(f"is {len(value)} characters long; SageMaker allows {naming.LONGEST_NAME}")
    if not naming.is_name(value):
        raise ValueError(
            f'"{value}" is not a name SageMaker takes; use letters, digits and dashes inside, like "flights"'
        )
    if value.lower().startswith(NOT_FOR_BUCKETS):
        raise ValueError(f'"{value}" begins as no bucket may be called, and buckets are named by it; use another')
    return value


def _prefix(value: str) -> str:
    text = value.strip("/") if value != "/" else value
    if "//" in value or value.startswith("/"):
        raise ValueError(f'"{value}" has an empty part, and SageMaker would capture nothing; use one like "capture"')
    if not text or not re.fullmatch(r"[0-9A-Za-z!_.*'()/-]{1,128}", text):
        raise ValueError(f'"{value}" is not a prefix; use letters, digits, dashes and single slashes, like "capture"')
    return text


def _platform(value: str) -> str:
    if value == "eks":
        raise ValueError("eks is not in this version; use sagemaker")
    if value != "sagemaker":
        raise ValueError(f'"{value}" is not a platform; use sagemaker')
    return value


def _content_type(value: str) -> str:
    if not hosting.CONTENT_TYPE.fullmatch(value):
        raise ValueError(f'"{value}" is no content type SageMaker lists; use one without + or ;, like application/json')
    return value


Slot = Literal["blue", "green"]
Weight = Annotated[float, BeforeValidator(_weight)]
Version = Annotated[str, BeforeValidator(_version)]
Count = Annotated[int, BeforeValidator(whole), at_least(1, MOST_INSTANCES)]
Days = Annotated[int, BeforeValidator(whole), at_least(1, 3650)]
LogDays = Annotated[
    Literal[1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653],
    BeforeValidator(whole),
]
Percent = Annotated[int, BeforeValidator(whole), at_least(0, 100)]
StepPercent = Annotated[int, BeforeValidator(whole), at_least(10, 50)]
WaitSeconds = Annotated[int, BeforeValidator(whole), at_least(0, 3600)]
Number = Annotated[float, BeforeValidator(_number)]
Positive = Annotated[float, BeforeValidator(_number), at_least(1)]
Price = Annotated[float, BeforeValidator(_number), _above(0, 10_000)]
InstanceType = Annotated[str, AfterValidator(_instance_type)]
Name = Annotated[str, AfterValidator(_name)]
Prefix = Annotated[str, AfterValidator(_prefix)]
Platform = Annotated[str, AfterValidator(_platform)]
Effect = Annotated[tuple[float, float], _limits(10, "[0.1, 0.2]")]
Points = Annotated[tuple[float, float], _limits(100, "[5, 10]")]
Share = Annotated[float, BeforeValidator(_number), _above(0, 100)]
Rate = Annotated[float, BeforeValidator(_number), _above(0, 1)]
LagMinutes = Annotated[int, BeforeValidator(whole), at_least(5, 24 * 60)]
LookBackHours = Annotated[int, BeforeValidator(whole), at_least(1, 14 * 24)]
ContentType = Annotated[str, AfterValidator(_content_type)]
