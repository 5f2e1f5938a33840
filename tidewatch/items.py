"""DynamoDB items of the low-level client, to and from plain values."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, cast

from tidewatch.text import plain

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

_FIRST_YEAR, _LAST_YEAR = 1970, 9_000


def attribute(value: object) -> AttributeValueTypeDef:
    """One attribute; raises TypeError for a value that the tables do not use."""
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, str):
        return {"S": value}
    if isinstance(value, int | float):
        return {"N": repr(value)}
    if isinstance(value, Mapping):
        return {"M": item(cast("Mapping[str, object]", value))}
    if isinstance(value, list | tuple):
        return {"L": [attribute(one) for one in cast("list[object]", value)]}
    raise TypeError(f"{type(value).__name__} has no place in an item.")


def item(values: Mapping[str, object]) -> dict[str, AttributeValueTypeDef]:
    """An item without the attributes that are None."""
    return {key: attribute(value) for key, value in values.items() if value is not None}


def values(item: Mapping[str, Any]) -> dict[str, Any]:
    """The plain values of an item; numbers are int where they are whole, of as many digits as they have."""
    return {key: _value(value) for key, value in item.items()}


def _value(attribute: Mapping[str, Any]) -> Any:
    ((kind, value),) = attribute.items()
    if kind == "N":
        number = Decimal(value)
        return int(number) if number == number.to_integral_value() else float(number)
    if kind == "M":
        return values(value)
    if kind == "L":
        return [_value(one) for one in value]
    return value


def refuse_other_types(one: object, *required: str) -> None:
    """Raises TypeError where a dataclass that was read from an item holds something else in a field of text.

    Of text are the fields whose default is one, and those `required`, which have no default.
    """
    texts = [name for name in vars(one) if isinstance(getattr(type(one), name, None), str)]
    for name in (*required, *texts):
        value = getattr(one, name)
        if not isinstance(value, str):
            raise TypeError(f"{name} is {type(value).__name__}, and should be text.")


DENIED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError", "403"})
"""The codes of services that refuse because the caller may not."""


def refuse_odd_time(moment: datetime) -> None:
    """Raises ValueError for a time without a zone, and for one so far off that no time can be reckoned from it."""
    if moment.tzinfo is None or not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
        raise ValueError(f"{moment.isoformat()} has no zone, or is of no year that we write.")


def is_number(value: object) -> bool:
    """Whether it is a number, which True is not here."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def error_code(error: Exception) -> str:
    """The code of a boto3 ClientError, "" for anything else. A HEAD request has no body: its code is the status."""
    return str(_error(error).get("Code", ""))


def error_message(error: Exception) -> str:
    """The service's own words, without boto3's frame around them."""
    return str(_error(error).get("Message") or error)


def described(error: Exception) -> str:
    """An error in few words, on one line: the service's code and words, or its own kind and words."""
    code = error_code(error)
    return plain(f"{code}: {error_message(error)}" if code else f"{type(error).__name__}: {error}", 300)


def _error(error: Exception) -> Mapping[str, Any]:
    response: Mapping[str, Any] = getattr(error, "response", None) or {}
    return response.get("Error", {})
