"""Loads a LightGBM model from stdin and predicts once, in a process that may die of it.

LightGBM reads trees in its own threads, where an error in the text ends the process instead of being reported. This
file is run by its path with the library's path as argument; it imports nothing slow.
"""

from __future__ import annotations

import ctypes
import sys

FLOAT64, ROW_MAJOR, PROBABILITY, ALL_TREES = 1, 1, 0, -1
PARAMETERS = b"num_threads=1 verbosity=-1"


def main(library: str) -> int:
    """Returns 0 if the model predicts, or 1 after writing LightGBM's error to stdout."""
    lightgbm = ctypes.CDLL(library)
    lightgbm.LGBM_GetLastError.restype = ctypes.c_char_p
    handle, iterations, features, classes = ctypes.c_void_p(), ctypes.c_int(), ctypes.c_int(), ctypes.c_int()
    text = sys.stdin.buffer.read()
    codes = (
        lightgbm.LGBM_BoosterLoadModelFromString(text, ctypes.byref(iterations), ctypes.byref(handle))
        or lightgbm.LGBM_BoosterGetNumFeature(handle, ctypes.byref(features))
        or lightgbm.LGBM_BoosterGetNumClasses(handle, ctypes.byref(classes))
        or _predict_once(lightgbm, handle, features.value, classes.value)
    )
    if codes:
        sys.stdout.write(lightgbm.LGBM_GetLastError().decode(errors="replace"))
    return int(codes != 0)


def _predict_once(lightgbm: ctypes.CDLL, handle: ctypes.c_void_p, features: int, classes: int) -> int:
    row, scores = (ctypes.c_double * features)(), (ctypes.c_double * max(classes, 1))()
    length = ctypes.c_int64()
    return lightgbm.LGBM_BoosterPredictForMat(
        handle, row, FLOAT64, ctypes.c_int32(1), ctypes.c_int32(features), ROW_MAJOR, PROBABILITY, 0, ALL_TREES,
        PARAMETERS, ctypes.byref(length), scores,
    )  # fmt: skip


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1]))
