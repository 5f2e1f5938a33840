"""What the simulator answers is what moto would answer, found faster."""

from __future__ import annotations

from typing import Any

import pytest
from botocore import xform_name
from hypothesis import given
from hypothesis import strategies as st
from moto.core.serialize import ResponseSerializer, XFormedAttributePicker, get_serializer_class
from moto.core.utils import get_service_model

from rehearsal.aws.bootstrap import apply_patches

OPERATIONS = [
    ("dynamodb", "Query", "json"),
    ("sagemaker", "DescribeEndpoint", "json"),
    ("cloudwatch", "DescribeAlarms", "query"),
    ("sns", "ListSubscriptionsByTopic", "query"),
]


@pytest.fixture(scope="module", autouse=True)
def patched_services() -> None:
    apply_patches()


def pickers(service: str, operation: str, protocol: str) -> tuple[ResponseSerializer, Any]:
    model = get_service_model(service).operation_model(operation)
    picker = XFormedAttributePicker()
    return get_serializer_class(service, protocol)(operation_model=model, value_picker=picker), model.output_shape


def structures(shape: Any, seen: frozenset[str] = frozenset()) -> Any:
    """The structures under a shape, each once along a path."""
    if shape.name in seen:
        return
    below = seen | {shape.name}
    if shape.type_name == "structure":
        yield shape
        for member in shape.members.values():
            yield from structures(member, below)
    elif shape.type_name == "list":
        yield from structures(shape.member, below)
    elif shape.type_name == "map":
        yield from structures(shape.value, below)


def names_near(shape: Any) -> list[str]:
    """The members' names and what moto takes for them: snake case, without the structure's name, the shape's name."""
    found = [*shape.members, *(one.name for one in shape.members.values())]
    found += [one.removeprefix(shape.name) for one in shape.members]
    found += [str(one.serialization.get("name", "")) for one in shape.members.values()]
    return sorted({each for one in found if one for each in (one, xform_name(one))})


@pytest.mark.parametrize("asked", OPERATIONS, ids=" ".join)
@given(data=st.data())
def test_a_member_is_found_under_the_name_that_moto_finds_it_under(asked: tuple[str, str, str], data: Any) -> None:
    serializer, output = pickers(*asked)
    shape = data.draw(st.sampled_from([one for one in structures(output) if one.members]))
    value = data.draw(st.dictionaries(st.sampled_from(names_near(shape)), st.none() | st.integers(), max_size=5))
    for key, member in shape.members.items():
        member.parent = shape
        plain = ResponseSerializer.get_value.__wrapped__(serializer, value, key, member)  # type: ignore[attr-defined]
        assert serializer.get_value(value, key, member) == plain
