"""Reads the pixels of a PNG as browsers write their screenshots: eight bits a channel, not interlaced."""

from __future__ import annotations

import struct
import zlib

import numpy as np
from numpy.typing import NDArray

SIGNATURE = b"\x89PNG\r\n\x1a\n"
CHANNELS = {2: 3, 6: 4}


def pixels(data: bytes) -> NDArray[np.uint8]:
    """Red, green and blue of every pixel, shape (height, width, 3)."""
    assert data.startswith(SIGNATURE)
    chunks = [*_chunks(data[len(SIGNATURE) :])]
    width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", chunks[0][1])
    assert (depth, interlaced) == (8, 0)
    size = CHANNELS[colour]
    raw = zlib.decompress(b"".join(body for kind, body in chunks if kind == b"IDAT"))
    stride = 1 + width * size
    rows: list[bytearray] = [bytearray(width * size)]
    for at in range(height):
        line = raw[at * stride : (at + 1) * stride]
        rows.append(_remove_filter(line[0], bytearray(line[1:]), rows[-1], size))
    return np.frombuffer(b"".join(rows[1:]), np.uint8).reshape(height, width, size)[..., :3]


def _chunks(data: bytes):
    at = 0
    while at < len(data):
        (size,) = struct.unpack_from(">I", data, at)
        yield data[at + 4 : at + 8], data[at + 8 : at + 8 + size]
        at += size + 12


def _remove_filter(kind: int, line: bytearray, above: bytearray, size: int) -> bytearray:
    if kind == 0:
        return line
    if kind == 2:
        return bytearray(np.frombuffer(line, np.uint8) + np.frombuffer(above, np.uint8))
    for at in range(len(line)):
        left = line[at - size] if at >= size else 0
        match kind:
            case 1:
                guess = left
            case 3:
                guess = (left + above[at]) // 2
            case _:
                guess = _paeth(left, above[at], above[at - size] if at >= size else 0)
        line[at] = (line[at] + guess) & 255
    return line


def _paeth(left: int, above: int, corner: int) -> int:
    guess = left + above - corner
    return min((left, above, corner), key=lambda each: abs(guess - each))
