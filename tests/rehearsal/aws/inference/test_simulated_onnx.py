"""ONNX models behind the simulated endpoint: what is loaded, what they answer, and what Triton refuses."""

from __future__ import annotations

import io
import json
import struct
import subprocess
import sys
import tarfile
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper

from rehearsal.aws.inference import kserve_v2, triton
from rehearsal.aws.inference.tensors import Tensor
from tests.stacks.deployed_program import ROOT

NAMES = {
    "FP32": TensorProto.FLOAT, "FP64": TensorProto.DOUBLE, "INT64": TensorProto.INT64, "INT32": TensorProto.INT32,
    "BOOL": TensorProto.BOOL, "BYTES": TensorProto.STRING,
}  # fmt: skip


def model(*datatypes: str, columns: int = 2, batch: int | str = "N") -> bytes:
    """An ONNX model that gives each of its inputs, in0 and on, back as out0 and on."""
    shape = [batch, columns]
    made = helper.make_model(
        helper.make_graph(
            [helper.make_node("Identity", [f"in{at}"], [f"out{at}"]) for at in range(len(datatypes))],
            "same",
            [helper.make_tensor_value_info(f"in{at}", NAMES[one], shape) for at, one in enumerate(datatypes)],
            [helper.make_tensor_value_info(f"out{at}", NAMES[one], shape) for at, one in enumerate(datatypes)],
        ),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=9,
    )
    return made.SerializeToString()


def config(*datatypes: str, columns: int = 2, batch: int = 8, backend: str = 'backend: "onnxruntime"') -> str:
    def tensors(kind: str, stem: str) -> str:
        types = ["STRING" if one == "BYTES" else one for one in datatypes]
        each = [f'{{ name: "{stem}{at}", data_type: TYPE_{one}, dims: [ {columns} ] }}' for at, one in enumerate(types)]
        return f"{kind} [ {', '.join(each)} ]"

    return f'name: "same"\n{backend}\nmax_batch_size: {batch}\n{tensors("input", "in")}\n{tensors("output", "out")}\n'


def archive(content: bytes, text: str, version: str = "1") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, data in ((f"same/{version}/model.onnx", content), ("same/config.pbtxt", text.encode())):
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


def serve_model(*datatypes: str, **given: Any) -> triton.ServedModel:
    return triton.load_model(archive(model(*datatypes), config(*datatypes, **given)), {triton.DEFAULT_MODEL: "same"})


VALUES: dict[str, list[Any]] = {
    "FP32": [0.5, -1.25, 3.0, 1e-3],
    "FP64": [0.1, 1e300, -2.5, 3.0],
    "INT64": [2**62, -1, 0, 7],
    "INT32": [1, 2, 3, 4],
    "BOOL": [True, False, False, True],
    "BYTES": ["red", "", "größer", "blue"],
}


@pytest.mark.parametrize("datatype", VALUES)
def test_values_come_back_as_they_were_sent_in_json_and_in_binary(datatype: str) -> None:
    """Source: KServe V2, "Tensor Data"; Triton, "Binary Tensor Data Extension"."""
    same, sent = serve_model(datatype), VALUES[datatype]
    request = {"inputs": [{"name": "in0", "shape": [2, 2], "datatype": datatype, "data": sent}]}
    answer = json.loads(kserve_v2.infer(same, "application/json", json.dumps(request).encode()).body)
    (output,) = answer["outputs"]
    assert (output["name"], output["datatype"], output["shape"]) == ("out0", datatype, [2, 2])
    assert output["data"] == ([np.float32(each) for each in sent] if datatype == "FP32" else sent)
    assert (answer["model_name"], answer["model_version"]) == ("same", "1")

    values = np.array(sent, dtype=object if datatype == "BYTES" else None).reshape(2, 2)
    content_type, body = kserve_v2.encode_request([(Tensor("in0", datatype, (2,)), values)], ["out0"])
    binary = kserve_v2.infer(same, content_type, body)
    size = int(binary.content_type.partition("json-header-size=")[2])
    (output,) = json.loads(binary.body[:size])["outputs"]
    assert binary.body[size:] == body[-output["parameters"]["binary_data_size"] :]


def test_several_inputs_are_told_apart_by_name_and_outputs_are_those_asked_for() -> None:
    mixed = serve_model("FP32", "BYTES", "INT64")
    rows = {"FP32": [1.5, 2.5], "BYTES": ["a", "b"], "INT64": [1, 2]}
    inputs = [
        {"name": f"in{at}", "shape": [1, 2], "datatype": one, "data": [rows[one]]} for at, one in enumerate(rows)
    ]  # fmt: skip
    body = json.dumps({"id": "7", "inputs": inputs[::-1], "outputs": [{"name": "out2"}, {"name": "out1"}]}).encode()
    answer = json.loads(kserve_v2.infer(mixed, "application/json", body).body)
    assert answer["id"] == "7"
    assert [(one["name"], one["data"]) for one in answer["outputs"]] == [("out2", [1, 2]), ("out1", ["a", "b"])]


def test_each_output_is_binary_where_it_says_so() -> None:
    both = serve_model("FP32", "INT64")
    inputs = [
        {"name": "in0", "shape": [1, 2], "datatype": "FP32", "data": [1, 2]},
        {"name": "in1", "shape": [1, 2], "datatype": "INT64", "data": [3, 4]},
    ]
    wanted = [{"name": "out0"}, {"name": "out1", "parameters": {"binary_data": True}}]
    answer = kserve_v2.infer(both, "application/json", json.dumps({"inputs": inputs, "outputs": wanted}).encode())
    size = int(answer.content_type.partition("json-header-size=")[2])
    plain, packed = json.loads(answer.body[:size])["outputs"]
    assert (plain["data"], packed["parameters"]) == ([1.0, 2.0], {"binary_data_size": 16})
    assert answer.body[size:] == struct.pack("<qq", 3, 4)


def _input(**changed: Any) -> bytes:
    tensor = {"name": "in0", "shape": [1, 2], "datatype": "FP32", "data": [1, 2], **changed}
    return json.dumps({"inputs": [{key: value for key, value in tensor.items() if value is not None}]}).encode()


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"inputs": []}', "expected 1 inputs but got 0 inputs for model 'same'. Got input(s) [], but missing"),
        (_input(name="other"), "unexpected inference input 'other' for model 'same'"),
        (_input(datatype="FP64"), "data-type is 'FP64', but model 'same' expects 'FP32'"),
        (_input(shape=[2]), "unexpected shape for input 'in0' for model 'same'. Expected [-1,2], got [2]"),
        (_input(shape=[1, 3]), "Expected [-1,2], got [1,3]"),
        (_input(shape=[9, 2], data=[0] * 18), "inference request batch-size must be <= 8 for 'same'"),
        (_input(data=[1, 2, 3]), "Shape does not match true shape of 'data' field"),
        (_input(data=["1", "2"]), "data that are not numbers"),
        (_input(data=[None, 1]), "data that are not numbers"),
        (_input(data=None), "Unable to parse 'data'"),
        (_input(parameters={"binary_data_size": 8}), "unexpected total byte size 0"),
        (b'{"inputs": [3]}', "Unable to parse 'inputs'"),
        (b"[]", "must be a JSON object"),
    ],
)
def test_what_triton_refuses_of_a_request(body: bytes, words: str) -> None:
    """Source: Triton's core, InferenceRequest::Normalize, and its HTTP server, on parsing "data"."""
    with pytest.raises(kserve_v2.InvalidInferenceRequest) as refused:
        kserve_v2.infer(serve_model("FP32"), "application/json", body)
    assert words in str(refused.value)


def test_batches_of_inputs_agree_and_outputs_are_known() -> None:
    both = serve_model("FP32", "FP32")
    inputs = [
        {"name": f"in{at}", "shape": [rows, 2], "datatype": "FP32", "data": [0] * 2 * rows}
        for at, rows in ((0, 1), (1, 2))
    ]
    with pytest.raises(kserve_v2.InvalidInferenceRequest, match="batch size does not match other inputs"):
        kserve_v2.infer(both, "application/json", json.dumps({"inputs": inputs}).encode())
    asked = {"inputs": [inputs[0], {**inputs[0], "name": "in1"}], "outputs": [{"name": "score"}]}
    with pytest.raises(kserve_v2.InvalidInferenceRequest, match="unexpected inference output 'score'"):
        kserve_v2.infer(both, "application/json", json.dumps(asked).encode())


@pytest.mark.parametrize(
    ("content", "text", "words"),
    [
        (b"garbage", config("FP32"), "ONNX Runtime does not load it"),
        (model("FP32", "FP32"), config("FP32"), "configuration expects 1 inputs, model provides 2: in0, in1"),
        (model("FP32"), config("FP64"), "expects datatype TYPE_FP64 for input 'in0', model provides TYPE_FP32"),
        (model("FP32"), config("FP32", columns=3), "the model expects 2 dimensions (shape [-1,2])"),
        (model("FP32", batch=1), config("FP32"), "the first dimension must be -1"),
        (model("FP32"), config("FP32").replace('"in0"', '"x"'), "unexpected inference input 'x', allowed inputs are"),
        (model("FP32"), config("FP32").replace('"out0"', '"x"'), "unexpected inference output 'x', allowed outputs"),
        (model("FP32"), config("FP32").partition("output")[0], "the configuration has no output"),
        (model("FP32"), config("FP32").replace("TYPE_FP32", "TYPE_BF16"), "TYPE_BF16"),
        (model("FP32"), config("FP32", backend='backend: "python"'), "'fil' and 'onnxruntime' backends, not 'python'"),
    ],
)
def test_what_triton_does_not_load(content: bytes, text: str, words: str) -> None:
    """Source: Triton's onnxruntime_backend, on a model's inputs and outputs and its configuration's."""
    with pytest.raises(triton.ModelLoadError) as refused:
        triton.load_model(archive(content, text), {triton.DEFAULT_MODEL: "same"})
    assert words in str(refused.value)


def test_a_model_without_batches_takes_the_whole_shape() -> None:
    text = config("FP32", batch=0).replace("[ 2 ]", "[ -1, 2 ]")
    whole = triton.load_model(archive(model("FP32"), text), {triton.DEFAULT_MODEL: "same"})
    body = _input(shape=[9, 2], data=[0] * 18)
    assert json.loads(kserve_v2.infer(whole, "application/json", body).body)["outputs"][0]["shape"] == [9, 2]


def test_the_platform_names_the_backend_too_and_the_newest_version_is_served() -> None:
    """Source: Triton, "Model Configuration", platform; "Version Policy", the latest one by default."""
    text = config("FP32", backend='platform: "onnxruntime_onnx"')
    newer = triton.load_model(archive(model("FP32"), text, "12"), {triton.DEFAULT_MODEL: "same"})
    assert json.loads(kserve_v2.infer(newer, "application/json", _input()).body)["model_version"] == "12"


def test_what_the_backend_fails_at_is_an_error_of_the_server() -> None:
    """A model whose graph does not fit the values of a request."""
    graph = helper.make_graph(
        [helper.make_node("Gather", ["in0", "in1"], ["out0"], axis=0)],
        "gather",
        [
            helper.make_tensor_value_info("in0", TensorProto.FLOAT, ["N", 2]),
            helper.make_tensor_value_info("in1", TensorProto.INT64, ["M", 1]),
        ],
        [helper.make_tensor_value_info("out0", TensorProto.FLOAT, ["M", 1, 2])],
    )
    content = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9).SerializeToString()
    text = (
        'name: "same"\nbackend: "onnxruntime"\nmax_batch_size: 4\n'
        'input [ { name: "in0", data_type: TYPE_FP32, dims: [ 2 ] } ]\n'
        'input [ { name: "in1", data_type: TYPE_INT64, dims: [ 1 ] } ]\n'
        'output [ { name: "out0", data_type: TYPE_FP32, dims: [ 1, 2 ] } ]\n'
    )
    inputs = [
        {"name": "in0", "shape": [1, 2], "datatype": "FP32", "data": [1, 2]},
        {"name": "in1", "shape": [1, 1], "datatype": "INT64", "data": [5]},
    ]
    gather = triton.load_model(archive(content, text), {triton.DEFAULT_MODEL: "same"})
    with pytest.raises(kserve_v2.InferenceFailed, match="onnx runtime error"):
        kserve_v2.infer(gather, "application/json", json.dumps({"inputs": inputs}).encode())


def test_onnx_runtime_is_imported_with_the_first_model_that_needs_it() -> None:
    asked = "import sys, rehearsal.aws.__main__, rehearsal.aws.bootstrap; print('onnxruntime' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", asked], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
