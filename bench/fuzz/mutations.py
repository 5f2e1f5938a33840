"""Mutations of valid input: of bytes, JSON structure, gzip streams and references."""

from __future__ import annotations

import base64
import gzip
import json
import random
from collections.abc import Callable
from copy import deepcopy
from typing import Any

from bench.fuzz.corpus import FuzzModel, draw_record, encode_line

TOKENS = (
    *("", "NaN", "nan", "NA", "null", "None", "inf", "-Infinity", "1e999", "1e-999", "-0.0", "3.0", "True", "false"),
    *("0x10", "1_000", "1 5", " 1.5 ", "٣", ".5", "5.", "+1", "--1", "1e", "9" * 400, "1" * 5000 + "x", "\ud800"),
    *("\r", "\t", "\x00", '"', '"a""b"', '"\n"', "[", "{}", "[1]", "\ufeff1", "é", "\U0001f600", "\\u0041", "\\ud800"),
)  # fmt: skip
"""Texts for cells."""
EXTREME_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2**31, 2**53, 2**63 - 1, 2**63, -(2**63), 10**400, 0.5, -0.0, 1e308, float("nan")),
    *(float("inf"), "", "x", "\ud800", "1.5", [], [[]], {}, [None], [1, "AA", 2.5], [[1, 2], [3]], {"a": {"a": []}}),
)
"""JSON values."""
KEYS = (
    *("instances", "inputs", "outputs", "predictions", "features", "data", "values", "name", "shape", "datatype"),
    *("parameters", "binary_data_size", "distance", "carrier", "delay", "n0", "encoding", "observedContentType"),
    *("endpointInput", "endpointOutput", "captureData", "eventMetadata", "\ud800", "", "a" * 3000),
)  # fmt: skip
TYPES = (
    *("text/csv", "application/json", "application/jsonlines", "application/octet-stream", "", "image/png", ";;=;"),
    *("application/x-npy", "text/csv; charset=latin1", "text/csv; charset=utf-16", "APPLICATION/JSON ; x", "\ud800"),
    *("application/vnd.sagemaker-triton.binary+json;json-header-size=2", "x/y;inference-header-content-length=9"),
)  # fmt: skip
DATATYPES = ("BOOL", "UINT8", "UINT64", "INT8", "INT64", "FP16", "FP32", "FP64", "BYTES", "FP128", "")


def mutate_line(model: FuzzModel, rng: random.Random) -> bytes:
    """Returns a captured line, mutated one to four times in any of the ways, or sometimes unchanged."""
    captured = draw_record(model, rng)
    choice = rng.random()
    if choice < 0.04:
        return encode_line(captured)
    if choice < 0.55:
        for _ in range(rng.choice((1, 1, 2, 3))):
            rng.choice(_STRUCTURED)(captured, rng)
    raw = encode_line(captured)
    if choice < 0.12 or choice >= 0.55:
        for _ in range(rng.choice((1, 1, 2, 4))):
            raw = mutate_bytes(raw, rng)
    return raw.replace(b"\n", b" ")


def mutate_bytes(raw: bytes, rng: random.Random) -> bytes:
    """Flips, cuts, inserts, repeats, drops or moves bytes."""
    offset = rng.randrange(len(raw) + 1)
    span = rng.choice((1, 3, 20, 200))
    choice = rng.randrange(8)
    if choice == 0:
        return raw[:offset] + bytes([rng.randrange(256)]) + raw[offset + 1 :]
    if choice == 1:
        return raw[:offset] if rng.random() < 0.5 else raw[offset:]
    if choice == 2:
        return raw[:offset] + rng.randbytes(span % 13) + raw[offset:]
    if choice == 3:
        return raw[:offset] + raw[offset : offset + span] * rng.choice((2, 3, 30)) + raw[offset + span :]
    if choice == 4:
        return raw[:offset] + raw[offset + span :]
    if choice == 5:
        other = rng.randrange(len(raw) + 1)
        return raw[:offset] + raw[other : other + span] + raw[offset:]
    text = rng.choice(TOKENS).encode("utf-8", "surrogatepass")
    return (
        raw[:offset]
        + (json.dumps(text.decode("utf-8", "replace"))[1:-1].encode() if choice == 6 else text)
        + raw[offset:]
    )


def _choose_payload(captured: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    capture: Any = captured.get("captureData")
    payloads = [each for each in capture.values() if isinstance(each, dict)] if isinstance(capture, dict) else []
    return rng.choice(payloads) if payloads else {}


def _mutate_label(captured: dict[str, Any], rng: random.Random) -> None:
    """Sets another content type or encoding, or none."""
    kind, values = rng.choice((("observedContentType", TYPES), ("encoding", ("CSV", "JSON", "BASE64", "ALIEN", None))))
    _choose_payload(captured, rng)[kind] = rng.choice(values)


def _mutate_value(captured: dict[str, Any], rng: random.Random) -> None:
    """Replaces one value anywhere in the record."""
    _replace_value(captured, rng)


def _mutate_cell(captured: dict[str, Any], rng: random.Random) -> None:
    """Replaces one cell in a text body."""
    payload = _choose_payload(captured, rng)
    text = payload.get("data")
    if isinstance(text, str):
        start = rng.randrange(len(text) + 1)
        end = start + rng.choice((0, 0, 1, 4))
        payload["data"] = text[:start] + rng.choice(TOKENS) * rng.choice((1, 1, 2)) + text[end:]


def _mutate_body(captured: dict[str, Any], rng: random.Random) -> None:
    """Changes a value, key, nesting, width or name within a JSON body, also in BASE64."""
    payload = _choose_payload(captured, rng)
    text = payload.get("data")
    if not isinstance(text, str):
        return
    raw, tail = text, b""
    if payload.get("encoding") == "BASE64":
        try:
            body = base64.b64decode(text)
            end = body.rfind(b"]}") + 2 if body[:1] == b"{" else len(body)
            raw, tail = body[:end].decode(), body[end:]
        except ValueError:
            return
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        return
    container = {"": value}
    for _ in range(rng.choice((1, 1, 2))):
        rng.choice((_replace_value, _replace_value, _mutate_tensor, _repeat_item, _deepen_value, _rename_key))(
            container, rng
        )
    changed = json.dumps(container.get("", value))
    if rng.random() < 0.1:
        changed = changed.replace('{"', f'{{"{rng.choice(("inputs", "instances", "name"))}":1,"', 1)
    header_size = len(changed.encode())
    kind = str(payload.get("observedContentType"))
    if "json-header-size" in kind and rng.random() < 0.8:
        payload["observedContentType"] = kind.partition("=")[0] + f"={header_size}"
    payload["data"] = (
        changed if payload.get("encoding") != "BASE64" else base64.b64encode(changed.encode() + tail).decode()
    )


_STRUCTURED: tuple[Callable[[dict[str, Any], random.Random], None], ...] = (
    _mutate_label,
    _mutate_value,
    _mutate_cell,
    _mutate_body,
    _mutate_body,
    _mutate_body,
)


def _choose_location(value: Any, rng: random.Random) -> tuple[Any, Any]:
    """Returns a container somewhere in the value, and a key or index of it; None if there is none."""
    container, key = None, None
    while isinstance(value, dict | list) and value and (container is None or rng.random() < 0.8):
        container = value
        key = rng.choice(list(value)) if isinstance(value, dict) else rng.randrange(len(value))
        value = value[key]
    return container, key


def _replace_value(value: Any, rng: random.Random) -> None:
    container, key = _choose_location(value, rng)
    if container is not None:
        if rng.random() < 0.15:
            del container[key]
        else:
            container[key] = deepcopy(rng.choice(EXTREME_VALUES))


def _repeat_item(value: Any, rng: random.Random) -> None:
    container, key = _choose_location(value, rng)
    if isinstance(container, list):
        container[key:key] = [container[key]] * rng.choice((1, 2, 50))


def _deepen_value(value: Any, rng: random.Random) -> None:
    container, key = _choose_location(value, rng)
    if container is not None:
        for _ in range(rng.choice((1, 2, 30, 300))):
            container[key] = [container[key]] if rng.random() < 0.7 else {rng.choice(KEYS): container[key]}


def _rename_key(value: Any, rng: random.Random) -> None:
    container, key = _choose_location(value, rng)
    if isinstance(container, dict):
        container[rng.choice(KEYS)] = container[key]
        if rng.random() < 0.5:
            container.pop(key)


def _mutate_tensor(value: Any, rng: random.Random) -> None:
    """Changes the datatype, shape or size of a tensor, if the value contains one."""
    body = value.get("")
    tensors = next((each for each in body.values() if isinstance(each, list)), []) if isinstance(body, dict) else []
    tensor = rng.choice(tensors) if tensors else None
    if not isinstance(tensor, dict):
        return
    sizes = (-1, 0, 1, 2, 3, 6, 1000, 2**31, 2**63 - 1, 2**70)
    choice = rng.randrange(3)
    if choice == 0:
        tensor["datatype"] = rng.choice(DATATYPES)
    elif choice == 1:
        tensor["shape"] = [rng.choice(sizes) for _ in range(rng.choice((0, 1, 2, 2, 3, 60)))]
    else:
        tensor["parameters"] = {"binary_data_size": rng.choice((*sizes, None, "1"))}


def mutate_stream(model: FuzzModel, rng: random.Random) -> bytes:
    """Returns a gzip stream of mutated lines: valid, cut, damaged, of several members, with a suffix, or a bomb."""
    text = b"\n".join(mutate_line(model, rng) for _ in range(rng.choice((1, 5, 20)))) + b"\n" * rng.randrange(2)
    choice = rng.randrange(8)
    if choice == 0:
        text += rng.choice((b"\n", b" \n", b"x\n", b"{}\n", b"\x00", b"[")) * rng.choice((100, 1000, 50_000))
    raw = gzip.compress(text, rng.choice((0, 1, 9)), mtime=0)
    if choice == 1:
        return raw[: rng.randrange(2, len(raw))]
    if choice == 2:
        return raw[:2] + mutate_bytes(raw[2:], rng)
    if choice == 3:
        return raw + gzip.compress(mutate_line(model, rng), mtime=0) * rng.choice((1, 3, 200))
    if choice == 4:
        return raw + rng.choice((b"\x00" * 600, b"\x1f\x8b", b"x", mutate_line(model, rng)))
    if choice == 5:
        # FNAME, FCOMMENT and FEXTRA: fields of any length before the data (RFC 1952, 2.3.1).
        flags = rng.choice((8, 16, 24, 4, 255))
        return raw[:3] + bytes([flags]) + raw[4:10] + rng.choice((b"n" * 70_000, b"n\x00", b"\xff\xff")) + raw[10:]
    return raw


def mutate_reference(model: FuzzModel, rng: random.Random) -> bytes:
    """Returns a reference with one to three values replaced, or its bytes mutated."""
    raw = model.reference.encode()
    if rng.random() < 0.2:
        return mutate_bytes(raw, rng)
    value = {"": json.loads(raw)}
    for _ in range(rng.choice((1, 1, 2, 3))):
        rng.choice((_replace_value, _replace_value, _mutate_number, _repeat_item, _rename_key))(value, rng)
    return json.dumps(value.get("")).encode()


def _mutate_number(value: Any, rng: random.Random) -> None:
    """Changes a number to one near it, or far from it."""
    container, key = _choose_location(value, rng)
    if container is not None and isinstance(container[key], int | float):
        container[key] = rng.choice(
            (container[key] + 1, container[key] - 1, -container[key], container[key] * 10, 2**60, 1e-300)
        )
