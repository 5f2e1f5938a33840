"""What a user brings for a rehearsal: what is read of it, what is made, and every mistake as one sentence."""

from __future__ import annotations

import base64
import gzip
import json
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import onnx
import pytest
import yaml

from rehearsal.aws.inference import kserve_v2, triton
from rehearsal.demo.paths import RehearsalPaths
from rehearsal.demo.user_model import InvalidUserFolder, UserWorkload, read_user_folder
from rehearsal.demo.workload import IMAGE
from tests.rehearsal.aws.account import CONFIG, LAYOUT, TINY_MODEL, pack_model
from tests.rehearsal.aws.inference.test_simulated_onnx import archive as onnx_archive
from tests.rehearsal.aws.inference.test_simulated_onnx import config as onnx_config
from tests.rehearsal.aws.inference.test_simulated_onnx import model as onnx_model
from tests.stacks.deployed_program import DESCRIPTION, ROOT
from tidewatch.drift.training.reference_builder import build_reference
from tidewatch.registry import parse_description, require_valid_archive

COLUMNS = ("a", "b", "c")
ROWS = "a,b,c\n1,2,3\n4,5,6\n"


def reference(*columns: str) -> bytes:
    values = np.arange(50, dtype=np.float64)
    return build_reference(dict.fromkeys(columns, values), order=columns).encode()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """As little as a folder needs: the tiny model, called flights."""
    made = tmp_path / "mine"
    made.mkdir()
    (made / "model.tar.gz").write_bytes(pack_model(LAYOUT))
    (made / "reference.json").write_bytes(reference(*COLUMNS))
    (made / "requests.csv").write_text(ROWS)
    return made


def stack_file(folder: Path, edit: Callable[[dict[str, Any]], object] = lambda _: None) -> Path:
    config = yaml.safe_load((ROOT / "Pulumi.rehearsal.yaml").read_text())
    edit(config["config"])
    path = folder / "Pulumi.rehearsal.yaml"
    path.write_text("# mine\n" + yaml.safe_dump(config))
    return path


def as_of_fil() -> tuple[bytes, str]:
    """An ONNX model, and its configuration, whose tensors are called as those of the FIL backend."""
    model = onnx.load_from_string(onnx_model("FP32", columns=3))
    (node,), (given,), (answer,) = model.graph.node, model.graph.input, model.graph.output
    node.input[0] = given.name = "input__0"
    node.output[0] = answer.name = "output__0"
    config = onnx_config("FP32", columns=3).replace("in0", "input__0").replace("out0", "output__0")
    return model.SerializeToString(), config


def read_sent_rows(own: UserWorkload) -> list[list[float]]:
    """The rows of the requests, as the tiny model gets them."""
    found: list[list[float]] = []
    for one in own.requests:
        size = int(one.content_type.partition("json-header-size=")[2])
        found.append(np.frombuffer(one.body[size:], "<f4").tolist())
    return found


def test_as_little_as_a_folder_needs(folder: Path) -> None:
    own = read_user_folder(folder, ROOT)
    assert (own.name, own.frameworks) == ("flights", {"1": "lightgbm", "2": "lightgbm"})
    assert read_sent_rows(own) == [[1, 2, 3], [4, 5, 6]]
    assert own.requests_name == "requests.csv"


def test_the_checkouts_stack_file_is_taken_with_the_models_name(folder: Path, tmp_path: Path) -> None:
    files = {name.replace("flights", "cats"): text.replace("flights", "cats") for name, text in LAYOUT.items()}
    (folder / "model.tar.gz").write_bytes(pack_model(files))
    home = RehearsalPaths.of(tmp_path)
    home.folder.mkdir(parents=True)
    read_user_folder(folder, ROOT).write_stack_file(home)
    deployed = yaml.safe_load(home.stack_file.read_text())["config"]
    original = yaml.safe_load((ROOT / "Pulumi.rehearsal.yaml").read_text())["config"]
    assert deployed.pop("tidewatch:model") == {**original.pop("tidewatch:model"), "name": "cats"}
    assert deployed == original


def test_a_users_stack_file_is_deployed_as_it_is_and_never_edited(folder: Path) -> None:
    path = stack_file(folder, lambda config: config["tidewatch:endpoint"].update(instanceType="ml.c5.xlarge"))
    text = path.read_text()
    assert read_user_folder(folder, ROOT).stack.text == text == path.read_text()


def test_what_the_story_writes_itself_is_left_out_of_the_copy(folder: Path, tmp_path: Path) -> None:
    written = {
        "tidewatch:variants": {"blue": {"version": "7", "weight": 100, "instances": 1}},
        "tidewatch:rollbackTo": "blue",
        "tidewatch:acknowledgedIncident": "flights-20261121-024103-3fa91c",
    }
    path = stack_file(folder, lambda config: config.update(written))
    text = path.read_text()
    own = read_user_folder(folder, ROOT)
    copied = own.stack.text
    assert not written.keys() & yaml.safe_load(copied)["config"].keys()
    assert copied.startswith("# mine\n")
    first, _ = own.prepare(tmp_path / "models")
    assert "without tidewatch:variants, tidewatch:rollbackTo, tidewatch:acknowledgedIncident" in first.description
    assert path.read_text() == text


def test_lineage_card_and_canary_are_made_where_there_are_none_and_say_so(folder: Path, tmp_path: Path) -> None:
    first, second = read_user_folder(folder, ROOT).prepare(tmp_path / "models")
    description = parse_description(json.loads(first.lineage.read_text()), "made")
    assert (description.image, description.framework) == (IMAGE, "lightgbm")
    assert [one.name for one in description.lineage.features] == list(COLUMNS)
    assert description.owner == "ml-platform@example.com"
    assert "generated for a rehearsal" in description.lineage.preprocessing
    assert "generated for a rehearsal" in first.card.read_text()
    assert "with a lineage and a card made for it" in first.description
    assert "the same model, packed with an extra file" in second.description
    assert first.artifact == folder / "model.tar.gz"
    assert second.artifact.read_bytes() != first.artifact.read_bytes()
    require_valid_archive(second.artifact, "lightgbm", "flights")
    with tarfile.open(second.artifact) as again:
        held = {one.name: again.extractfile(one) for one in again}
    assert held.keys() == {*LAYOUT, "flights/rehearsal.txt"}
    assert triton.load_model(second.artifact.read_bytes(), {triton.DEFAULT_MODEL: "flights"}).inputs[0].dims == (3,)


def test_what_is_brought_is_published(folder: Path, tmp_path: Path) -> None:
    lineage = {**json.loads(msgspec.json.encode(DESCRIPTION)), "image": None}
    (folder / "lineage.json").write_text(json.dumps(lineage))
    (folder / "card.md").write_text("# Mine\n")
    (folder / "challenger.tar.gz").write_bytes(pack_model({**LAYOUT, "flights/notes.txt": "another"}))
    versions = read_user_folder(folder, ROOT).prepare(tmp_path / "models")
    assert [one.artifact.name for one in versions] == ["model.tar.gz", "challenger.tar.gz"]
    assert {(one.lineage, one.card, one.image) for one in versions} == {
        (folder / "lineage.json", folder / "card.md", IMAGE)
    }
    assert list((tmp_path / "models").iterdir()) == []


def test_columns_of_a_table_are_found_by_their_names_and_a_missing_number_is_nan(folder: Path) -> None:
    (folder / "requests.csv").write_text("\ufeffc,a,b\r\n3,1,2\r\n\r\n,4,5\r\nNA,4, 5e0 \r\nnull,True,false\r\n")
    first, *others = read_sent_rows(read_user_folder(folder, ROOT))
    assert first == [1, 2, 3]
    assert [row[:2] for row in others] == [[4, 5], [4, 5], [1, 0]]
    assert np.isnan([row[2] for row in others]).all()


def test_columns_are_named_as_those_of_a_table_that_a_reference_is_made_from(folder: Path) -> None:
    (folder / "reference.json").write_bytes(reference("Unnamed: 0", " b", "c "))
    (folder / "requests.csv").write_text(", b,c \n1,2,3\n")
    assert read_sent_rows(read_user_folder(folder, ROOT)) == [[1, 2, 3]]


def test_a_challenger_of_another_backend_has_a_lineage_of_its_own(folder: Path, tmp_path: Path) -> None:
    (folder / "model.tar.gz").write_bytes(
        pack_model({name.replace("flights", "same"): text.replace("flights", "same") for name, text in LAYOUT.items()})
    )
    (folder / "challenger.tar.gz").write_bytes(onnx_archive(*as_of_fil()))
    versions = read_user_folder(folder, ROOT).prepare(tmp_path / "models")
    frameworks = [parse_description(json.loads(one.lineage.read_text()), "made").framework for one in versions]
    assert frameworks == ["lightgbm", "onnx"]
    for one, framework in zip(versions, frameworks, strict=True):
        require_valid_archive(one.artifact, framework, "same")


def test_the_canary_is_made_beside_what_the_archive_holds(folder: Path, tmp_path: Path) -> None:
    held = {**LAYOUT, "flights/rehearsal.txt": "mine", "./flights/rehearsal-2.txt": "mine"}
    (folder / "model.tar.gz").write_bytes(pack_model(held))
    _, second = read_user_folder(folder, ROOT).prepare(tmp_path / "models")
    require_valid_archive(second.artifact, "lightgbm", "flights")
    with tarfile.open(second.artifact) as again:
        assert set(again.getnames()) == {*held, "flights/rehearsal-3.txt"}


def test_a_row_fills_the_tensors_of_a_model_with_several_inputs(folder: Path) -> None:
    types = ("FP32", "BYTES", "INT64", "BOOL")
    (folder / "model.tar.gz").write_bytes(onnx_archive(onnx_model(*types, columns=1), onnx_config(*types, columns=1)))
    (folder / "reference.json").write_bytes(reference("in0", "in1", "in2", "in3"))
    (folder / "requests.csv").write_text('in1,in0,in3,in2\n"red, dark",0.5,true,7\n')
    own = read_user_folder(folder, ROOT)
    assert (own.name, own.frameworks["1"]) == ("same", "onnx")
    model = triton.load_model((folder / "model.tar.gz").read_bytes(), {triton.DEFAULT_MODEL: "same"})
    (one,) = own.requests
    answer = kserve_v2.infer(model, one.content_type, one.body)
    assert b"red, dark" in answer.body


@pytest.mark.parametrize(
    ("batch", "dims", "shape"),
    [(8, "[ 2 ]", [1, 2]), (8, "[ -1 ]", [1, 2]), (0, "[ -1, 2 ]", [1, 2]), (0, "[ 1, 2 ]", [1, 2])],
)
def test_a_row_has_the_shape_that_the_configuration_asks_for(
    batch: int, dims: str, shape: list[int], folder: Path
) -> None:
    text = onnx_config("INT64", batch=batch).replace("[ 2 ]", dims)
    (folder / "model.tar.gz").write_bytes(onnx_archive(onnx_model("INT64"), text))
    (folder / "reference.json").write_bytes(reference("a", "b"))
    (folder / "requests.csv").write_text("b,a\n2,1.0\n")
    (one,) = read_user_folder(folder, ROOT).requests
    size = int(one.content_type.partition("json-header-size=")[2])
    (tensor,) = json.loads(one.body[:size])["inputs"]
    assert (tensor["shape"], np.frombuffer(one.body[size:], "<i8").tolist()) == (shape, [1, 2])


@pytest.mark.parametrize(
    ("row", "sentence"),
    [("1,2.5", "column b: '2.5' is not a whole number"), ("1,", "column b: '' is not a whole number"),
     ("1,9223372036854775808", "a value is too large for INT64")],
)  # fmt: skip
def test_what_a_whole_number_is_not(row: str, sentence: str, folder: Path) -> None:
    (folder / "model.tar.gz").write_bytes(onnx_archive(onnx_model("INT64"), onnx_config("INT64")))
    (folder / "reference.json").write_bytes(reference("a", "b"))
    (folder / "requests.csv").write_text(f"a,b\n{row}\n")
    with pytest.raises(InvalidUserFolder) as refused:
        read_user_folder(folder, ROOT)
    assert sentence in str(refused.value)


def test_bodies_are_sent_as_they_are(folder: Path) -> None:
    (folder / "requests.csv").unlink()
    bodies = [b'{"inputs":[{"name":"input__0","shape":[1,3],"datatype":"FP32","data":[1,2,%d]}]}' % at for at in (1, 2)]
    (folder / "requests.jsonl").write_bytes(b"\n\n".join(bodies))
    assert [(one.content_type, one.body) for one in read_user_folder(folder, ROOT).requests] == [
        ("application/json", body) for body in bodies
    ]


@pytest.mark.parametrize("at", ["captured.jsonl", "captured/2026/11/records.jsonl", "captured/records.jsonl.gz"])
def test_captured_requests_are_sent_with_their_content_type(at: str, folder: Path) -> None:
    (folder / "requests.csv").unlink()
    content_type, body = kserve_v2.encode_rows(np.array([[1, 2, 3]], np.float32))
    plain = kserve_v2.encode_rows(np.array([[4, 5, 6]], np.float32), binary=False)[1]
    inputs = [
        {"data": base64.b64encode(body).decode(), "encoding": "BASE64", "observedContentType": content_type},
        {"data": plain.decode(), "encoding": "JSON", "observedContentType": "application/json"},
    ]
    lines = [json.dumps({"captureData": {"endpointInput": one}, "eventMetadata": {}}) for one in inputs]
    path = folder / at
    path.parent.mkdir(parents=True, exist_ok=True)
    written = "\n".join(lines).encode()
    path.write_bytes(gzip.compress(written) if at.endswith(".gz") else written)
    assert [(one.content_type, one.body) for one in read_user_folder(folder, ROOT).requests] == [
        (content_type, body),
        ("application/json", plain),
    ]


def _write(name: str, content: str | bytes) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())


def _copy(name: str, target: str) -> Callable[[Path], object]:
    return lambda folder: shutil.copyfile(folder / name, folder / target)


def _folder(name: str) -> Callable[[Path], object]:
    def bring(folder: Path) -> None:
        (folder / name).unlink()
        (folder / name).mkdir()

    return bring


def _without(*names: str) -> Callable[[Path], object]:
    return lambda folder: [(folder / name).unlink() for name in names]


def _both(*mistakes: Callable[[Path], object]) -> Callable[[Path], object]:
    return lambda folder: [each(folder) for each in mistakes]


def _bodies(text: str) -> Callable[[Path], object]:
    def bring(folder: Path) -> None:
        (folder / "requests.csv").unlink()
        (folder / "requests.jsonl").write_text(text)

    return bring


def _bring_captured(text: str) -> Callable[[Path], object]:
    def bring(folder: Path) -> None:
        (folder / "requests.csv").unlink()
        (folder / "captured.jsonl").write_text(text)

    return bring


def _config(edit: Callable[[dict[str, Any]], object]) -> Callable[[Path], object]:
    return lambda folder: stack_file(folder, edit)


GOOD = '{"inputs":[{"name":"input__0","shape":[1,3],"datatype":"FP32","data":[1,2,3]}]}'
MISNAMED = {name.replace("flights", "my_model"): text.replace("flights", "my_model") for name, text in LAYOUT.items()}
OTHER = {name.replace("flights", "cats"): text.replace("flights", "cats") for name, text in LAYOUT.items()}
CSV_RECORD = json.dumps({"captureData": {"endpointInput": {"data": "1,2", "encoding": "CSV",
                                                           "observedContentType": "text/csv"}}})  # fmt: skip


@pytest.mark.parametrize(
    ("mistake", "sentence"),
    [
        (_without("model.tar.gz"), "lacks model.tar.gz: docs/rehearsing-your-own.md describes how"),
        (
            _without("model.tar.gz", "reference.json", "requests.csv"),
            "lacks model.tar.gz and reference.json and requests (requests.csv, requests.jsonl, captured.jsonl or the "
            "folder captured)",
        ),
        (_write("requests.jsonl", GOOD), "holds requests.csv and requests.jsonl: keep the one"),
        (_write("model.tar.gz", b"no archive"), "model.tar.gz: it is not a gzipped tar archive"),
        (
            _write("model.tar.gz", pack_model({"model.pkl": ""})),
            "the archive has no MODEL/config.pbtxt; it holds model.pkl",
        ),
        (_write("model.tar.gz", pack_model({"config.pbtxt": CONFIG})), "config.pbtxt lies at the root"),
        (
            _write("model.tar.gz", pack_model({**LAYOUT, **OTHER})),
            "holds the models cats, flights, but a version has one model",
        ),
        (_write("model.tar.gz", pack_model({"flights/config.pbtxt": CONFIG})), "has no flights/1/model.txt"),
        (
            _write("model.tar.gz", pack_model({"flights/config.pbtxt": CONFIG.replace('"fil"', '"pytorch"')})),
            "serves Triton's 'fil' and 'onnxruntime' backends, not 'pytorch'",
        ),
        (_write("reference.json", "{}"), "reference.json is not a reference"),
        (_write("lineage.json", "{}"), "lineage.json does not describe a model"),
        (_write("lineage.json", "{"), "lineage.json is neither JSON nor YAML: line 1: expected the node content"),
        (
            _write("lineage.json", "[" * 50_000),
            "lineage.json is neither JSON nor YAML: its lists and objects",
        ),
        (_write("lineage.json", b"\xff\xfe\xfd"), "lineage.json is neither JSON nor YAML"),
        (_write("lineage.json", "a: 2026-13-45"), "lineage.json is neither JSON nor YAML: month must be in 1..12"),
        (_copy("model.tar.gz", "challenger.tar.gz"), "is identical to model.tar.gz: remove it"),
        (_write("challenger.tar.gz", pack_model(OTHER)), "holds cats/, and model.tar.gz flights/"),
        (_write("challenger.tar.gz", b"x"), "challenger.tar.gz: it is not a gzipped tar archive"),
        (_write("requests.csv", ""), "must name the columns that the model takes, a, b, c: it lacks a, b, c"),
        (_write("requests.csv", "a,b,c\n"), "requests.csv holds no request: add at least one"),
        (_write("requests.csv", "a,b,label\n1,2,3\n"), "it lacks c; label is not an input of the model"),
        (_write("requests.csv", "a,b,c,a\n1,2,3,4\n"), "names a column more than once: 'a'"),
        (_write("requests.csv", "a,b,c\n1,2\n"), "requests.csv, line 2 has 2 values, but the header has 3 names"),
        (_write("requests.csv", "a,b,c\n1,2,3\n1,red,3\n"), "requests.csv, line 3, column b: 'red' is no number"),
        (_write("requests.csv", b"\xff\xfe"), "is not CSV in UTF-8"),
        (_folder("requests.csv"), "cannot read"),
        (
            _write("reference.json", reference("a", "b")),
            "the reference has 2 columns",
        ),
        (
            _bodies(f"{GOOD}\n\n{GOOD.replace('[1,3]', '[1,4]')}\n"),
            "requests.jsonl, line 3: the model in model.tar.gz answers 400: unexpected shape for input 'input__0'",
        ),
        (
            _both(_write("reference.json", reference("a", "b")), _bodies(GOOD)),
            "requests.jsonl, line 1: the request has 3 columns, but the reference 2, a, b: build the reference from",
        ),
        (
            _write("model.tar.gz", pack_model(MISNAMED)),
            'model.tar.gz holds my_model/, and "my_model" is not a valid SageMaker name',
        ),
        (
            _write("model.tar.gz", pack_model({**LAYOUT, "flights/1/model.txt": TINY_MODEL.replace("\n", "\r\n")})),
            "model.tar.gz: flights/1/model.txt is not a LightGBM model: its lines end in CRLF",
        ),
        (_write("requests.csv", "a, b,c\n1,2,3\n"), "it lacks b;  b is not an input of the model"),
        (_write("requests.csv", "a,b,c\n1,1_000,3\n"), "requests.csv, line 2, column b: '1_000' is no number"),
        (_bodies("1,2,3"), "requests.jsonl, line 1: the model in model.tar.gz answers 400: failed to parse"),
        (_bodies("[" * 100_000), "requests.jsonl, line 1: the model in model.tar.gz answers 400: failed to parse"),
        (_bodies("\n"), "requests.jsonl holds no request"),
        (_bring_captured("{}"), "captured.jsonl, record 1 is not a record of SageMaker's data capture"),
        (
            _bring_captured(CSV_RECORD),
            "captured.jsonl, record 1: the model in model.tar.gz answers 400: Triton serves V2",
        ),
        (
            _config(lambda config: config["tidewatch:model"].update(name="cats")),
            "names the model cats, but model.tar.gz holds flights/",
        ),
        (_config(lambda config: config["tidewatch:rollback"].update(automatic=False)), "automatic is false"),
        (_config(lambda config: config.update({"aws:region": "eu-west-1"})), "the rehearsal simulates us-east-1"),
        (
            _config(lambda config: config["tidewatch:model"].update(owner={"secure": "v1:x"})),
            "tidewatch:model is secret, but a rehearsal cannot decrypt it",
        ),
        (_config(lambda config: config.update({"tidewatch:endpoit": {}})), "tidewatch:endpoit"),
        (_write("Pulumi.rehearsal.yaml", "config: ["), "is not a readable stack file: line 1: expected the node"),
        (
            _write("Pulumi.rehearsal.yaml", "config: " + "[" * 50_000),
            "is not a readable stack file: its lists and",
        ),
        (_write("Pulumi.rehearsal.yaml", "3"), "is not a stack file: it has no `config:`"),
        (_write("Pulumi.rehearsal.yaml", "environment: [prod]\nconfig: {}"), "takes values from an environment"),
    ],
)
def test_a_mistake_is_a_sentence_before_anything_starts(
    mistake: Callable[[Path], object], sentence: str, folder: Path
) -> None:
    mistake(folder)
    with pytest.raises(InvalidUserFolder) as refused:
        read_user_folder(folder, ROOT)
    assert sentence in str(refused.value)
    assert "\n" not in str(refused.value).partition("a deployable config:\n")[0]


def test_a_challenger_that_refuses_a_request_is_named(folder: Path) -> None:
    narrow = {**LAYOUT, "flights/config.pbtxt": CONFIG.replace("max_batch_size: 1024", "max_batch_size: 1")}
    (folder / "challenger.tar.gz").write_bytes(pack_model(narrow))
    _bodies(GOOD.replace("[1,3]", "[2,3]").replace("[1,2,3]", "[1,2,3,4,5,6]"))(folder)
    with pytest.raises(
        InvalidUserFolder, match=r"line 1: the model in challenger.tar.gz answers 400: .*batch-size must be"
    ):
        read_user_folder(folder, ROOT)


def test_a_folder_that_is_not_there_or_would_be_emptied(tmp_path: Path) -> None:
    with pytest.raises(InvalidUserFolder, match="there is no folder"):
        read_user_folder(tmp_path / "none", tmp_path)
    inside = RehearsalPaths.of(tmp_path).folder / "mine"
    inside.mkdir(parents=True)
    with pytest.raises(InvalidUserFolder, match="which every rehearsal empties: move it elsewhere"):
        read_user_folder(inside, tmp_path)
