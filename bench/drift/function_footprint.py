"""The drift function as it is deployed: the time to import its modules, and the size of its package."""

from __future__ import annotations

import zipfile
from pathlib import Path

from bench.drift.dataset import ROOT
from bench.limits import time_import
from components.lambda_layer import build_layer
from components.lambda_package import find_sources

HANDLER = "lambdas.drift.handler"
REPEATS = 9
MB = 1_000_000

_WITHOUT_BOTO3 = """
import sys
from importlib.machinery import ModuleSpec
from types import ModuleType

class Empty:
    # Stands for boto3 and botocore, which the runtime brings. Every name in them is an exception class, so that
    # `except` and subclassing work.
    def find_spec(self, name, path=None, target=None):
        return ModuleSpec(name, self, is_package=True) if name.split(".")[0] in ("boto3", "botocore") else None
    def create_module(self, spec):
        module = ModuleType(spec.name)
        module.__getattr__ = lambda name: type(name, (Exception,), {})
        return module
    def exec_module(self, module):
        pass

sys.meta_path.insert(0, Empty())
"""


def measure_imports() -> tuple[list[float], list[float]]:
    """Returns the processor seconds to import the handler without boto3, and to import boto3.

    The runs alternate, each in a new process.
    """
    turns = [(time_import(HANDLER, ROOT, _WITHOUT_BOTO3), time_import("boto3", ROOT)) for _ in range(REPEATS)]
    return [ours for ours, _ in turns], [boto3 for _, boto3 in turns]


def measure_unzipped_mb() -> float:
    """Returns the megabytes of the function's code and its layer, unzipped. Lambda's limit is 250 MB."""
    code = sum((ROOT / path).stat().st_size for path in find_sources(HANDLER))
    return (code + sum_unzipped_bytes(build_layer("drift"))) / MB


def sum_unzipped_bytes(zip_path: Path) -> int:
    """Returns the bytes of all members of a zip file."""
    with zipfile.ZipFile(zip_path) as zip_file:
        return sum(member.file_size for member in zip_file.infolist())
