"""LightGBM's own library through its C interface: loads a model file and computes scores of float32 rows.

LightGBM's Python package takes seconds to import and a fraction of a millisecond for a call; the library does not.
"""

from __future__ import annotations

import ctypes
import importlib.util
import re
import subprocess
import sys
import threading
from functools import cache, lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from rehearsal.aws.inference import lightgbm_probe

_FLOAT32 = 0
_SIZES = re.compile(r"^tree_sizes=([\d ]*)$", re.MULTILINE)
PROBE_TIMEOUT_SECONDS = 60


class ModelFileError(ValueError):
    """LightGBM cannot read the model file; the message has the reason, in LightGBM's words if it has some."""


class Booster:
    """A loaded LightGBM model. Several threads may call it at once."""

    def __init__(self, text: str) -> None:
        self._library = _get_library()
        self._handle = ctypes.c_void_p()
        iterations = ctypes.c_int()
        _probe_in_subprocess(text)
        self._check_result(
            self._library.LGBM_BoosterLoadModelFromString(
                ctypes.c_char_p(text.encode()), ctypes.byref(iterations), ctypes.byref(self._handle)
            )
        )
        self.feature_count = self._read_integer("LGBM_BoosterGetNumFeature")
        self.class_count = self._read_integer("LGBM_BoosterGetNumClasses")

    def predict(self, rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        """Scores of rows (n, features), after the objective's transformation; shape (n, classes)."""
        count, width = rows.shape
        scores = np.empty(count * self.class_count, dtype=np.float64)
        length = ctypes.c_int64()
        self._check_result(
            self._library.LGBM_BoosterPredictForMat(
                self._handle,
                rows.ctypes.data_as(ctypes.c_void_p),
                _FLOAT32,
                count,
                width,
                lightgbm_probe.ROW_MAJOR,
                lightgbm_probe.PROBABILITY,
                0,
                lightgbm_probe.ALL_TREES,
                lightgbm_probe.PARAMETERS,
                ctypes.byref(length),
                scores.ctypes.data_as(ctypes.POINTER(ctypes.c_double)),
            )
        )
        return scores.reshape(count, self.class_count)

    def close(self) -> None:
        self._library.LGBM_BoosterFree(self._handle)

    def _read_integer(self, function: str) -> int:
        number = ctypes.c_int()
        self._check_result(getattr(self._library, function)(self._handle, ctypes.byref(number)))
        return number.value

    def _check_result(self, code: int) -> None:
        if code != 0:
            raise ModelFileError(self._library.LGBM_GetLastError().decode(errors="replace"))


@lru_cache(maxsize=8)
def _probe_in_subprocess(text: str) -> None:
    """Raises ModelFileError if LightGBM refuses the text, or would end the process: another one tries it first."""
    _check_text(text)
    try:
        completed_process = subprocess.run(  # nosec B603 # no shell, and the program is ours
            [sys.executable, "-I", "-S", lightgbm_probe.__file__, str(_find_library())],
            input=text.encode(), capture_output=True, check=False, timeout=PROBE_TIMEOUT_SECONDS,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise ModelFileError(
            f"LightGBM does not answer one row within {PROBE_TIMEOUT_SECONDS} s: save the model anew"
        ) from error
    if completed_process.returncode == 1 and completed_process.stdout:
        raise ModelFileError(completed_process.stdout.decode(errors="replace").splitlines()[-1])
    if completed_process.returncode:
        raise ModelFileError("LightGBM breaks down as it reads the trees, so the file is damaged: save the model anew")


def _check_text(text: str) -> None:
    if not text.startswith("tree"):
        raise ModelFileError("the file does not start with 'tree', as a LightGBM text model does")
    if "\r" in text:
        raise ModelFileError("its lines end in CRLF, and LightGBM counts the bytes of each: write it with LF alone")
    start = text.find("\nTree=") + 1
    if not start:
        raise ModelFileError("the file holds no tree: save the model anew")
    if sizes := _SIZES.search(text, 0, start):
        trees, end = text[start:].encode(), 0
        for number, size in enumerate(map(int, sizes[1].split())):
            starts_tree, end = trees.startswith(b"Tree=", end), end + size
            if not starts_tree or end > len(trees):
                raise ModelFileError(
                    f"tree {number} does not begin where tree_sizes has it, so the file was cut or edited: save the "
                    "model anew"
                )


_load_lock = threading.Lock()


def _get_library() -> ctypes.CDLL:
    with _load_lock:
        return _load_library()


@cache
def _load_library() -> ctypes.CDLL:
    library = ctypes.CDLL(str(_find_library()))
    library.LGBM_GetLastError.restype = ctypes.c_char_p
    library.LGBM_BoosterPredictForMat.argtypes = [
        ctypes.c_void_p,
        ctypes.c_void_p,
        ctypes.c_int,
        ctypes.c_int32,
        ctypes.c_int32,
        ctypes.c_int,
        ctypes.c_int,
        ctypes.c_int,
        ctypes.c_int,
        ctypes.c_char_p,
        ctypes.c_void_p,
        ctypes.c_void_p,
    ]
    return library


def _find_library() -> Path:
    spec = importlib.util.find_spec("lightgbm")
    if spec is None or spec.origin is None:
        raise ModelFileError("LightGBM is not installed; install the project's `rehearsal` dependencies")
    return Path(spec.origin).parent / "lib" / "lib_lightgbm.so"
