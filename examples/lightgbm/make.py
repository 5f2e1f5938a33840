"""A LightGBM classifier in the layout of Triton's FIL backend: all that `tidewatch rehearse --with` takes.

    python examples/lightgbm/make.py FOLDER

The question: is a written digit even, by the ink in 64 places of it (scikit-learn's digits, 1,797 rows)? The canary is
another model of the same question, with fewer trees.
"""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import polars as pl
from sklearn.datasets import load_digits

NAME = "digits"
"""The model's: its folder in the archive, and `tidewatch:model.name` of the stack file."""
CONFIG = """\
name: "{name}"
backend: "fil"
max_batch_size: 1024
input [ {{ name: "input__0", data_type: TYPE_FP32, dims: [ {columns} ] }} ]
output [ {{ name: "output__0", data_type: TYPE_FP32, dims: [ 2 ] }} ]
parameters [
  {{ key: "model_type", value: {{ string_value: "lightgbm" }} }},
  {{ key: "predict_proba", value: {{ string_value: "true" }} }},
  {{ key: "is_classifier", value: {{ string_value: "true" }} }},
  {{ key: "threshold", value: {{ string_value: "0.5" }} }}
]
"""
"""For Triton: with predict_proba output__0 is the probability of odd, then of even."""


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    data: Any = load_digits()
    order = np.random.default_rng(2013).permutation(len(data.data))
    columns = [str(name) for name in data.feature_names]
    rows, even = data.data.astype(np.float32)[order], (data.target % 2 == 0)[order]
    learned, asked = rows[:1000], rows[1000:]

    # 1. Train: the champion, and a canary with fewer trees.
    champion, canary = (train(learned, even[:1000], rounds) for rounds in (60, 40))

    # 2. Pack both in Triton's layout.
    for name, booster in (("model.tar.gz", champion), ("challenger.tar.gz", canary)):
        config = CONFIG.format(name=NAME, columns=len(columns))
        pack(folder / name, {"1/model.txt": booster.model_to_string(), "config.pbtxt": config})

    # 3. The training data with what the model answers for them: the second number of output__0.
    scores = np.asarray(champion.predict(learned), dtype=np.float32)
    pl.DataFrame(learned, schema=columns).with_columns(score=pl.Series(scores)).write_csv(folder / "training.csv")
    reference(folder, "--score", "score", "--score-output", "1")

    # 4. Requests: rows that it has not seen.
    pl.DataFrame(asked, schema=columns).write_csv(folder / "requests.csv")


def train(rows: np.ndarray, even: np.ndarray, rounds: int) -> lightgbm.Booster:
    parameters = {"objective": "binary", "num_leaves": 15, "num_threads": 1, "seed": 1, "verbose": -1}
    return lightgbm.train(parameters, lightgbm.Dataset(rows, even.astype(np.float32)), num_boost_round=rounds)


def pack(path: Path, files: dict[str, str]) -> None:
    """model.tar.gz: one folder, by the model's name."""
    with tarfile.open(path, "w:gz") as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(f"{NAME}/{name}")
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))


def reference(folder: Path, *options: str) -> None:
    """`tidewatch drift reference training.csv -o reference.json` with these options."""
    command = [Path(sys.executable).with_name("tidewatch"), "drift", "reference", folder / "training.csv"]
    subprocess.run([*command, "-o", folder / "reference.json", *options], check=True)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
