"""A function's layer: what is locked, for the machine it runs on, packed the same every time."""

from __future__ import annotations

import os
import struct
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from components import lambda_layer as layers
from components.lambda_function import RUNTIME
from components.lambda_layer import LayerNotBuilt, build_layer, compute_digest
from components.lambda_package import ROOT, find_sources

LOCK = """version = 1

[[package]]
name = "ebb"
version = "1"
dependencies = [{ name = "flow" }]

[[package]]
name = "flow"
version = "1"

[[package]]
name = "moon"
version = "1"

[[package]]
name = "tidewatch"
version = "0.1.0"
source = { editable = "." }

[package.dev-dependencies]
drift-layer = [{ name = "ebb" }]
"""
UV = """#!/bin/sh
while [ $# -gt 0 ]; do
  case "$1" in
    --output-file) : > "$2"; exit 0;;
    --target) mkdir -p "$2/ebb/tests" "$2/bin"; echo 1 > "$2/ebb/__init__.py"; echo 1 > "$2/ebb/tests/x.py"; exit 0;;
  esac
  shift
done
"""
AARCH64 = 183
"""ELF's number for the machine. Source: the ELF specification, e_machine."""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a lock file, and a uv that installs one small package."""
    (tmp_path / "uv.lock").write_text(LOCK)
    give_uv(tmp_path / "tools", UV, monkeypatch)
    return tmp_path


def give_uv(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "uv").write_text(script)
    (folder / "uv").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}/usr/bin{os.pathsep}/bin")


@pytest.fixture(scope="module")
def built() -> zipfile.ZipFile:
    return zipfile.ZipFile(build_layer("drift"))


def test_it_is_for_the_functions_machine_and_python(built: zipfile.ZipFile):
    libraries = [name for name in built.namelist() if name.endswith(".so")]
    assert {"python/csimdjson.abi3.so"} < set(libraries)
    for name in libraries:
        with built.open(name) as library:
            (machine,) = struct.unpack_from("<H", library.read(20), 18)
        assert machine == AARCH64, name
        assert "cpython-" not in name or f"cpython-{layers.PYTHON.replace('.', '')}-" in name
    assert f"python{layers.PYTHON}" == RUNTIME


def test_with_the_functions_code_it_stays_far_below_what_lambda_takes(built: zipfile.ZipFile):
    code = sum((ROOT / path).stat().st_size for path in find_sources("lambdas.drift.handler"))
    assert sum(member.file_size for member in built.infolist()) + code < 150e6
    assert Path(built.filename or "").stat().st_size < 50e6, "more cannot be uploaded directly"


def test_it_holds_packages_and_nothing_that_no_import_reads(built: zipfile.ZipFile):
    names = built.namelist()
    packages = {name.split("/")[1] for name in names}
    assert {"numpy", "msgspec", "simdjson"} <= packages
    assert all(name.startswith("python/") for name in names)
    assert not [name for name in names if "/tests/" in name or "__pycache__" in name or name.endswith(".pyi")]


def test_packing_depends_on_content_alone(tmp_path: Path):
    for folder, moment, mode in (("one", 1_000_000_000, 0o600), ("two", 1_700_000_000, 0o755)):
        for name in ("b.py", "a/__init__.py", "a/RECORD", "bin/a"):
            file = tmp_path / folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(folder if name in ("a/RECORD", "bin/a") else name)
            file.chmod(mode)
            os.utime(file, (moment, moment))
        layers._pack(tmp_path / folder, tmp_path / f"{folder}.zip")
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()


@pytest.mark.parametrize(("package", "follows"), [("ebb", True), ("flow", True), ("moon", False), ("tidewatch", False)])
def test_its_name_follows_what_it_holds(tmp_path: Path, package: str, follows: bool):
    before, after = tmp_path / "before", tmp_path / "after"
    before.write_text(LOCK)
    version = "0.1.0" if package == "tidewatch" else "1"
    after.write_text(LOCK.replace(f'"{package}"\nversion = "{version}"', f'"{package}"\nversion = "2"'))
    assert before.read_text() != after.read_text()
    assert (compute_digest("drift-layer", before) != compute_digest("drift-layer", after)) is follows


def test_what_is_built_is_kept(project: Path, monkeypatch: pytest.MonkeyPatch):
    first = build_layer("drift", project)
    assert zipfile.ZipFile(first).namelist() == ["python/ebb/__init__.py"]
    monkeypatch.setenv("PATH", "")
    assert build_layer("drift", project) == first


def test_several_may_build_it_at_once(project: Path):
    with ThreadPoolExecutor(4) as pool:
        found = set(pool.map(lambda _: build_layer("drift", project), range(8)))
    (file,) = found
    assert zipfile.ZipFile(file).testzip() is None
    assert list(file.parent.iterdir()) == [file], "nothing half built stays behind"


def test_without_uv_it_says_where_to_get_it(project: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(LayerNotBuilt, match="run `make install`, or install uv"):
        build_layer("drift", project)


def test_the_checkouts_own_uv_does(project: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(layers.shutil, "which", lambda _: None)
    own = project / ".venv-uv" / "bin"
    own.mkdir(parents=True)
    (project / "tools" / "uv").rename(own / "uv")
    assert build_layer("drift", project).is_file()


def test_a_failure_of_uv_is_told_and_leaves_nothing(project: Path, monkeypatch: pytest.MonkeyPatch):
    give_uv(project / "tools", "#!/bin/sh\necho no route to host >&2\nexit 1\n", monkeypatch)
    with pytest.raises(LayerNotBuilt, match=r"no route to host\. .*: reach it and try again"):
        build_layer("drift", project)
    assert list((project / "build" / "layers").iterdir()) == []


def test_a_group_that_is_not_locked_is_named(project: Path):
    with pytest.raises(LayerNotBuilt, match="has no dependency group waves-layer"):
        build_layer("waves", project)
