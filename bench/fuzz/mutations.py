"""How what is sound is broken: bytes, JSON by its structure, gzip streams, references."""

from __future__ import annotations

import base64
import gzip
import json
import random
from collections.abc import Callable
from copy import deepcopy
from typing import Any

from bench.fuzz.corpus import Model, packed, sound

TOKENS = (
    *("", "NaN", "nan", "NA", "null", "None", "inf", "-Infinity", "1e999", "1e-999", "-0.0", "3.0", "True", "false"),
    *("0x10", "1_000", "1 5", " 1.5 ", "٣", ".5", "5.", "+1", "--1", "1e", "9" * 400, "1" * 5000 + "x", "\ud800"),
    *("\r", "\t", "\x00", '"', '"a""b"', '"\n"', "[", "{}", "[1]", "\ufeff1", "é", "\U0001f600", "\\u0041", "\\ud800"),
)  # fmt: skip
"""Texts of cells."""
WILD: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2**31, 2**53, 2**63 - 1, 2**63, -(2**63), 10**400, 0.5, -0.0, 1e308, float("nan")),
    *(float("inf"), "", "x", "\ud800", "1.5", [], [[]], {}, [None], [1, "AA", 2.5], [[1, 2], [3]], {"a": {"a": []}}),
)
"""Values of JSON."""
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


def line(model: Model, rng: random.Random) -> bytes:
    """A captured line, broken one to four times in any of the ways, or, now and then, left sound."""
    made = sound(model, rng)
    how = rng.random()
    if how < 0.04:
        return packed(made)
    if how < 0.55:
        for _ in range(rng.choice((1, 1, 2, 3))):
            rng.choice(_STRUCTURED)(made, rng)
    raw = packed(made)
    if how < 0.12 or how >= 0.55:
        for _ in range(rng.choice((1, 1, 2, 4))):
            raw = broken(raw, rng)
    return raw.replace(b"\n", b" ")


def broken(raw: bytes, rng: random.Random) -> bytes:
    """Bytes flipped, cut, put in, repeated, dropped, or put from one place into another."""
    at = rng.randrange(len(raw) + 1)
    span = rng.choice((1, 3, 20, 200))
    how = rng.randrange(8)
    if how == 0:
        return raw[:at] + bytes([rng.randrange(256)]) + raw[at + 1 :]
    if how == 1:
        return raw[:at] if rng.random() < 0.5 else raw[at:]
    if how == 2:
        return raw[:at] + rng.randbytes(span % 13) + raw[at:]
    if how == 3:
        return raw[:at] + raw[at : at + span] * rng.choice((2, 3, 30)) + raw[at + span :]
    if how == 4:
        return raw[:at] + raw[at + span :]
    if how == 5:
        other = rng.randrange(len(raw) + 1)
        return raw[:at] + raw[other : other + span] + raw[at:]
    text = rng.choice(TOKENS).encode("utf-8", "surrogatepass")
    return raw[:at] + (json.dumps(text.decode("utf-8", "replace"))[1:-1].encode() if how == 6 else text) + raw[at:]


def _side_of(made: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    held: Any = made.get("captureData")
    sides = [each for each in held.values() if isinstance(each, dict)] if isinstance(held, dict) else []
    return rng.choice(sides) if sides else {}


def _label(made: dict[str, Any], rng: random.Random) -> None:
    """Another content type, encoding, or none."""
    kind, among = rng.choice((("observedContentType", TYPES), ("encoding", ("CSV", "JSON", "BASE64", "ALIEN", None))))
    _side_of(made, rng)[kind] = rng.choice(among)


def _value(made: dict[str, Any], rng: random.Random) -> None:
    """Something else in one place of the record."""
    _replace(made, rng)


def _cell(made: dict[str, Any], rng: random.Random) -> None:
    """Another text somewhere in a body of text."""
    held = _side_of(made, rng)
    text = held.get("data")
    if isinstance(text, str):
        at = rng.randrange(len(text) + 1)
        end = at + rng.choice((0, 0, 1, 4))
        held["data"] = text[:at] + rng.choice(TOKENS) * rng.choice((1, 1, 2)) + text[end:]


def _body(made: dict[str, Any], rng: random.Random) -> None:
    """Another value, key, nesting, width or name within a body of JSON, in BASE64 too."""
    held = _side_of(made, rng)
    text = held.get("data")
    if not isinstance(text, str):
        return
    raw, tail = text, b""
    if held.get("encoding") == "BASE64":
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
    whole = {"": value}
    for _ in range(rng.choice((1, 1, 2))):
        rng.choice((_replace, _replace, _tensor, _repeat, _deepen, _rename))(whole, rng)
    changed = json.dumps(whole.get("", value))
    if rng.random() < 0.1:
        changed = changed.replace('{"', f'{{"{rng.choice(("inputs", "instances", "name"))}":1,"', 1)
    told = len(changed.encode())
    kind = str(held.get("observedContentType"))
    if "json-header-size" in kind and rng.random() < 0.8:
        held["observedContentType"] = kind.partition("=")[0] + f"={told}"
    held["data"] = changed if held.get("encoding") != "BASE64" else base64.b64encode(changed.encode() + tail).decode()


_STRUCTURED: tuple[Callable[[dict[str, Any], random.Random], None], ...] = (_label, _value, _cell, _body, _body, _body)


def _place(value: Any, rng: random.Random) -> tuple[Any, Any]:
    """A container somewhere in the value, and a key or index of it; None where there is none."""
    held, key = None, None
    while isinstance(value, dict | list) and value and (held is None or rng.random() < 0.8):
        held = value
        key = rng.choice(list(value)) if isinstance(value, dict) else rng.randrange(len(value))
        value = value[key]
    return held, key


def _replace(value: Any, rng: random.Random) -> None:
    held, key = _place(value, rng)
    if held is not None:
        if rng.random() < 0.15:
            del held[key]
        else:
            held[key] = deepcopy(rng.choice(WILD))


def _repeat(value: Any, rng: random.Random) -> None:
    held, key = _place(value, rng)
    if isinstance(held, list):
        held[key:key] = [held[key]] * rng.choice((1, 2, 50))


def _deepen(value: Any, rng: random.Random) -> None:
    held, key = _place(value, rng)
    if held is not None:
        for _ in range(rng.choice((1, 2, 30, 300))):
            held[key] = [held[key]] if rng.random() < 0.7 else {rng.choice(KEYS): held[key]}


def _rename(value: Any, rng: random.Random) -> None:
    held, key = _place(value, rng)
    if isinstance(held, dict):
        held[rng.choice(KEYS)] = held[key]
        if rng.random() < 0.5:
            held.pop(key)


def _tensor(value: Any, rng: random.Random) -> None:
    """Another datatype, shape or size of a tensor, where the value holds one."""
    body = value.get("")
    tensors = next((each for each in body.values() if isinstance(each, list)), []) if isinstance(body, dict) else []
    held = rng.choice(tensors) if tensors else None
    if not isinstance(held, dict):
        return
    sizes = (-1, 0, 1, 2, 3, 6, 1000, 2**31, 2**63 - 1, 2**70)
    how = rng.randrange(3)
    if how == 0:
        held["datatype"] = rng.choice(DATATYPES)
    elif how == 1:
        held["shape"] = [rng.choice(sizes) for _ in range(rng.choice((0, 1, 2, 2, 3, 60)))]
    else:
        held["parameters"] = {"binary_data_size": rng.choice((*sizes, None, "1"))}


def stream(model: Model, rng: random.Random) -> bytes:
    """A gzip stream of broken lines: sound, cut, damaged, of several members, with something behind it, or a bomb."""
    text = b"\n".join(line(model, rng) for _ in range(rng.choice((1, 5, 20)))) + b"\n" * rng.randrange(2)
    how = rng.randrange(8)
    if how == 0:
        text += rng.choice((b"\n", b" \n", b"x\n", b"{}\n", b"\x00", b"[")) * rng.choice((100, 1000, 50_000))
    raw = gzip.compress(text, rng.choice((0, 1, 9)), mtime=0)
    if how == 1:
        return raw[: rng.randrange(2, len(raw))]
    if how == 2:
        return raw[:2] + broken(raw[2:], rng)
    if how == 3:
        return raw + gzip.compress(line(model, rng), mtime=0) * rng.choice((1, 3, 200))
    if how == 4:
        return raw + rng.choice((b"\x00" * 600, b"\x1f\x8b", b"x", line(model, rng)))
    if how == 5:
        # FNAME, FCOMMENT and FEXTRA: fields of any length before the data (RFC 1952, 2.3.1).
        flags = rng.choice((8, 16, 24, 4, 255))
        return raw[:3] + bytes([flags]) + raw[4:10] + rng.choice((b"n" * 70_000, b"n\x00", b"\xff\xff")) + raw[10:]
    return raw


def reference(model: Model, rng: random.Random) -> bytes:
    """A reference with one to three values replaced, or its bytes broken."""
    raw = model.reference.encode()
    if rng.random() < 0.2:
        return broken(raw, rng)
    value = {"": json.loads(raw)}
    for _ in range(rng.choice((1, 1, 2, 3))):
        rng.choice((_replace, _replace, _number, _repeat, _rename))(value, rng)
    return json.dumps(value.get("")).encode()


def _number(value: Any, rng: random.Random) -> None:
    """A number near the one that stands there, or far from it."""
    held, key = _place(value, rng)
    if held is not None and isinstance(held[key], int | float):
        held[key] = rng.choice((held[key] + 1, held[key] - 1, -held[key], held[key] * 10, 2**60, 1e-300))
