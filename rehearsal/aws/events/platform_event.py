"""An event of AWS, passed between parts of the simulator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class PlatformEvent:
    """An event that AWS itself puts on the default bus."""

    region: str
    source: str
    detail_type: str
    detail: Mapping[str, object]
    resources: tuple[str, ...]
    time: datetime
