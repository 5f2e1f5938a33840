"""Publishing 20 GB: peak memory and time of the registry's own code and boto3, against a store that discards.

The artifact is a sparse file, so that neither disk nor network is measured. Each side runs in a process of its own.
"""

from __future__ import annotations

import argparse
import io
import json
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.memory import peak_memory_mib

GB = 1_000_000_000
LIMIT_MIB = 200
OUT = Path("out/bench/publish.json")
SHARED_MEMORY = Path("/dev/shm")
IMAGE = "example.com/server@sha256:" + "0" * 64


def main(arguments: list[str] | None = None) -> int:
    """Prints the figures and writes them to out/bench/publish.json; returns 1 if the memory is above its limit."""
    parser = argparse.ArgumentParser(prog="python -m bench.publish", description=__doc__)
    parser.add_argument("--gigabytes", type=float, default=20.0)
    parser.add_argument("--publish", nargs=2, metavar=("URL", "FILE"), help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.publish:
        print(json.dumps(publish_version(options.publish[0], Path(options.publish[1]))))
        return 0
    figures = measure(int(options.gigabytes * GB))
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(figures, indent=2) + "\n")
    print_figures(figures)
    return 0 if figures["peak_memory_mib"] < LIMIT_MIB else 1


def measure(size: int) -> dict[str, Any]:
    """Publishes a sparse artifact of `size` bytes.

    Returns bytes, parts, seconds, MB/s and peak resident memory in MiB.
    """
    # In shared memory if there is any: reading a hole from a disk's file system costs more than sending it.
    with tempfile.TemporaryDirectory(dir=SHARED_MEMORY if SHARED_MEMORY.exists() else None) as folder:
        artifact = write_sparse_archive(Path(folder) / "model.tar.gz", size)
        store = subprocess.Popen(
            [sys.executable, "-m", "bench.discarding_store"], stdout=subprocess.PIPE, text=True
        )  # fmt: skip
        try:
            assert store.stdout is not None
            url = f"http://127.0.0.1:{int(store.stdout.readline())}"
            done = subprocess.run(
                [sys.executable, "-m", "bench.publish", "--publish", url, str(artifact)],
                stdout=subprocess.PIPE, text=True, check=True,
            )  # fmt: skip
        finally:
            store.terminate()
            store.wait()
    return json.loads(done.stdout)


def publish_version(url: str, artifact: Path) -> dict[str, Any]:
    """Publishes one version as `tidewatch publish` does, and measures this process."""
    import boto3
    from botocore import UNSIGNED
    from botocore.config import Config

    from tidewatch.registry import FeatureSpec, Lineage, ModelDescription, ModelRegistry, TrainingData
    from tidewatch.registry.upload import compute_part_size

    # Unsigned: over plain HTTP, botocore would hash every byte once more for the signature; over HTTPS it does not.
    s3 = boto3.client("s3", endpoint_url=url, region_name="us-east-1", config=Config(signature_version=UNSIGNED))
    lineage = Lineage(
        commit="none", data=TrainingData(reference="none", digest="none"), preprocessing="none",
        features=(FeatureSpec(name="none", kind="numeric", definition="none"),),
        hyperparameters={}, seeds={}, environment={}, training_run="none",
    )  # fmt: skip
    description = ModelDescription(framework="none", owner="bench", lineage=lineage, metrics={}, image=IMAGE)
    before, started = peak_memory_mib(), time.perf_counter()
    manifest = ModelRegistry(s3, "registry", "bench").publish("1", artifact, description)
    seconds, size = time.perf_counter() - started, manifest.artifact.size
    return {
        "bytes": size,
        "parts": -(-size // compute_part_size(size)),
        "seconds": round(seconds, 1),
        "megabytes_per_second": round(size / seconds / 1e6),
        "peak_memory_mib": round(peak_memory_mib(), 1),
        "memory_before_mib": round(before, 1),
        "limit_mib": LIMIT_MIB,
    }


def write_sparse_archive(path: Path, size: int) -> Path:
    """Writes a gzipped tar with one small member, then zeros that take no space on disk."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        archive.addfile(tarfile.TarInfo("weights"), io.BytesIO())
    with path.open("wb") as file:
        file.write(packed.getvalue())
        file.truncate(size)
    return path


def print_figures(figures: dict[str, Any]) -> None:
    table = Table("publish", "figure", title="tidewatch publish against a store that discards", box=None)
    table.add_row("artifact", f"{figures['bytes'] / GB:g} GB in {figures['parts']} parts")
    table.add_row("peak memory", f"{figures['peak_memory_mib']} MiB (limit {figures['limit_mib']} MiB)")
    table.add_row("  of it before publishing", f"{figures['memory_before_mib']} MiB")
    table.add_row("time, upload and reading back", f"{figures['seconds']} s")
    table.add_row("throughput", f"{figures['megabytes_per_second']} MB/s")
    Console().print(table)


if __name__ == "__main__":
    sys.exit(main())
