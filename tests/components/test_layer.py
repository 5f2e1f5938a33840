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
from components.lambda_layer import LayerNotBuilt, build_layer, compute_digest, export_requirements
from components.lambda_package import ROOT, find_sources

PYPROJECT = """[project]
name = "tidewatch"
version = "0.1.0"
requires-python = ">=3.12"

[dependency-groups]
drift-layer = ["ebb"]
"""
HASH = "5e" * 32
LOCK = """version = 1
requires-python = ">=3.12"

[[package]]
name = "ebb"
version = "1"
source = { registry = "https://pypi.org/simple" }
dependencies = [{ name = "flow" }]
wheels = [{ url = "https://files.pythonhosted.org/ebb-1-py3-none-any.whl", hash = "sha256:HASH" }]

[[package]]
name = "flow"
version = "1"
source = { registry = "https://pypi.org/simple" }
wheels = [{ url = "https://files.pythonhosted.org/flow-1-py3-none-any.whl", hash = "sha256:HASH" }]

[[package]]
name = "moon"
version = "1"
source = { registry = "https://pypi.org/simple" }
wheels = [{ url = "https://files.pythonhosted.org/moon-1-py3-none-any.whl", hash = "sha256:HASH" }]

[[package]]
name = "tidewatch"
version = "0.1.0"
source = { editable = "." }

[package.dev-dependencies]
drift-layer = [{ name = "ebb" }]
""".replace("HASH", HASH)
UV = """#!/bin/sh
while [ $# -gt 0 ]; do
  case "$1" in
    --output-file) echo ebb==1 > "$2"; exit 0;;
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
    lock_packages(tmp_path, LOCK)
    give_uv(tmp_path / "tools", UV, monkeypatch)
    return tmp_path


def lock_packages(root: Path, lock: str) -> None:
    root.mkdir(exist_ok=True)
    (root / "pyproject.toml").write_text(PYPROJECT)
    (root / "uv.lock").write_text(lock)


def give_uv(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "uv").write_text(script)
    (folder / "uv").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}/usr/bin{os.pathsep}/bin")


@pytest.fixture(scope="module")
def drift_layer() -> zipfile.ZipFile:
    return zipfile.ZipFile(build_layer("drift"))


def test_it_is_for_the_functions_machine_and_python(drift_layer: zipfile.ZipFile):
    libraries = [name for name in drift_layer.namelist() if name.endswith(".so")]
    assert {"python/csimdjson.abi3.so"} < set(libraries)
    for name in libraries:
        with drift_layer.open(name) as library:
            (machine,) = struct.unpack_from("<H", library.read(20), 18)
        assert machine == AARCH64, name
        assert "cpython-" not in name or f"cpython-{layers.PYTHON.replace('.', '')}-" in name
    assert f"python{layers.PYTHON}" == RUNTIME


def test_with_the_functions_code_it_stays_far_below_what_lambda_takes(drift_layer: zipfile.ZipFile):
    code = sum((ROOT / path).stat().st_size for path in find_sources("lambdas.drift.handler"))
    assert sum(member.file_size for member in drift_layer.infolist()) + code < 150e6
    assert Path(drift_layer.filename or "").stat().st_size < 50e6, "more cannot be uploaded directly"


def test_it_holds_packages_and_nothing_that_no_import_reads(drift_layer: zipfile.ZipFile):
    names = drift_layer.namelist()
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


@pytest.fixture
def real_uv(monkeypatch: pytest.MonkeyPatch) -> None:
    executable = layers._find_uv(ROOT)
    monkeypatch.setattr(layers.shutil, "which", lambda _: executable)


def compute_layer_digest(root: Path, lock: str) -> str:
    lock_packages(root, lock)
    return compute_digest(export_requirements("drift-layer", root))


@pytest.mark.usefixtures("real_uv")
def test_what_uv_exports_is_locked_by_version_and_hash(tmp_path: Path):
    lock_packages(tmp_path, LOCK)
    exported = export_requirements("drift-layer", tmp_path).read_text()
    assert exported.replace("\\\n", "").split() == [
        "ebb==1",
        f"--hash=sha256:{HASH}",
        "flow==1",
        f"--hash=sha256:{HASH}",
    ]


@pytest.mark.usefixtures("real_uv")
@pytest.mark.parametrize(("package", "follows"), [("ebb", True), ("flow", True), ("moon", False), ("tidewatch", False)])
def test_its_name_follows_what_it_holds(tmp_path: Path, package: str, follows: bool):
    version = "0.1.0" if package == "tidewatch" else "1"
    edited = LOCK.replace(f'"{package}"\nversion = "{version}"', f'"{package}"\nversion = "2"')
    edited = edited.replace(f"{package}-1-py3", f"{package}-2-py3")
    assert edited != LOCK
    before, after = compute_layer_digest(tmp_path / "before", LOCK), compute_layer_digest(tmp_path / "after", edited)
    assert (before != after) is follows


def test_an_edited_lock_file_is_exported_again(project: Path):
    first = export_requirements("drift-layer", project)
    lock_packages(project, LOCK + "\n")
    assert export_requirements("drift-layer", project) != first


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
    exported = export_requirements("drift-layer", project)
    assert set(file.parent.iterdir()) == {file, exported}, "nothing half built stays behind"


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
    exported = export_requirements("drift-layer", project)
    give_uv(project / "tools", "#!/bin/sh\necho no route to host >&2\nexit 1\n", monkeypatch)
    with pytest.raises(LayerNotBuilt, match=r"no route to host\. .*: connect to the index and try again"):
        build_layer("drift", project)
    assert list((project / "build" / "layers").iterdir()) == [exported]


@pytest.mark.usefixtures("real_uv")
def test_a_group_that_is_not_locked_is_named(tmp_path: Path):
    lock_packages(tmp_path, LOCK)
    with pytest.raises(LayerNotBuilt, match=r"packages of waves-layer cannot be listed: (.|\n)*run `uv lock`"):
        build_layer("waves", tmp_path)
