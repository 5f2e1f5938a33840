"""The resources that a stack has from the first `up`, and that its endpoint is built on."""

from __future__ import annotations

from dataclasses import dataclass

from components.registry_bucket import RegistryBucket
from components.sagemaker.gate import Gate
from components.storage import Storage
from components.tables import Tables
from components.topics import Topics


@dataclass(frozen=True)
class SharedResources:
    """Resources that exist before a version is declared and stay when no version serves any more."""

    registry: RegistryBucket
    storage: Storage
    tables: Tables
    topics: Topics
    gate: Gate
