"""Defaults for files that a user's folder lacks: lineage, card, and the second version."""

from __future__ import annotations

import hashlib
import io
import tarfile
from itertools import chain, count
from pathlib import Path, PurePosixPath

import msgspec

from tidewatch.drift.reference import NumericFeature, Reference
from tidewatch.registry import FeatureSpec, Lineage, ModelDescription, TrainingData
from tidewatch.registry.archive_members import read_members
from tidewatch.text import escape_markdown

UNKNOWN_TEXT = "unknown: generated for a rehearsal"
NOTE_FILE = "rehearsal.txt"
"""The extra file that distinguishes the second version from the first if both are the same model.

Its name gets a number if the model already has a file of this name. Triton ignores the file.
"""


def build_lineage(folder: Path, framework: str, owner: str, image: str, reference: Reference) -> bytes:
    """A lineage.json that states that it was generated."""
    numeric = {feature.name for feature in reference.features if isinstance(feature, NumericFeature)}
    feature_names = {feature.name for feature in reference.features}
    features = tuple(
        FeatureSpec(
            name=name,
            kind="numeric" if name in numeric else "categorical",
            definition=UNKNOWN_TEXT if name in feature_names else f"{UNKNOWN_TEXT}; no feature",
            used=name in feature_names,
        )
        for name in reference.columns
    )
    description = ModelDescription(
        framework=framework,
        owner=owner,
        image=image,
        metrics={},
        lineage=Lineage(
            commit=UNKNOWN_TEXT,
            data=TrainingData(reference=UNKNOWN_TEXT, digest=f"sha256:{reference.digest}"),
            preprocessing=UNKNOWN_TEXT,
            features=features,
            hyperparameters={},
            seeds={},
            environment={},
            training_run=f"rehearsal of {folder.name}",
        ),
    )
    return msgspec.json.format(msgspec.json.encode(description), indent=2) + b"\n"


def build_card(name: str, reference: Reference) -> str:
    """A card.md that states that it was generated."""
    columns = ", ".join(escape_markdown(each) for each in reference.columns)
    notice = "This card was generated for a rehearsal: add your own card.md to replace it."
    return f"# {escape_markdown(name)}\n\n{notice}\n\n{columns}\n"


def repack_model(artifact: Path, name: str, target: Path) -> None:
    """Packs the same model with one more file, so that its digest differs.

    Versions with the same digest are rolled back and quarantined together, and the demo needs two.
    """
    note = f"A copy of the model of {artifact.name}, as the canary of a rehearsal.\n".encode()
    member_names: set[str] = set()
    with tarfile.open(target, "w:gz", compresslevel=1) as target_archive:
        for archive, member in read_members(artifact):
            member_names.add(str(PurePosixPath(member.name)))
            target_archive.addfile(member, archive.extractfile(member) if member.isreg() else None)
        note_paths = (f"{name}/{each}" for each in chain([NOTE_FILE], (f"rehearsal-{at}.txt" for at in count(2))))
        added = tarfile.TarInfo(next(path for path in note_paths if path not in member_names))
        added.size, added.mode = len(note), 0o644
        target_archive.addfile(added, io.BytesIO(note))


def hash_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
