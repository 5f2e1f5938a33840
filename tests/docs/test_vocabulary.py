"""One vocabulary: docs/glossary.md has the words, and none of those that it replaced is left."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.source_files import ROOT, list_nodes, list_tracked

RETIRED_IN_TEXT = {
    r"slots?(?!=)": "variant",
    r"latch(es|ed|ing)?": "quarantine",
    r"priority": "severity",
    r"(?<!_)speaks(?!_)": "fires, names or connects, by what is meant",
    r"(is|are|was|were|be|been|gets) told": "says, names, reports, or notifies, by what is meant",
    r"(?<!_)hear(s|d)?(?!_)": "gets, is notified or is recorded, by what is meant",
    r"(?<!_)tells(?! \w+ apart)": "shows, prints, reports or notifies, by what is meant",
    r"simulator\.(aws|engine|provider|rehearsal|scenarios|report|story)": "rehearsal",
}
"""Words of no name and no sentence, with the one that took their place."""
RETIRED_NAMES = re.compile(
    "tells?|telling|told|(un)?heard|speaks?|spoken|voice|says?|said|scene|world|gaps|declare|watching|plain|parts|place|"
    "forms|ink|home|stage|play|drives?|screen|finding|bar|reading|whole|beginning|ending|life|standing|foreseen|unfound|"
    "quiet|lasting|odd|even|each|here|among|own|held|beside"
)
"""Names of no module, function, class or field."""
IRREGULAR_PARTICIPLES = re.compile(
    "told|held|shown|made|kept|given|known|gone|seen|written|drawn|driven|heard|said|sent|found|left|lost|met|won|built|"
    "bought|caught|taught|brought|thought|felt|dealt|meant|spoken|broken|chosen|frozen|hidden|torn|begun|done|been|had|"
    "got|grown|thrown|shaken|(mis)?taken|paid|laid|led|slept|swept|lent|spent|bent|understood|stuck|swung|sung|drunk|hung"
)
NO_PARTICIPLES = ("need", "feed", "seed", "speed", "embed", "exceed", "proceed", "succeed")
DICTATED = {("tidewatch/registry/archive_members.py", "tell"), ("tidewatch/registry/upload.py", "tell")}
"""Methods of Python's own protocols: files are asked with `tell`."""
NOT_OURS = re.compile(r"\.lock$|^LICENSE$|^requirements-uv\.txt$|^tests/rehearsal/engine/conformance/|\.(png|json)$")


def _names(file: Path) -> Iterator[tuple[int, str]]:
    """The functions, classes and fields of a file, with their lines."""
    for node in list_nodes(file):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.lineno, node.name
        if isinstance(node, ast.ClassDef):
            for statement in node.body:
                if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
                    yield statement.lineno, statement.target.id


def _functions(file: Path) -> Iterator[tuple[int, str]]:
    for node in list_nodes(file):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.lineno, node.name


def _is_participle(name: str) -> bool:
    word = name.strip("_")
    return bool(IRREGULAR_PARTICIPLES.fullmatch(word)) or (
        word.endswith("ed") and "_" not in word and word not in NO_PARTICIPLES
    )


def test_no_retired_word_is_left_in_code_config_output_or_documents() -> None:
    found: list[str] = []
    for file in list_tracked():
        name = str(file.relative_to(ROOT))
        if NOT_OURS.search(name) or file == Path(__file__):
            continue
        try:
            lines = file.read_text().splitlines()
        except UnicodeDecodeError:
            continue
        for number, line in enumerate(lines, 1):
            if "__slots__" in line:
                continue
            for pattern, word in RETIRED_IN_TEXT.items():
                if re.search(rf"(?<![a-z]){pattern}(?![a-z=])", line, re.IGNORECASE):
                    found.append(f"{name}:{number} say {word}: {line.strip()[:80]}")
    assert not found, "\n".join(found)


def test_no_module_function_class_or_field_has_a_retired_name() -> None:
    found: list[str] = []
    for file in list_tracked("*.py"):
        name = str(file.relative_to(ROOT))
        if NOT_OURS.search(name):
            continue
        if RETIRED_NAMES.fullmatch(file.stem):
            found.append(name)
        found += [
            f"{name}:{line} {word}"
            for line, word in _names(file)
            if RETIRED_NAMES.fullmatch(word.strip("_").lower()) and (name, word) not in DICTATED
        ]
    assert not found, "\n".join(found)


def test_functions_are_verbs_and_no_participles_alone() -> None:
    found = [
        f"{file.relative_to(ROOT)}:{line} {word}"
        for file in list_tracked("*.py")
        if not NOT_OURS.search(str(file.relative_to(ROOT)))
        for line, word in _functions(file)
        if _is_participle(word)
    ]
    assert not found, "\n".join(found)
