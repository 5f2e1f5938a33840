"""Records of up to the size that SageMaker accepts, built to cost their reader as much as possible.

A payload of a request may have 6 MB: https://docs.aws.amazon.com/general/latest/gr/sagemaker.html. Its answer may have
as many. The reader takes lines of up to line_reader.MAX_LINE_BYTES, and most of these records stay below it.
"""

from __future__ import annotations

import base64
import gzip
import json
import random
from collections.abc import Callable
from typing import Any

import numpy as np

from bench.fuzz.corpus import (
    ANSWERS,
    TRITON,
    FuzzModel,
    PayloadJson,
    build_payload,
    build_record,
    encode_base64,
    encode_line,
)
from bench.fuzz.mutations import TOKENS

MIN_BODY_BYTES, MAX_BODY_BYTES = 1 << 16, 7_900_000
"""The bytes of a body."""
_NUMBERS = (
    "1",
    "1.5",
    " 1",
    "NaN",
    "",
    "1e5",
    "-0.0",
    "0.1234567890123456789",
    "{at}",
    "{at}.25",
    "1 ",
    "null",
    '"1"',
    " ",
)
_NAMES = ("AA", "c{at}", "{at}.0", '"A"', "", "True", "København{at}", "a carrier of a long name", "{at}")
_IN_JSON = (
    *("1", "1.5", "null", '"1"', '" 1"', "true", '"AA"', '"c{at}"', "{at}", "{at}.5", "NaN", "[1]", "[]", "{{}}"),
    *('{{"a":1}}', '{{"k{at}":1}}', "1e5", '"\\u0041"', "123456789012345678", '"\\ud83d\\ude00"', "-0.0", '"NaN"'),
)  # fmt: skip


def build_line(model: FuzzModel, rng: random.Random) -> bytes:
    """Returns a captured line with a long request, and usually an answer of as many rows."""
    size = int(MIN_BODY_BYTES * (MAX_BODY_BYTES / MIN_BODY_BYTES) ** rng.random())
    request, count = rng.choice(_BODIES)(model, size, rng)
    count = min(count, MAX_BODY_BYTES // 5)
    answer = rng.choice(ANSWERS[:5])(count) if rng.random() < 0.7 else build_payload("0.25")
    if rng.random() < 0.05:
        request, answer = build_payload("1,AA,2"), request
    captured = build_record(request, answer)
    if rng.random() < 0.03:
        captured["eventMetadata"] = {"eventId": ["x"] * (size // 8)}
    return encode_line(captured).replace(b"\n", b" ")


def build_stream(rng: random.Random) -> bytes:
    """Returns a gzip stream that unpacks to as much as is allowed."""
    unit = rng.choice(
        (b"\n", b" \n", b"x\n", b"\t\r\n", b"{}\n", b"{}    {}\n", b"[" * 50 + b"\n", b"\xff" * 90 + b"\n")
    )
    return gzip.compress(unit * (rng.choice((2, 5, 5, 20)) * (1 << 20) // len(unit)), 9, mtime=0)


def _build_csv(model: FuzzModel, size: int, rng: random.Random) -> tuple[PayloadJson, int]:
    cells = [rng.choice(_NUMBERS if numeric else _NAMES) for _, numeric in model.columns]
    if rng.random() < 0.15:
        cells[rng.randrange(len(cells))] = rng.choice(TOKENS).replace("{", "").replace("}", "")
    if rng.random() < 0.1:
        cells = cells[:1] * rng.choice((1, 2, 3, 1000))
    unit = ",".join(cells) + rng.choice(("\n", "\n", "\n", "\r\n"))
    return _wrap_text(build_payload, _repeat_unit(unit, size), "CSV", "text/csv", rng)


def _wrap_text(
    build: Callable[..., PayloadJson], parts: list[str], encoding: str, kind: str, rng: random.Random
) -> tuple[PayloadJson, int]:
    text = "".join(parts)
    if rng.random() < 0.25:
        return encode_base64(text.encode("utf-8", "surrogatepass")[: MAX_BODY_BYTES * 3 // 4], kind), len(parts)
    return build(text, encoding, kind), len(parts)


def _repeat_unit(unit: str, size: int) -> list[str]:
    count = max(size // max(len(unit.replace("{at}", "123456")), 1), 1)
    if "{" not in unit:
        return [unit] * count
    return [unit.format(at=at) for at in range(count)]


def _build_element(model: FuzzModel, rng: random.Random) -> str:
    shape = rng.randrange(5)
    values = [rng.choice(_IN_JSON) for _ in model.columns]
    if rng.random() < 0.6:
        values = [rng.choice(("1", "{at}.5", "null", '"1"', '" 1"')) if n else '"c{at}"' for _, n in model.columns]
    if shape == 0:
        return rng.choice(_IN_JSON)
    if shape <= 2:
        return "[" + ",".join(values) + "]"
    pairs = [f'"{name}":{value}' for name, value in zip(model.names, values, strict=True)]
    if shape == 3 and len(pairs) > 1:
        pairs = pairs[: rng.randrange(1, len(pairs) + 1)]
    element = "{{" + ",".join(pairs) + "}}"
    return (
        element
        if rng.random() < 0.8
        else rng.choice(('{{"features":[1,"AA",2]}}', '{{"data":{{"features":{{"values":[1]}}}}}}'))
    )


def _build_json(model: FuzzModel, size: int, rng: random.Random) -> tuple[PayloadJson, int]:
    unit = _build_element(model, rng)
    if rng.random() < 0.15:
        return _wrap_text(
            build_payload, [each + "\n" for each in _repeat_unit(unit, size)], "JSON", "application/jsonlines", rng
        )
    parts = _repeat_unit(unit + rng.choice((",", ",", ", ", ",\n")), size)
    opening = rng.choice(("[", '{"instances":[', '{"inputs":[', '{"inputs":{"carrier":[', '{"a":1,"instances":['))
    last_element = (
        rng.choice((unit.format(at=0), "1", "null", "[NaN]", '"\\ud800"')) if rng.random() < 0.3 else unit.format(at=1)
    )
    closing = last_element + "]" + "}" * opening.count("{")
    payload, count = _wrap_text(build_payload, [opening, *parts, closing], "JSON", "application/json", rng)
    return payload, count - 1


def _build_tensors(model: FuzzModel, size: int, rng: random.Random) -> tuple[PayloadJson, int]:
    value = rng.choice(("1", "1.5", "0.1", "123456789012", "true", '"AA"', '"c"'))
    width = rng.choice((1, len(model.columns), 2, 1000))
    count = max(min(size // (len(value) + 1), 1_000_000) // width, 1)
    data = (
        "["
        + ",".join([value] * (count * width - 1) + [rng.choice((value, "null", '"x"', "1e999", "[1]", "NaN"))])
        + "]"
    )
    kind = rng.choice(("FP32", "FP16", "FP64", "INT64", "BYTES", "BOOL"))
    shape = rng.choice(
        ([count, width], [count * width], [count, width, 1], [1, count * width], [1] * 5000 + [count, width])
    )
    name = rng.choice(("x", "carrier", "n" * 3000))
    text = json.dumps({"name": name, "shape": shape, "datatype": kind})[:-1] + f',"data":{data}}}'
    second = rng.choice(
        ("", f',{{"name":"y","shape":[{count},1],"datatype":"FP32","data":{[1] * min(count, 300_000)}}}')
    )
    payload, _ = _wrap_text(build_payload, ['{"inputs":[', text, second, "]}"], "JSON", "application/json", rng)
    return payload, count


def _build_binary(model: FuzzModel, size: int, rng: random.Random) -> tuple[PayloadJson, int]:
    kind, item = rng.choice(
        (("BOOL", 1), ("UINT8", 1), ("INT64", 8), ("FP16", 2), ("FP32", 4), ("FP64", 8), ("BYTES", 5))
    )
    width = rng.choice((1, len(model.columns), 3))
    count = max(min(size * 3 // 4 // item, 1_000_000) // width, 1)
    if kind == "BYTES":
        raw = b"".join(b"\x01\x00\x00\x00" + bytes([48 + index % 10]) for index in range(count * width))
    else:
        most = 2 if item == 1 else 1 << 14
        values = np.arange(count * width) * rng.choice((0, 1)) % most
        raw = values.astype(f"<{'f' if kind[0] == 'F' else 'u'}{item}").tobytes()
    pieces = rng.choice((1, 1, 2, 5000))
    if pieces == 5000:
        each = len(raw) // pieces
        descriptions = [_describe_tensor(f"t{index}", [each // item or 1], kind, each) for index in range(pieces)]
    else:
        descriptions = [_describe_tensor(rng.choice(("x", "carrier")), [count, width], kind, len(raw))]
    head = json.dumps({"inputs": descriptions}).encode()
    body = head + raw
    content_type = f"{TRITON};json-header-size={len(head)}" if rng.random() < 0.8 else "application/octet-stream"
    return encode_base64(body, content_type), count


def _describe_tensor(name: str, shape: list[int], kind: str, size: int) -> dict[str, Any]:
    return {"name": name, "shape": shape, "datatype": kind, "parameters": {"binary_data_size": size}}


def _build_expanding(model: FuzzModel, size: int, rng: random.Random) -> tuple[PayloadJson, int]:
    """Builds a request that is small but large once it is parsed."""
    n = size // 12
    body: Any = rng.choice((
        lambda: {"inputs": [{"name": "x", "shape": [2**63 - 1] * n, "datatype": "FP32", "data": [1]}]},
        lambda: {"inputs": [{"name": "n" * size, "shape": [1, 12_000], "datatype": "FP32", "data": [0] * 12_000}] * 2},
        lambda: {"inputs": {"n" * size: [[0] * 12_000]}},
        lambda: [{f"k{index}": 1} for index in range(n)],
        lambda: {f"k{index}": 1 for index in range(n)},
        lambda: {"inputs": {f"k{index}": [1] for index in range(n)}},
        lambda: [[1] * length for length in range(1000)],
        lambda: {"instances": [["1" * size + "x"] + [1] * (len(model.columns) - 1)]},
        lambda: {"instances": [dict.fromkeys(model.names, "A" * (size // len(model.columns)))]},
    ))()  # fmt: skip
    return build_payload(json.dumps(body, separators=(",", ":")), "JSON", "application/json"), 1


def _build_uniform(_: FuzzModel, size: int, rng: random.Random) -> tuple[PayloadJson, int]:
    """Builds a request that repeats one element."""
    unit = rng.choice(
        (*TOKENS, "[", "{", '{"a":', "[[],", " ", "\n", ",", '"', "\\", "\\u0041", "1,", "\r\n", "9", "1e9")
    )
    text = rng.choice(("", "[", '{"inputs":[', "1")) + (unit or " ") * (size // max(len(unit), 1))
    formats = (("CSV", "text/csv"), ("JSON", "application/json"), ("JSON", "application/jsonlines"), ("BASE64", ""))
    encoding, kind = rng.choice(formats)
    if encoding == "BASE64" and rng.random() < 0.8:
        text = base64.b64encode(text.encode("utf-8", "surrogatepass")[: MAX_BODY_BYTES * 3 // 4]).decode()
    return build_payload(text, encoding, kind), 1


_BODIES = (
    _build_csv,
    _build_csv,
    _build_csv,
    _build_json,
    _build_json,
    _build_json,
    _build_tensors,
    _build_tensors,
    _build_binary,
    _build_expanding,
    _build_uniform,
)
