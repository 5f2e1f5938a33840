"""LightGBM's own library through its C interface: a model file in, float32 rows in, scores out.

The Python package of LightGBM takes seconds to import and a fraction of a millisecond a call; the library does not.
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

from simulator.aws import trial

_FLOAT32 = 0
_SIZES = re.compile(r"^tree_sizes=([\d ]*)$", re.MULTILINE)
TRIAL_SECONDS = 60


class ModelFileRefused(ValueError):
    """LightGBM cannot read the model file; the text says why, in LightGBM's words where it has some."""


class Booster:
    """A loaded LightGBM model. Several threads may call it at once."""

    def __init__(self, text: str) -> None:
        self._library = _library()
        self._handle = ctypes.c_void_p()
        iterations = ctypes.c_int()
        _try(text)
        self._call(
            self._library.LGBM_BoosterLoadModelFromString(
                ctypes.c_char_p(text.encode()), ctypes.byref(iterations), ctypes.byref(self._handle)
            )
        )
        self.features = self._integer("LGBM_BoosterGetNumFeature")
        self.classes = self._integer("LGBM_BoosterGetNumClasses")

    def predict(self, rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        """Scores of rows (n, features), after the objective's transformation; shape (n, classes)."""
        count, width = rows.shape
        scores = np.empty(count * self.classes, dtype=np.float64)
        length = ctypes.c_int64()
        self._call(
            self._library.LGBM_BoosterPredictForMat(
                self._handle,
                rows.ctypes.data_as(ctypes.c_void_p),
                _FLOAT32,
                count,
                width,
                trial.ROW_MAJOR,
                trial.PROBABILITY,
                0,
                trial.ALL_TREES,
                trial.PARAMETERS,
                ctypes.byref(length),
                scores.ctypes.data_as(ctypes.POINTER(ctypes.c_double)),
            )
        )
        return scores.reshape(count, self.classes)

    def close(self) -> None:
        self._library.LGBM_BoosterFree(self._handle)

    def _integer(self, function: str) -> int:
        number = ctypes.c_int()
        self._call(getattr(self._library, function)(self._handle, ctypes.byref(number)))
        return number.value

    def _call(self, code: int) -> None:
        if code != 0:
            raise ModelFileRefused(self._library.LGBM_GetLastError().decode(errors="replace"))


@lru_cache(maxsize=8)
def _try(text: str) -> None:
    """Raises ModelFileRefused where LightGBM would, or would end this process: it is asked in another one first."""
    _check(text)
    try:
        done = subprocess.run(  # nosec B603 # no shell, and the program is ours
            [sys.executable, "-I", "-S", trial.__file__, str(_path())],
            input=text.encode(), capture_output=True, check=False, timeout=TRIAL_SECONDS,
        )  # fmt: skip
    except subprocess.TimeoutExpired as slow:
        raise ModelFileRefused(
            f"LightGBM does not answer one row within {TRIAL_SECONDS} s: save the model anew"
        ) from slow
    if done.returncode == 1 and done.stdout:
        raise ModelFileRefused(done.stdout.decode(errors="replace").splitlines()[-1])
    if done.returncode:
        raise ModelFileRefused(
            "LightGBM breaks down as it reads the trees, so the file is damaged: save the model anew"
        )


def _check(text: str) -> None:
    if not text.startswith("tree"):
        raise ModelFileRefused("the file does not start with 'tree', as a LightGBM text model does")
    if "\r" in text:
        raise ModelFileRefused("its lines end in CRLF, and LightGBM counts the bytes of each: write it with LF alone")
    start = text.find("\nTree=") + 1
    if not start:
        raise ModelFileRefused("the file holds no tree: save the model anew")
    if sizes := _SIZES.search(text, 0, start):
        trees, end = text[start:].encode(), 0
        for number, size in enumerate(map(int, sizes[1].split())):
            begins, end = trees.startswith(b"Tree=", end), end + size
            if not begins or end > len(trees):
                raise ModelFileRefused(
                    f"tree {number} does not stand where tree_sizes tells, so the file was cut or edited: save the "
                    "model anew"
                )


_loading = threading.Lock()


def _library() -> ctypes.CDLL:
    with _loading:
        return _load()


@cache
def _load() -> ctypes.CDLL:
    library = ctypes.CDLL(str(_path()))
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


def _path() -> Path:
    found = importlib.util.find_spec("lightgbm")
    if found is None or found.origin is None:
        raise ModelFileRefused("LightGBM is not installed; install the project's `rehearsal` dependencies")
    return Path(found.origin).parent / "lib" / "lib_lightgbm.so"
