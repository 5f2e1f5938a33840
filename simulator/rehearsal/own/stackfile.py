"""The stack file of a user's rehearsal: a copy of theirs, or of the checkout's, from which the story begins."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from simulator.aws.world import REGION
from simulator.rehearsal.home import REHEARSAL
from simulator.rehearsal.own.refusal import OwnRefused
from stacks.settings import Settings, SettingsError, load
from stacks.written import NotYaml, parsed

NAME = f"Pulumi.{REHEARSAL}.yaml"
WRITTEN_BY_THE_STORY = tuple(
    f"tidewatch:{key}" for key in ("variants", "rollbackTo", "acknowledgedIncident", "retire")
)  # fmt: skip
"""The story begins without variants, and its commands write these."""


@dataclass(frozen=True)
class StackCopy:
    """The text of the copy, and what it says. left_out: keys of the original that the story writes itself."""

    text: str
    settings: Settings
    left_out: tuple[str, ...]


def read(folder: Path, root: Path, model: str) -> StackCopy:
    """The user's file, or the checkout's with the model's name. Raises OwnRefused."""
    own = folder / NAME
    path = own if own.is_file() else root / NAME
    document, text = _document(path)
    config = document.get("config")
    if not isinstance(config, dict):
        raise OwnRefused(f"{path} has no `config:`: copy {NAME} of the checkout, and edit that")
    left_out = tuple(key for key in WRITTEN_BY_THE_STORY if key in config)
    for key in left_out:
        del config[key]
    if path != own:
        config["tidewatch:model"]["name"] = model
    if left_out or path != own:
        text = _dumped(document)
    return StackCopy(text, _settings(path, config, model, path == own), left_out)


def _document(path: Path) -> tuple[Any, str]:
    try:
        text = path.read_text()
        document: Any = parsed(text, _yaml())
    except (UnicodeDecodeError, NotYaml) as wrong:
        raise OwnRefused(f"{path} is no stack file that can be read: {wrong}") from wrong
    if not isinstance(document, dict):
        raise OwnRefused(f"{path} is no stack file: it has no `config:`")
    if "environment" in document:
        raise OwnRefused(f"{path} takes values from an environment, which a rehearsal cannot ask: write them into it")
    return document, text


def _settings(path: Path, config: Mapping[str, Any], model: str, is_own: bool) -> Settings:
    if secret := next((key for key, value in config.items() if _is_secret(value)), None):
        raise OwnRefused(f"{path}: {secret} is secret, and a rehearsal decrypts nothing: write a value for it")
    try:
        settings = load(config, REHEARSAL)
    except SettingsError as wrong:
        if not is_own:
            raise OwnRefused(
                f"model.tar.gz holds {model}/, and {str(wrong).partition(': ')[2]}: rename the folder, and `name` in "
                "its config.pbtxt"
            ) from wrong
        raise OwnRefused(f"{path} is not a config that can be deployed:\n{wrong}") from wrong
    if settings.model.name != model:
        raise OwnRefused(
            f"{path} says that the model's name is {settings.model.name}, and model.tar.gz holds {model}/: write "
            "the one into the other"
        )
    if settings.region != REGION:
        raise OwnRefused(f"{path}: the rehearsal plays {REGION}: set aws:region to it there")
    if not settings.rollback.automatic:
        raise OwnRefused(
            f"{path}: tidewatch:rollback.automatic is false, and the game day of the story is about a rollback that an "
            "alarm makes: set it to true there"
        )
    return settings


def _is_secret(value: Any) -> bool:
    if isinstance(value, Mapping):
        return value.keys() == {"secure"} or any(_is_secret(one) for one in value.values())
    return isinstance(value, list) and any(_is_secret(one) for one in value)


def _dumped(document: Any) -> str:
    written = io.StringIO()
    _yaml().dump(document, written)
    return written.getvalue()


def _yaml() -> YAML:
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 4096
    yaml.indent(mapping=2, sequence=4, offset=2)
    return yaml
