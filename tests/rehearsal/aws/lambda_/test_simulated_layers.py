"""Layers: a function imports from them, and what is compiled for another processor is not even unpacked."""

from __future__ import annotations

import json

from rehearsal.aws import current_account
from tests.rehearsal.aws.account import Account, zip_function

BROKEN = "raise ImportError('built for another processor')"


def publish(account: Account, files: dict[str, str]) -> str:
    answer = account.client("lambda").publish_layer_version(
        LayerName="packages", Content={"ZipFile": zip_function(files)}
    )
    return answer["LayerVersionArn"]


def test_a_function_imports_pure_packages_from_its_layer_and_compiled_ones_from_the_environment(
    account: Account,
) -> None:
    """Source: Lambda developer guide, "Packaging your layer content": Python packages lie in python/."""
    arn = publish(
        account,
        {
            "python/tides.py": "HIGH = 4\n",
            "python/simdjson/__init__.py": "from csimdjson import Parser\nLAYERED = True\n",
            "python/csimdjson.abi3.so": "arm64",
            "python/msgspec/__init__.py": BROKEN,
            "python/msgspec/_core.cpython-312-aarch64-linux-gnu.so": "arm64",
            "python/numpy/__init__.py": BROKEN,
            "python/numpy/_core/_multiarray_umath.cpython-312-aarch64-linux-gnu.so": "arm64",
            "python/numpy.libs/libscipy_openblas64_-1.so.3": "arm64",
        },
    )
    source = (
        "import msgspec, numpy, simdjson, tides\ndef handler(e, c):\n"
        "    return [tides.HIGH, simdjson.LAYERED, simdjson.Parser().parse(b'[1]').as_list(),\n"
        "            msgspec.json.decode(b'[2]'), numpy.arange(3).tolist()]\n"
    )
    account.function("tell", source, Layers=[arn])

    assert json.loads(account.invoke("tell")["Payload"].read()) == [4, True, [1], [2], [0, 1, 2]]
    unpacked = {path.name for path in (current_account().directory / "functions").rglob("python/*")}
    assert unpacked - {"__pycache__"} == {"tides.py", "simdjson"}


def test_a_package_that_neither_archive_nor_layer_holds_is_not_there(account: Account) -> None:
    arn = publish(account, {"python/tides.py": ""})
    account.function("look", "import numpy\ndef handler(e, c):\n    return 1\n", Layers=[arn])

    answer = account.invoke("look")

    assert answer["FunctionError"] == "Unhandled"
    assert json.loads(answer["Payload"].read())["errorMessage"] == "No module named 'numpy'"
