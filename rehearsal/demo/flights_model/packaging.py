"""Packs the flights models for Triton's FIL backend, and scores rows through Triton's V2 protocol in float32."""

from __future__ import annotations

import gzip
import io
import tarfile
from pathlib import Path

import numpy as np
import numpy.typing as npt

from rehearsal.aws.inference import kserve_v2, triton

MAX_BATCH = 32_768
_CONFIG = """\
name: "{name}"
backend: "fil"
max_batch_size: {max_batch}
input [{{ name: "input__0", data_type: TYPE_FP32, dims: [ {features} ] }}]
output [{{ name: "output__0", data_type: TYPE_FP32, dims: [ 2 ] }}]
instance_group [{{ kind: KIND_AUTO }}]
parameters [
  {{ key: "model_type", value: {{ string_value: "lightgbm" }} }},
  {{ key: "predict_proba", value: {{ string_value: "true" }} }},
  {{ key: "is_classifier", value: {{ string_value: "true" }} }},
  {{ key: "output_class", value: {{ string_value: "true" }} }},
  {{ key: "threshold", value: {{ string_value: "0.5" }} }}
]
dynamic_batching {{}}
"""


def render_config(name: str, features: int) -> str:
    """config.pbtxt of a binary LightGBM classifier: output__0 is (P(on time), P(late)).

    `output_class` became `is_classifier` in Triton 25.09; each release ignores the other's key. A classifier needs a
    `threshold` even if it returns probabilities.
    https://github.com/triton-inference-server/fil_backend/blob/main/docs/model_config.md and src/shared_state.h
    """
    return _CONFIG.format(name=name, max_batch=MAX_BATCH, features=features)


def pack_model(name: str, features: int, model: str) -> bytes:
    """model.tar.gz with NAME/config.pbtxt and NAME/1/model.txt; the same model gives the same bytes."""
    tar_buffer, gzip_buffer = io.BytesIO(), io.BytesIO()
    with tarfile.open(fileobj=tar_buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for path, text in ((f"{name}/1/model.txt", model), (f"{name}/config.pbtxt", render_config(name, features))):
            content = text.encode()
            member = tarfile.TarInfo(path)
            member.size, member.mode = len(content), 0o644
            archive.addfile(member, io.BytesIO(content))
    with gzip.GzipFile(filename="", mode="wb", fileobj=gzip_buffer, mtime=0) as compressed:
        compressed.write(tar_buffer.getvalue())
    return gzip_buffer.getvalue()


def encode_request_body(rows: npt.NDArray[np.float32]) -> bytes:
    """The body of a V2 request for those rows, content type application/json."""
    return kserve_v2.encode_rows(rows, binary=False)[1]


def score_locally(artifact: Path, rows: npt.NDArray[np.float32], name: str) -> npt.NDArray[np.float32]:
    """P(late) of each row, from V2 requests to the artifact served in this process, in float32 as in service."""
    model = triton.load_model(artifact.read_bytes(), {triton.DEFAULT_MODEL: name})
    scores = [_score_batch(model, rows[start : start + MAX_BATCH]) for start in range(0, len(rows), MAX_BATCH)]
    return np.concatenate(scores)[:, 1]


def _score_batch(model: triton.ServedModel, rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    answer = kserve_v2.infer(model, *kserve_v2.encode_rows(rows))
    return kserve_v2.decode_scores(answer.content_type, answer.body)
