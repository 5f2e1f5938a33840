"""Files and payloads that are no captured rows, told by what they are."""

from __future__ import annotations

import json
import re
from collections.abc import Collection

from tidewatch.capture.reasons import Reason

_KINDS = {"application/x-npy": Reason.NUMPY, "text/libsvm": Reason.LIBSVM, "text/x-libsvm": Reason.LIBSVM}
_FILES = ("image/", "audio/", "video/", "multipart/")
_MAGIC = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"RIFF", b"BM", b"II*\0", b"MM\0*")
"""How images begin that say nothing of themselves."""
_LIBSVM = re.compile(r"[^\s:,]+(?: +[0-9]+:[^\s:,]+)+ *")
_ASKING = frozenset({"messages", "prompt", "inputText", "text_inputs"})
_TEXT = frozenset({"inputs", "parameters"})


def foreign_body(body: bytes, kind: str) -> Reason | None:
    """What a body is that no reader takes, by its content type or its first bytes; None where that is not known."""
    if kind in _KINDS or body.startswith(b"\x93NUMPY"):
        return _KINDS.get(kind, Reason.NUMPY)
    return Reason.IMAGE if kind.startswith(_FILES) or body.startswith(_MAGIC) else None


def is_libsvm(row: object) -> bool:
    """Whether a row is one of LIBSVM. Source: https://www.csie.ntu.edu.tw/~cjlin/libsvm/, its README."""
    return isinstance(row, str) and _LIBSVM.fullmatch(row) is not None


def is_chat(names: Collection[str]) -> bool:
    """Whether a body of these names asks a language model, as those of SageMaker JumpStart and Bedrock are asked."""
    return not _ASKING.isdisjoint(names) or _TEXT.issubset(names)


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
        each = ".[]" if text.startswith("[") else "."
        return (
            f"{name} is JSON over several lines, and captured records stand one a line: `jq -c '{each}' {name}` "
            "writes it so"
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
