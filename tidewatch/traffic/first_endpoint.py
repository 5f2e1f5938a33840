"""The first endpoint: one that ended Failed before it served anybody is deleted and made again, under its own name.

DeleteEndpoint is the only operation that SageMaker takes on a Failed endpoint (API reference, DescribeEndpoint,
EndpointStatus). One that has served keeps its runbook: why it failed has to be looked at first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tidewatch.aws.errors import get_error_code, get_error_message
from tidewatch.traffic import guard
from tidewatch.traffic.errors import DeploymentFailed, EndpointBusy, EndpointMissing, NoCapacity, TrafficError
from tidewatch.traffic.incident_replay import TrafficSnapshot
from tidewatch.traffic.ledger import LedgerEntry, replay_split
from tidewatch.traffic.models import DeployedModel, EndpointState, EndpointStatus
from tidewatch.traffic.sagemaker import is_capacity_error, map_error
from tidewatch.traffic.writer import Writer

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient

BEFORE_SERVICE = frozenset({EndpointStatus.CREATING, EndpointStatus.FAILED, EndpointStatus.DELETING})
"""What an endpoint is before it was InService for the first time, and while it is made again."""


def has_served(entries: Iterable[LedgerEntry], endpoint: str = "") -> bool:
    """Whether the ledger saw a live split of this physical endpoint; of any of the stack's, where none is named."""
    return replay_split(entries, endpoint) is not None


def has_never_served(state: EndpointState, entries: Iterable[LedgerEntry]) -> bool:
    """Whether an endpoint is there and has yet to serve: to the rules of traffic it does not exist."""
    return state.status in BEFORE_SERVICE and not has_served(entries, state.name)


@dataclass(frozen=True)
class FirstEndpoint:
    """Sees to it that there is an endpoint to deploy to."""

    sagemaker: SageMakerClient
    writer: Writer

    def ensure_started(self, config: str, models: Mapping[str, DeployedModel], tags: Mapping[str, str]) -> None:
        """Waits for an endpoint that has yet to serve, and makes it on `config` where it is Failed.

        Each pass acts on what is there, and what is asked for is written down before the old one goes: it goes on
        wherever an earlier call was killed. Leaves an endpoint that has served as it is. Raises DeploymentFailed or
        NoCapacity where it does not start, Quarantined where `config` would serve what was rolled back,
        EndpointMissing, and EndpointBusy when the wait is over.
        """
        if has_served(self.writer.ledger.entries(), self._name):
            return
        backoff, has_created = self.writer.start_backoff(), False
        while (state := self._read_state()) is None or state.status in BEFORE_SERVICE:
            if state is None:
                self._create(config, models, tags)
                has_created = True
            elif state.status == EndpointStatus.FAILED and has_created:
                raise self._build_failure(config, state.failure_reason or "SageMaker gave no reason")
            elif state.status == EndpointStatus.FAILED:
                self._delete(config, models)
            if not backoff.wait():
                raise EndpointBusy(
                    f"The endpoint {self._name} has not started after {self.writer.wait_seconds:g} s. It goes on "
                    "without us; run `pulumi up` again when it is InService or Failed."
                )

    @property
    def _name(self) -> str:
        return self.writer.resource_names.endpoint

    def _read_state(self) -> EndpointState | None:
        try:
            return self.writer.platform.state()
        except EndpointMissing:
            # What nobody asked for was deleted by somebody else, or is in another account.
            if self.writer.control.read_requested_config(self._name) is None:
                raise
            return None

    def _delete(self, config: str, models: Mapping[str, DeployedModel]) -> None:
        self._require_not_quarantined(config, models)
        self.writer.control.write_requested_config(self._name, config, self.writer.heartbeat.name)
        try:
            self.sagemaker.delete_endpoint(EndpointName=self._name)
        except Exception as error:
            problem = map_error(error, self._name)
            if not isinstance(problem, EndpointBusy | EndpointMissing):
                raise problem from error

    def _create(self, config: str, models: Mapping[str, DeployedModel], tags: Mapping[str, str]) -> None:
        self._require_not_quarantined(config, models)
        self.writer.control.write_requested_config(self._name, config, self.writer.heartbeat.name)
        try:
            self.sagemaker.create_endpoint(
                EndpointName=self._name,
                EndpointConfigName=config,
                Tags=[{"Key": key, "Value": value} for key, value in sorted(tags.items())],
            )
        except Exception as error:
            message = get_error_message(error)
            # An earlier call whose answer was lost, or the old one's name, which is not free yet.
            if "already existing" in message.lower():
                return
            if get_error_code(error) == "ResourceLimitExceeded":
                raise self._build_no_capacity(message) from error
            raise map_error(error, self._name) from error

    def _require_not_quarantined(self, config: str, models: Mapping[str, DeployedModel]) -> None:
        """A new endpoint brings its weights from its configuration: it must not serve what a rollback took away."""
        try:
            variants = self.sagemaker.describe_endpoint_config(EndpointConfigName=config)["ProductionVariants"]
        except Exception as error:
            raise map_error(error, self._name) from error
        serving = {variant["VariantName"] for variant in variants if variant.get("InitialVariantWeight", 1.0) > 0}
        run, key = self.writer.control.read_run(), self.writer.resource_names.key
        snapshot = TrafficSnapshot(self.writer.ledger.entries(), run, None, key=key)
        guard.require_not_quarantined(snapshot, serving, models)

    def _build_failure(self, config: str, reason: str) -> TrafficError:
        if is_capacity_error(reason):
            return self._build_no_capacity(reason)
        return DeploymentFailed(
            f"The first endpoint {self._name} did not start on {config}: {reason}. It has never served, so the next "
            "`pulumi up` makes it again: mend the model, its container or its instance type in the stack config first."
        )

    def _build_no_capacity(self, reason: str) -> NoCapacity:
        return NoCapacity(
            f"AWS has no instances for the first endpoint {self._name} at the moment ({reason}). It has never served, "
            "so the next `pulumi up` makes it again: try later, take another instance type "
            "(tidewatch:endpoint.instanceType), ask for fewer instances, or raise the quota."
        )
