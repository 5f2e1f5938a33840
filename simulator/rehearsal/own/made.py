"""What is made plainly where a user's folder has none: lineage, card, and the second version."""

from __future__ import annotations

import hashlib
import io
import tarfile
from itertools import chain, count
from pathlib import Path, PurePosixPath

import msgspec

from tidewatch.drift.reference import NumericFeature, Reference
from tidewatch.registry import Data, Description, Feature, Lineage
from tidewatch.registry.members import members
from tidewatch.text import markdown

UNTOLD = "not told: made for a rehearsal"
NOTE = "rehearsal.txt"
"""The file by which the second version differs, where both are one model; it has a number where the model has such a
file. Triton passes over it."""


def lineage(folder: Path, framework: str, owner: str, image: str, reference: Reference) -> bytes:
    """A lineage.json that says of itself that it was made."""
    numeric = {one.name for one in reference.features if isinstance(one, NumericFeature)}
    known = {one.name for one in reference.features}
    features = tuple(
        Feature(
            name=name,
            kind="numeric" if name in numeric else "categorical",
            definition=UNTOLD if name in known else f"{UNTOLD}; no feature",
            used=name in known,
        )
        for name in reference.columns
    )
    description = Description(
        framework=framework,
        owner=owner,
        image=image,
        metrics={},
        lineage=Lineage(
            commit=UNTOLD,
            data=Data(reference=UNTOLD, digest=f"sha256:{reference.digest}"),
            preprocessing=UNTOLD,
            features=features,
            hyperparameters={},
            seeds={},
            environment={},
            training_run=f"rehearsal of {folder.name}",
        ),
    )
    return msgspec.json.format(msgspec.json.encode(description), indent=2) + b"\n"


def card(name: str, reference: Reference) -> str:
    """A card.md that says of itself that it was made."""
    columns = ", ".join(markdown(each) for each in reference.columns)
    return f"# {markdown(name)}\n\nThis card was made for a rehearsal: bring card.md for one of yours.\n\n{columns}\n"


def same_again(artifact: Path, name: str, target: Path) -> None:
    """The same model packed with one file more, so that its digest is another: versions of one digest are rolled back
    and latched together, and the story is about two."""
    note = f"The model of {artifact.name} once more, as the canary of a rehearsal.\n".encode()
    held: set[str] = set()
    with tarfile.open(target, "w:gz", compresslevel=1) as packed:
        for archive, member in members(artifact):
            held.add(str(PurePosixPath(member.name)))
            packed.addfile(member, archive.extractfile(member) if member.isreg() else None)
        places = (f"{name}/{each}" for each in chain([NOTE], (f"rehearsal-{at}.txt" for at in count(2))))
        added = tarfile.TarInfo(next(place for place in places if place not in held))
        added.size, added.mode = len(note), 0o644
        packed.addfile(added, io.BytesIO(note))


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
