"""Spark on this machine, without a network. Collected only in .venv-spark, where it is installed: `make test-spark`."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

collect_ignore_glob = [] if find_spec("pyspark") else ["test_*.py"]

ROOT = Path(__file__).parents[2]
OLDEST_JAVA = 17
ELSEWHERE = ("SPARK_HOME", "SPARK_CONF_DIR", "PYSPARK_SUBMIT_ARGS", "PYSPARK_DRIVER_PYTHON")
"""Would lead to a Spark of this machine's own, with its settings."""


@pytest.fixture(scope="session")
def java() -> None:
    """A Java that Spark starts with; asked for before anything is started."""
    home = os.environ.get("JAVA_HOME")
    program = str(Path(home) / "bin" / "java") if home else shutil.which("java")
    found = _java(program) if program else None
    if found is None or found < OLDEST_JAVA:
        pytest.fail(
            f"Spark needs Java {OLDEST_JAVA} or later, and {program or 'java'} "
            f"{'could not be run' if found is None else f'is Java {found}'}: "
            "install one, and let JAVA_HOME name it or have it on PATH",
            pytrace=False,
        )


def _java(program: str) -> int | None:
    try:
        said = subprocess.run([program, "-version"], capture_output=True, text=True, check=True).stderr
    except (OSError, subprocess.CalledProcessError):
        return None
    version = re.search(r'version "(\d+)', said)
    return int(version[1]) if version else None


@pytest.fixture(scope="session")
def spark(java: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    """Two tasks at a time; each finds tidewatch in this checkout."""
    del java
    from pyspark.sql import SparkSession

    scratch = tmp_path_factory.mktemp("spark")
    settings = {
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.memory": "512m",
        "spark.driver.extraJavaOptions": f"-Djava.io.tmpdir={scratch} -XX:-UsePerfData",
        "spark.executorEnv.PYTHONPATH": str(ROOT),
        "spark.local.dir": str(scratch / "local"),
        "spark.sql.files.maxPartitionBytes": "32m",
        "spark.sql.warehouse.dir": str(scratch / "warehouse"),
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
    }
    with pytest.MonkeyPatch.context() as patch:
        for name in ELSEWHERE:
            patch.delenv(name, raising=False)
        patch.setenv("PYSPARK_PYTHON", sys.executable)
        patch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
        patch.setenv("SPARK_LOCAL_HOSTNAME", "localhost")
        builder = SparkSession.builder.master("local[2]").appName("tidewatch")
        session = builder.config(map=settings).getOrCreate()
        yield session
        session.stop()
