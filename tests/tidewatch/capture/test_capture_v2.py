from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from rehearsal.aws.inference.kserve_v2 import encode_rows
from tests.tidewatch.capture.captured_lines import (
    TRITON,
    as_base64,
    as_json,
    bytes_elements,
    float32_tensor,
    payload,
    v2_body,
)
from tidewatch.capture.payload import PayloadTable, read_input, read_output
from tidewatch.capture.reject_reasons import RecordRejected, RejectReason


def _tensor(data: object, shape: list[Any], datatype: str = "FP32", name: str = "input__0") -> dict[str, Any]:
    return {"name": name, "shape": shape, "datatype": datatype, "data": data}


def _json(*tensors: dict[str, Any]) -> PayloadTable:
    return read_input(payload(as_json({"id": "1", "inputs": list(tensors), "outputs": [{"name": "output__0"}]})))


def _binary(tensors: list[dict[str, Any]], raw: list[bytes]) -> PayloadTable:
    size, body = v2_body(tensors, raw)
    return read_input(payload(as_base64(body, f"{TRITON};json-header-size={size}")))


def _list_rows(table: PayloadTable) -> list[list[object]]:
    return table.rows.tolist() if isinstance(table.rows, np.ndarray) else [list(row) for row in table.rows]


def _reason(made: dict[str, Any]) -> RejectReason:
    with pytest.raises(RecordRejected) as caught:
        read_input(payload(made))
    return caught.value.reason


@pytest.mark.parametrize("data", [[1, 2, 3, 4], [[1, 2], [3, 4]]])
def test_one_tensor_is_rows_by_position_whether_nested_or_flat(data: object) -> None:
    table = _json(_tensor(data, [2, 2]))
    assert (table.names, _list_rows(table)) == (None, [[1, 2], [3, 4]])


def test_a_tensor_of_one_dimension_is_one_row() -> None:
    assert _list_rows(_json(_tensor([1, 2, 3], [3]))) == [[1, 2, 3]]


def test_further_dimensions_are_laid_side_by_side() -> None:
    assert _list_rows(_json(_tensor([[[1, 2]], [[3, 4]]], [2, 1, 2]))) == [[1, 2], [3, 4]]


def test_fp32_in_json_is_rounded_as_the_server_rounds_it() -> None:
    matrix = _json(_tensor([0.1, 1e39], [1, 2])).matrix
    assert matrix is not None
    assert matrix.dtype == np.float32
    assert matrix.tolist() == [[float(np.float32(0.1)), np.inf]]
    assert _list_rows(_json(_tensor([0.1, "0.1", None], [3]))) == [[float(np.float32(0.1)), "0.1", None]]
    assert _list_rows(_json(_tensor([0.1], [1], "FP64"))) == [[0.1]]
    assert _list_rows(_json(_tensor([0.1], [1], "FP16"))) == [[float(np.float16(0.1))]]


def test_several_tensors_are_columns_by_name() -> None:
    table = _json(
        _tensor([1.5, 2.5], [2], name="age"),
        _tensor([[1, 2], [3, 4]], [2, 2], "INT64", "pair"),
        _tensor(["AA", "UA"], [2, 1], "BYTES", "carrier"),
    )
    assert table.names == ("age", "pair__0", "pair__1", "carrier")
    assert _list_rows(table) == [[1.5, 1, 2, "AA"], [2.5, 3, 4, "UA"]]


def test_several_tensors_of_numbers_are_a_matrix() -> None:
    matrix = _json(_tensor([1.5, 2.5], [2], name="age"), _tensor([3, 4], [2, 1], "INT32", "fare")).matrix
    assert matrix is not None
    assert matrix.tolist() == [[1.5, 3], [2.5, 4]]


def test_the_binary_form_of_the_simulators_client_is_read() -> None:
    rows = np.array([[1.5, np.nan], [3, 4]], np.float32)
    for binary in (True, False):
        kind, body = encode_rows(np.nan_to_num(rows), binary)
        matrix = read_input(payload(as_base64(body, kind))).matrix
        assert matrix is not None
        np.testing.assert_array_equal(matrix, np.nan_to_num(rows))


@pytest.mark.parametrize(
    ("datatype", "kind", "data"),
    [
        ("UINT8", "<u1", [0, 255]), ("UINT16", "<u2", [0, 65535]), ("UINT32", "<u4", [0, 2**32 - 1]),
        ("UINT64", "<u8", [0, 2**64 - 1]), ("INT8", "<i1", [-128, 127]), ("INT16", "<i2", [-5, 5]),
        ("INT32", "<i4", [-(2**31), 7]), ("INT64", "<i8", [-(2**63), 7]), ("INT64", "<i8", [-3, 7]),
        ("FP16", "<f2", [0.5, -2]), ("FP32", "<f4", [0.5, -2]), ("FP64", "<f8", [0.1, 1e300]),
    ],
)  # fmt: skip
def test_each_datatype_is_read_from_binary_as_from_json(datatype: str, kind: str, data: list[float]) -> None:
    described = {"name": "x", "shape": [2, 1], "datatype": datatype}
    assert _list_rows(_binary([described], [np.array(data, kind).tobytes()])) == [[each] for each in data]
    assert _list_rows(_json(_tensor(data, [2, 1], datatype))) == [[each] for each in data]


def test_booleans_and_strings_are_read_from_binary() -> None:
    flags = {"name": "holiday", "shape": [2], "datatype": "BOOL"}
    texts = {"name": "carrier", "shape": [2, 1], "datatype": "BYTES"}
    table = _binary([flags, texts], [b"\x01\x00", bytes_elements(["AA", "København, ø"])])
    assert table.names == ("holiday", "carrier")
    assert _list_rows(table) == [[True, "AA"], [False, "København, ø"]]


def test_binary_and_json_tensors_stand_beside_each_other() -> None:
    described, raw = float32_tensor([[1], [2]], "age")
    _, body = v2_body([described], [raw])
    header = json.loads(body[: -len(raw)])
    header["inputs"].append(_tensor([3, 4], [2], "FP64", "fare"))
    head = json.dumps(header).encode()
    table = read_input(payload(as_base64(head + raw, f"{TRITON};json-header-size={len(head)}")))
    assert (table.names, _list_rows(table)) == (("age", "fare"), [[1, 3], [2, 4]])


@pytest.mark.parametrize("kind", [TRITON, "application/octet-stream", "", "application/x-unheard-of"])
def test_a_binary_body_without_its_header_length_is_told_by_where_the_json_ends(kind: str) -> None:
    described, raw = float32_tensor([[1, 2]], "größe")
    _, body = v2_body([described], [raw])
    assert _list_rows(read_input(payload(as_base64(body, kind)))) == [[1, 2]]


@pytest.mark.parametrize(
    "kind",
    [
        "application/octet-stream; Inference-Header-Content-Length={}",
        f'{TRITON.upper()} ; charset=utf-8; Json-Header-Size="{{}}"',
    ],
)
def test_the_header_length_is_a_parameter_in_any_case(kind: str) -> None:
    described, raw = float32_tensor([[1, 2]])
    size, body = v2_body([described], [raw])
    assert _list_rows(read_input(payload(as_base64(body, kind.format(size))))) == [[1, 2]]


def test_an_answer_in_binary_is_read() -> None:
    described, raw = float32_tensor([[0.1], [0.9]], "output__0")
    size, body = v2_body([described], [raw], "outputs")
    matrix = read_output(payload(as_base64(body, f"{TRITON};json-header-size={size}"))).matrix
    assert matrix is not None
    np.testing.assert_array_equal(matrix, np.array([[0.1], [0.9]], np.float32))


@pytest.mark.parametrize(
    "tensor",
    [
        _tensor([1, 2, 3], [2, 2]), _tensor([1], [1], "FP128"), _tensor(None, [1]), _tensor([[1], 2], [2]),
        _tensor([1, [2]], [2]), _tensor([{"a": 1}], [1]), _tensor([1], [-1, -1]), _tensor([1], ["1"]),
        {"name": "x", "shape": [1], "datatype": "FP32"}, {"shape": [1], "datatype": "FP32", "data": [1]},
        {**_tensor([1], [1]), "parameters": {"binary_data_size": 4}},
        {**_tensor([1], [1]), "parameters": {"binary_data_size": "4"}},
    ],
)  # fmt: skip
def test_a_tensor_that_contradicts_itself_is_a_bad_payload(tensor: dict[str, Any]) -> None:
    assert _reason(as_json({"inputs": [tensor]})) is RejectReason.BAD_PAYLOAD


def test_tensors_that_contradict_each_other_are_a_bad_payload() -> None:
    twice = [_tensor([1], [1], name="a"), _tensor([1], [1], name="a")]
    longer = [_tensor([1], [1], name="a"), _tensor([1, 2], [2], name="b")]
    spread = [_tensor([1, 2], [1, 2], name="a"), _tensor([1], [1], name="a__0")]
    for tensors in (twice, longer, spread):
        assert _reason(as_json({"inputs": tensors})) is RejectReason.BAD_PAYLOAD


@pytest.mark.parametrize("shape", [[0, 3], [0], [10**9, 0]])
def test_a_tensor_without_rows_is_empty(shape: list[int]) -> None:
    assert _reason(as_json({"inputs": [_tensor([], shape)]})) is RejectReason.EMPTY_PAYLOAD


@pytest.mark.parametrize(
    ("datatype", "shape", "raw"),
    [
        ("FP32", [1, 2], b"\0" * 7), ("FP32", [1, 2], b"\0" * 12), ("BOOL", [1], b"\x02"), ("FP9", [1], b"\0"),
        ("BYTES", [1], b"\x05\0\0\0abc"), ("BYTES", [1], b"\x01\0"), ("BYTES", [1], b"\x01\0\0\0\xff"),
        ("BYTES", [2], bytes_elements(["a"])), ("BYTES", [1], b"\xff\xff\xff\xff"),
    ],
)  # fmt: skip
def test_bytes_that_do_not_fit_the_tensor_are_a_bad_payload(datatype: str, shape: list[int], raw: bytes) -> None:
    size, body = v2_body([{"name": "x", "shape": shape, "datatype": datatype}], [raw])
    assert _reason(as_base64(body, f"{TRITON};json-header-size={size}")) is RejectReason.BAD_PAYLOAD


def test_a_body_with_bytes_too_many_or_too_few_is_a_bad_payload() -> None:
    described, raw = float32_tensor([[1, 2]])
    size, body = v2_body([described], [raw])
    kind = f"{TRITON};json-header-size={size}"
    assert _reason(as_base64(body[:-1], kind)) is RejectReason.BAD_PAYLOAD
    assert _reason(as_base64(body + b"\0", kind)) is RejectReason.BAD_PAYLOAD


@pytest.mark.parametrize("size", ["", "x", "-1", "7", "99999", "9" * 5000, "²"])
def test_a_header_length_that_is_none_is_a_bad_payload(size: str) -> None:
    described, raw = float32_tensor([[1, 2]])
    _, body = v2_body([described], [raw])
    assert _reason(as_base64(body, f"{TRITON};json-header-size={size}")) is RejectReason.BAD_PAYLOAD


@pytest.mark.parametrize(("header", "reason"), [
    (b"[]", RejectReason.BAD_PAYLOAD), (b"{}", RejectReason.BAD_PAYLOAD), (b'{"inputs": {}}', RejectReason.BAD_PAYLOAD),
    (b'{"inputs": [1]}', RejectReason.BAD_PAYLOAD), (b'{"inputs": []}', RejectReason.EMPTY_PAYLOAD),
])  # fmt: skip
def test_a_header_without_tensors_is_told(header: bytes, reason: RejectReason) -> None:
    assert _reason(as_base64(header, f"{TRITON};json-header-size={len(header)}")) is reason
