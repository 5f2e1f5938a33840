"""Converts items of the low-level DynamoDB client to and from Python values."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

_FIRST_YEAR, _LAST_YEAR = 1970, 9_000


def to_attribute(value: object) -> AttributeValueTypeDef:
    """Returns one attribute. Raises TypeError for a type that the tables do not use."""
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, str):
        return {"S": value}
    if isinstance(value, int | float):
        return {"N": repr(value)}
    if isinstance(value, Mapping):
        return {"M": to_item(cast("Mapping[str, object]", value))}
    if isinstance(value, list | tuple):
        return {"L": [to_attribute(element) for element in cast("list[object]", value)]}
    raise TypeError(f"{type(value).__name__} cannot be stored in a DynamoDB item.")


def to_item(values: Mapping[str, object]) -> dict[str, AttributeValueTypeDef]:
    """Returns an item without the attributes that are None."""
    return {key: to_attribute(value) for key, value in values.items() if value is not None}


def from_item(item: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the values of an item. Whole numbers become int, with any number of digits."""
    return {key: _from_attribute(value) for key, value in item.items()}


def _from_attribute(attribute: Mapping[str, Any]) -> Any:
    ((kind, value),) = attribute.items()
    if kind == "N":
        number = Decimal(value)
        return int(number) if number == number.to_integral_value() else float(number)
    if kind == "M":
        return from_item(value)
    if kind == "L":
        return [_from_attribute(element) for element in value]
    return value


def require_text_fields(record: object, *required: str) -> None:
    """Raises TypeError if a text field of a dataclass that was read from an item has another type.

    The text fields are those with a text as their default, and those in `required`, which have none.
    """
    text_fields = [name for name in vars(record) if isinstance(getattr(type(record), name, None), str)]
    for name in (*required, *text_fields):
        value = getattr(record, name)
        if not isinstance(value, str):
            raise TypeError(f"{name} is {type(value).__name__}, not text.")


def require_plausible_time(moment: datetime) -> None:
    """Raises ValueError for a time without a zone or in an implausible year, which could overflow calculations."""
    if moment.tzinfo is None or not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
        raise ValueError(f"{moment.isoformat()} has no time zone or an implausible year.")


def is_number(value: object) -> bool:
    """Whether it is a number. True and False are not."""
    return isinstance(value, int | float) and not isinstance(value, bool)
