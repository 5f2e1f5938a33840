"""Files and payloads that are no captured rows, told by what they are."""

from __future__ import annotations

import json
import re
from typing import cast

from tidewatch.capture.reasons import Reason

_KINDS = {"application/x-npy": Reason.NUMPY, "text/libsvm": Reason.LIBSVM, "text/x-libsvm": Reason.LIBSVM}
_FILES = ("image/", "audio/", "video/", "multipart/")
_MAGIC = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"RIFF", b"BM", b"II*\0", b"MM\0*")
"""How images begin that say nothing of themselves."""
_LIBSVM = re.compile(r"[^\s:,]+(?: +[0-9]+:[^\s:,]+)+ *(?:\r?\n|$)")
_CHAT = (("messages",), ("prompt",), ("inputs", "parameters"), ("inputText",), ("text_inputs",))


def foreign_body(body: bytes, kind: str) -> Reason | None:
    """What a body is that no reader takes, by its content type or its first bytes; None where that is not known."""
    if kind in _KINDS or body.startswith(b"\x93NUMPY"):
        return _KINDS.get(kind, Reason.NUMPY)
    return Reason.IMAGE if kind.startswith(_FILES) or body.startswith(_MAGIC) else None


def is_libsvm(text: str) -> bool:
    """Whether a text begins with a row of LIBSVM. Source: https://www.csie.ntu.edu.tw/~cjlin/libsvm/, its README."""
    return ":" in text and _LIBSVM.match(text) is not None


def is_chat(value: object) -> bool:
    """Whether a JSON value asks a language model, by the keys that those of SageMaker JumpStart and Bedrock take."""
    if not isinstance(value, dict):
        return False
    asked = cast("dict[str, object]", value)
    return any(
        keys[0] in asked
        and all(key in asked for key in keys)
        and (isinstance(asked[keys[0]], str) or _are_messages(asked[keys[0]]))
        for keys in _CHAT
    )


def _are_messages(value: object) -> bool:
    """Objects of a role and its content."""
    if not isinstance(value, list) or not value:
        return False
    return all(isinstance(each, dict) and "role" in each for each in cast("list[object]", value))


def foreign_file(name: str, head: bytes) -> str | None:
    """What a file is that holds no captured records, by its name and first bytes, and what to do; None for others."""
    if name.lower().endswith(".out"):
        return (
            f"{name} is what a batch transform wrote, not captured records: join it with its input, and check both as "
            "one table (.csv or .parquet)"
        )
    text = head.decode("utf-8", "replace").lstrip("\ufeff \t\r\n")
    first = text.split("\n", 1)[0].rstrip("\r ")
    if re.match(r'\[\s*\{\s*"prefix"\s*:', text):
        return (
            f"{name} is a batch transform's manifest, not captured records: it names objects; check the tables that it "
            "names, or the files that an endpoint captured"
        )
    if first in ("{", "[") or re.match(r"\[\s*\{", text):
        return (
            f"{name} is JSON over several lines, and captured records stand one a line: "
            f"`jq -c '.[]? // .' {name}` writes it so"
        )
    return _concatenated(name, first) if first.startswith("{") else None


def _concatenated(name: str, first: str) -> str | None:
    try:
        _, end = json.JSONDecoder().raw_decode(first)
    except ValueError:
        return None
    if not first[end:].lstrip().startswith("{"):
        return None
    return f"{name} holds several records in one line: put each on a line of its own, `jq -c . {name}` does it"
