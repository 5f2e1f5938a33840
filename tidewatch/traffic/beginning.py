"""The first endpoint: one that ended Failed before it served anybody is deleted and made again, under its own name.

DeleteEndpoint is the only operation that SageMaker takes on a Failed endpoint (API reference, DescribeEndpoint,
EndpointStatus). One that has served keeps its runbook: why it failed has to be looked at first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tidewatch.items import error_code, error_message
from tidewatch.traffic import gate
from tidewatch.traffic.errors import DeploymentFailed, EndpointBusy, EndpointMissing, NoCapacity, TrafficError
from tidewatch.traffic.ledger import Entry, replay
from tidewatch.traffic.sagemaker import is_capacity, translated
from tidewatch.traffic.values import EndpointState, Held
from tidewatch.traffic.writer import Writer

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient

BEFORE_SERVICE = frozenset({"Creating", "Failed", "Deleting"})
"""What an endpoint is before it was InService for the first time, and while it is made again."""


def has_served(entries: Iterable[Entry], endpoint: str = "") -> bool:
    """Whether the ledger saw a live split of this physical endpoint; of any of the stack's, where none is named."""
    return replay(entries, endpoint) is not None


def never_served(state: EndpointState, entries: Iterable[Entry]) -> bool:
    """Whether an endpoint is there and has yet to serve: to the rules of traffic it does not exist."""
    return state.status in BEFORE_SERVICE and not has_served(entries, state.name)


@dataclass(frozen=True)
class Beginning:
    """Sees to it that there is an endpoint to deploy to."""

    sagemaker: SageMakerClient
    writer: Writer

    def ensure(self, config: str, held: Mapping[str, Held], tags: Mapping[str, str]) -> None:
        """Waits for an endpoint that has yet to serve, and makes it on `config` where it is Failed.

        Each pass acts on what is there, and what is asked for is written down before the old one goes: it goes on
        wherever an earlier call was killed. Leaves an endpoint that has served as it is. Raises DeploymentFailed or
        NoCapacity where it does not start, Latched where `config` would serve what was rolled back, EndpointMissing,
        and EndpointBusy when the wait is over.
        """
        if has_served(self.writer.ledger.entries(), self._name):
            return
        backoff, made = self.writer.backoff(), False
        while (state := self._state()) is None or state.status in BEFORE_SERVICE:
            if state is None:
                self._create(config, held, tags)
                made = True
            elif state.status == "Failed" and made:
                raise self._failure(config, state.failure_reason or "SageMaker gave no reason")
            elif state.status == "Failed":
                self._delete(config, held)
            if not backoff.wait():
                raise EndpointBusy(
                    f"The endpoint {self._name} has not started after {self.writer.wait_seconds:g} s. It goes on "
                    "without us; run `pulumi up` again when it is InService or Failed."
                )

    @property
    def _name(self) -> str:
        return self.writer.place.endpoint

    def _state(self) -> EndpointState | None:
        try:
            return self.writer.platform.state()
        except EndpointMissing:
            # What nobody asked for was deleted by somebody else, or is in another account.
            if self.writer.control.asked(self._name) is None:
                raise
            return None

    def _delete(self, config: str, held: Mapping[str, Held]) -> None:
        self._refuse_latched(config, held)
        self.writer.control.remember_asked(self._name, config, self.writer.life.name)
        try:
            self.sagemaker.delete_endpoint(EndpointName=self._name)
        except Exception as error:
            problem = translated(error, self._name)
            if not isinstance(problem, EndpointBusy | EndpointMissing):
                raise problem from error

    def _create(self, config: str, held: Mapping[str, Held], tags: Mapping[str, str]) -> None:
        self._refuse_latched(config, held)
        self.writer.control.remember_asked(self._name, config, self.writer.life.name)
        try:
            self.sagemaker.create_endpoint(
                EndpointName=self._name,
                EndpointConfigName=config,
                Tags=[{"Key": key, "Value": value} for key, value in sorted(tags.items())],
            )
        except Exception as error:
            words = error_message(error)
            # An earlier call whose answer was lost, or the old one's name, which is not free yet.
            if "already existing" in words.lower():
                return
            if error_code(error) == "ResourceLimitExceeded":
                raise self._no_capacity(words) from error
            raise translated(error, self._name) from error

    def _refuse_latched(self, config: str, held: Mapping[str, Held]) -> None:
        """A new endpoint brings its weights from its configuration: it must not serve what a rollback took away."""
        try:
            variants = self.sagemaker.describe_endpoint_config(EndpointConfigName=config)["ProductionVariants"]
        except Exception as error:
            raise translated(error, self._name) from error
        serving = {one["VariantName"] for one in variants if one.get("InitialVariantWeight", 1.0) > 0}
        view = gate.View(self.writer.ledger.entries(), self.writer.control.head(), None)
        gate.refuse_latched(view, serving, held)

    def _failure(self, config: str, reason: str) -> TrafficError:
        if is_capacity(reason):
            return self._no_capacity(reason)
        return DeploymentFailed(
            f"The first endpoint {self._name} did not start on {config}: {reason}. It has never served, so the next "
            "`pulumi up` makes it again: mend the model, its container or its instance type in the stack config first."
        )

    def _no_capacity(self, reason: str) -> NoCapacity:
        return NoCapacity(
            f"AWS has no instances for the first endpoint {self._name} at the moment ({reason}). It has never served, "
            "so the next `pulumi up` makes it again: try later, take another instance type "
            "(tidewatch:endpoint.instanceType), ask for fewer instances, or raise the quota."
        )
