"""The first endpoint: if it is Failed before it ever served, it is deleted and created again under the same name.

DeleteEndpoint is the only operation that SageMaker accepts for a Failed endpoint (API reference, DescribeEndpoint,
EndpointStatus). An endpoint that has served is left to its runbook: somebody must find out first why it failed.
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
"""The statuses of an endpoint that has not been InService yet, including those while it is created again."""


def has_served(entries: Iterable[LedgerEntry], endpoint: str = "") -> bool:
    """Whether the ledger has a live split of this physical endpoint, or of any endpoint if none is named."""
    return replay_split(entries, endpoint) is not None


def has_never_served(state: EndpointState, entries: Iterable[LedgerEntry]) -> bool:
    """Whether an endpoint exists but has not served yet. For the rules of traffic it does not exist."""
    return state.status in BEFORE_SERVICE and not has_served(entries, state.name)


@dataclass(frozen=True)
class FirstEndpoint:
    """Ensures that there is an endpoint to deploy to."""

    sagemaker: SageMakerClient
    writer: Writer

    def ensure_started(self, config: str, models: Mapping[str, DeployedModel], tags: Mapping[str, str]) -> None:
        """Waits for an endpoint that has not served yet, and creates it again on `config` if it is Failed.

        Each pass acts on the present state, and the request is recorded before the old endpoint is deleted, so a later
        call continues if this one is killed. An endpoint that has served is not touched. Raises DeploymentFailed or
        NoCapacity if it does not start, ArtifactQuarantined if `config` would serve what was rolled back,
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
                    f"The endpoint {self._name} has not started after {self.writer.wait_seconds:g} s. It continues "
                    "to start; run `pulumi up` again when it is InService or Failed."
                )

    @property
    def _name(self) -> str:
        return self.writer.resource_names.endpoint

    def _read_state(self) -> EndpointState | None:
        try:
            return self.writer.platform.state()
        except EndpointMissing:
            # Without a recorded request, somebody else deleted the endpoint or it is in another account.
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
            # An earlier call created it and its response was lost, or the name of the old endpoint is not free yet.
            if "already existing" in message.lower():
                return
            if get_error_code(error) == "ResourceLimitExceeded":
                raise self._build_no_capacity(message) from error
            raise map_error(error, self._name) from error

    def _require_not_quarantined(self, config: str, models: Mapping[str, DeployedModel]) -> None:
        """Raises ArtifactQuarantined if a new endpoint with `config` would serve what was rolled back."""
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
            f"The first endpoint {self._name} did not start on {config}: {reason}. Fix the model, its container or "
            "its instance type in the stack config, then run `pulumi up`: it creates the endpoint again, as this one "
            "has never served."
        )

    def _build_no_capacity(self, reason: str) -> NoCapacity:
        return NoCapacity(
            f"AWS has no instances for the first endpoint {self._name} at the moment ({reason}). Try later, use "
            "another instance type (tidewatch:endpoint.instanceType), ask for fewer instances, or raise the quota; "
            "then `pulumi up` creates the endpoint again, as this one has never served."
        )
