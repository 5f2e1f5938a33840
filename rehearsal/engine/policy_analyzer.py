"""What the engine asks of a policy pack."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from policies.stack_state import AnalyzedResource
from policies.violations import Violation


class PolicyAnalyzer(Protocol):
    """Runs the policies of a pack; `policies.evaluation.PackRun` is one."""

    def analyze_resource(self, resource: AnalyzedResource) -> list[Violation]: ...
    def analyze_stack(self, resources: Sequence[AnalyzedResource]) -> list[Violation]: ...
