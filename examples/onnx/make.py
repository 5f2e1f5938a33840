"""A scikit-learn classifier on a data set of scikit-learn's own, as ONNX: all that `tidewatch rehearse --with` takes.

    python examples/onnx/make.py FOLDER

The question: is a tumour benign, by thirty measures of its cells (the breast cancer data set, 569 rows)?
"""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import polars as pl
from skl2onnx import to_onnx
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

NAME = "tumours"
"""The model's: its folder in the archive, and `tidewatch:model.name` of the stack file."""
CONFIG = """\
name: "{name}"
backend: "onnxruntime"
max_batch_size: 1024
input [ {{ name: "X", data_type: TYPE_FP32, dims: [ {columns} ] }} ]
output [ {{ name: "probabilities", data_type: TYPE_FP32, dims: [ 2 ] }} ]
"""
"""For Triton. A batch comes first in every shape, and is not written here."""


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    data: Any = load_breast_cancer()
    columns = [str(name).replace(" ", "_") for name in data.feature_names]
    order = np.random.default_rng(2013).permutation(len(data.data))
    rows, benign = data.data.astype(np.float32)[order], data.target[order]
    learned, asked = rows[:285], rows[285:]

    # 1. Train, and export. Without `zipmap` the probabilities are a tensor: Triton serves nothing else.
    classifier = make_pipeline(StandardScaler(), LogisticRegression()).fit(learned, benign[:285])
    exported: Any = to_onnx(classifier, learned[:1], options={"zipmap": False}, target_opset=17)
    model = exported.SerializeToString()

    # 2. Pack it in Triton's layout.
    config = CONFIG.format(name=NAME, columns=len(columns))
    pack(folder / "model.tar.gz", {"1/model.onnx": model, "config.pbtxt": config.encode()})

    # 3. The training data with what the model answers for them, as it will be served: the second of its probabilities.
    served: Any = onnxruntime.InferenceSession(model)
    (probabilities,) = served.run(["probabilities"], {"X": learned})
    table = pl.DataFrame(learned, schema=columns).with_columns(score=pl.Series(probabilities[:, 1]))
    table.write_csv(folder / "training.csv")
    reference(folder, "--score", "score", "--score-output", "1")

    # 4. Requests: rows that it has not seen.
    pl.DataFrame(asked, schema=columns).write_csv(folder / "requests.csv")


def pack(path: Path, files: dict[str, bytes]) -> None:
    """model.tar.gz: one folder, by the model's name."""
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(f"{NAME}/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


def reference(folder: Path, *options: str) -> None:
    """`tidewatch drift reference training.csv -o reference.json` with these options."""
    command = [Path(sys.executable).with_name("tidewatch"), "drift", "reference", folder / "training.csv"]
    subprocess.run([*command, "-o", folder / "reference.json", *options], check=True)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
