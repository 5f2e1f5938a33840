"""DynamoDB items of the low-level client, to and from plain values."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

_FIRST_YEAR, _LAST_YEAR = 1970, 9_000


def to_attribute(value: object) -> AttributeValueTypeDef:
    """One attribute; raises TypeError for a value that the tables do not use."""
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
    raise TypeError(f"{type(value).__name__} has no place in an item.")


def to_item(values: Mapping[str, object]) -> dict[str, AttributeValueTypeDef]:
    """An item without the attributes that are None."""
    return {key: to_attribute(value) for key, value in values.items() if value is not None}


def from_item(item: Mapping[str, Any]) -> dict[str, Any]:
    """The plain values of an item; numbers are int where they are whole, of as many digits as they have."""
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
    """Raises TypeError where a dataclass that was read from an item holds something else in a field of text.

    Of text are the fields whose default is one, and those `required`, which have no default.
    """
    text_fields = [name for name in vars(record) if isinstance(getattr(type(record), name, None), str)]
    for name in (*required, *text_fields):
        value = getattr(record, name)
        if not isinstance(value, str):
            raise TypeError(f"{name} is {type(value).__name__}, and should be text.")


def require_plausible_time(moment: datetime) -> None:
    """Raises ValueError for a time without a zone, and for one so far off that no time can be reckoned from it."""
    if moment.tzinfo is None or not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
        raise ValueError(f"{moment.isoformat()} has no zone, or is of no year that we write.")


def is_number(value: object) -> bool:
    """Whether it is a number, which True is not here."""
    return isinstance(value, int | float) and not isinstance(value, bool)
