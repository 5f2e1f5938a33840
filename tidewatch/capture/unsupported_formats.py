"""Recognizes files and payloads that are no captured rows."""

from __future__ import annotations

import json
import re
from collections.abc import Collection

from tidewatch.capture.reject_reasons import RejectReason

_REASONS_BY_TYPE = {
    "application/x-npy": RejectReason.NUMPY,
    "text/libsvm": RejectReason.LIBSVM,
    "text/x-libsvm": RejectReason.LIBSVM,
}
_MEDIA_TYPES = ("image/", "audio/", "video/", "multipart/")
_IMAGE_SIGNATURES = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"RIFF", b"BM", b"II*\0", b"MM\0*")
"""The first bytes of image formats."""
_LIBSVM = re.compile(r"[^\s:,]+(?: +[0-9]+:[^\s:,]+)+ *")
_PROMPT_KEYS = frozenset({"messages", "prompt", "inputText", "text_inputs"})
_TEXT_GENERATION_KEYS = frozenset({"inputs", "parameters"})


def classify_unsupported_body(body: bytes, kind: str) -> RejectReason | None:
    """Returns the reason for an unsupported body, by its content type or its first bytes, or None if it is unknown."""
    if kind in _REASONS_BY_TYPE or body.startswith(b"\x93NUMPY"):
        return _REASONS_BY_TYPE.get(kind, RejectReason.NUMPY)
    return RejectReason.IMAGE if kind.startswith(_MEDIA_TYPES) or body.startswith(_IMAGE_SIGNATURES) else None


def is_libsvm(row: object) -> bool:
    """Whether a row is LIBSVM. Source: https://www.csie.ntu.edu.tw/~cjlin/libsvm/, its README."""
    return isinstance(row, str) and _LIBSVM.fullmatch(row) is not None


def is_chat(names: Collection[str]) -> bool:
    """Whether a body with these names is a request to a language model, as in SageMaker JumpStart and Bedrock."""
    return not _PROMPT_KEYS.isdisjoint(names) or _TEXT_GENERATION_KEYS.issubset(names)


def explain_unsupported_file(name: str, head: bytes) -> str | None:
    """Returns what a file without captured records is and what to do, by its name and first bytes; None for others."""
    if name.lower().endswith(".out"):
        return (
            f"{name} is the output of a batch transform, not captured records: join it with its input, and check "
            "both as one table (.csv or .parquet)"
        )
    text = head.decode("utf-8", "replace").lstrip("\ufeff \t\r\n")
    first = text.split("\n", 1)[0].rstrip("\r ")
    if re.match(r'\[\s*\{\s*"prefix"\s*:', text):
        return (
            f"{name} is a batch transform's manifest, not captured records: check the tables that it names, or the "
            "files that an endpoint captured"
        )
    if first in ("{", "[") or re.match(r"\[\s*\{", text):
        jq_filter = ".[]" if text.startswith("[") else "."
        return (
            f"{name} is JSON over several lines, but a capture file has one record per line: run `jq -c "
            f"'{jq_filter}' {name}`"
        )
    return _explain_concatenated(name, first) if first.startswith("{") else None


def _explain_concatenated(name: str, first: str) -> str | None:
    try:
        _, end = json.JSONDecoder().raw_decode(first)
    except ValueError:
        return None
    if not first[end:].lstrip().startswith("{"):
        return None
    return f"{name} holds several records in one line: put each on its own line with `jq -c . {name}`"
