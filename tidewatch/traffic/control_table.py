"""The control table: the state that changes.

It holds the running rollback, leases, heartbeats, drains, what each configuration holds and which configuration was
requested last.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from tidewatch.aws.dynamodb import from_item, require_text_fields, to_item
from tidewatch.aws.errors import get_error_code
from tidewatch.aws.lease import LeaseTable
from tidewatch.clock import Clock
from tidewatch.content_hash import compute_content_hash
from tidewatch.text import sanitize
from tidewatch.traffic.backoff import Backoff
from tidewatch.traffic.errors import EndpointBusy, TableMissing
from tidewatch.traffic.models import RECENT_PERIOD, DeployedModel, RollbackRun

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

ItemT = TypeVar("ItemT")
REQUESTED_CONFIG_KEY = "requested-config"
"""The key of the configuration that was requested last."""
REJECTED_KEY = "rejected"
"""The key of the item that was set aside last."""
TAMPERING_KEY = "ledger-tampering"
"""The key of the tampering with the ledger that was found last."""
LEASE_SECONDS = 15.0
"""The longest time for which a writer that died blocks the others."""
NOTIFICATION_LEASE_SECONDS = 60.0
"""The longest time for which a call that died while it notified blocks other notifications: the page is late, not lost.
"""
LEASE_MARGIN_SECONDS = 3.0
"""A lease is not used in its last seconds: clocks differ and calls take time."""


@dataclass(frozen=True)
class TrafficLease:
    """The right to write weights, for a short time."""

    expires: datetime
    clock: Clock

    def require_valid(self) -> None:
        """Raises EndpointBusy if the lease may end before one more call has ended."""
        if self.clock.now() >= self.expires - timedelta(seconds=LEASE_MARGIN_SECONDS):
            raise EndpointBusy("The lease on the traffic expired before the call.")


@dataclass(frozen=True)
class ConfigRequest:
    """The configuration that was last requested for a physical endpoint, and the writer that requested it."""

    endpoint: str
    config: str
    writer: str = ""

    @classmethod
    def from_item(cls, found: Mapping[str, Any]) -> ConfigRequest:
        request = cls(found["endpoint"], found["config"], found.get("writer", ""))
        require_text_fields(request, "endpoint", "config")
        return request


class ControlTable:
    """The items of one stack in the control table."""

    def __init__(self, dynamodb: DynamoDBClient, table: str, key: str, clock: Clock) -> None:
        self._dynamodb = dynamodb
        self._table = table
        self._stack = key
        self._clock = clock

    def read_run(self) -> RollbackRun | None:
        """Returns the run of the rollback, or None if there is none."""
        return self.read(
            "run", lambda found: replace(RollbackRun.from_json(found["run"]), revision=found["revision"]).validate()
        )

    def read(self, key: str, parse: Callable[[dict[str, Any]], ItemT]) -> ItemT | None:
        """Returns one parsed item, or None if it does not exist or does not parse.

        An item that does not parse is set aside, because it would fail every call that reads it.
        """
        found = self.get(key)
        if found is None:
            return None
        try:
            return parse(found)
        except Exception:
            # A reader without write permission, such as a preview, leaves this to the sweep.
            with suppress(Exception):
                self.set_aside(key, found)
            return None

    def set_aside(self, key: str, found: Mapping[str, object]) -> None:
        """Removes an invalid item and keeps a copy for people to look at."""
        at = self._clock.now().isoformat()
        self.put(REJECTED_KEY, {"item": key, "at": at, "content": sanitize(json.dumps(found, default=str), 4_000)})
        self.delete(key)

    def count_rejected(self, now: datetime) -> int:
        """Returns 1 if an item was set aside recently, else 0."""
        found = self.get(REJECTED_KEY)
        return int(found is not None and _is_recent(found, now))

    def record_tampering(self, findings: Sequence[str], now: datetime) -> int:
        """Returns 1 if these findings about the ledger are new or recent, else 0.

        Tampering cannot be undone, so each new finding is reported for a limited time.
        """
        if not findings:
            return 0
        # The summary is cut off, so the digest covers all findings: a new one behind the cut counts too.
        found, summary, digest = (
            self.get(TAMPERING_KEY),
            sanitize("; ".join(findings)),
            compute_content_hash(list(findings)),
        )
        if found is None or (found.get("findings"), found.get("digest")) != (summary, digest):
            self.put(TAMPERING_KEY, {"findings": summary, "digest": digest, "at": now.isoformat()})
            return 1
        return int(_is_recent(found, now))

    def save_run(self, run: RollbackRun) -> RollbackRun | None:
        """Writes the run if nobody has written it since it was read. Returns the written run, or None."""
        next_run = replace(run, revision=run.revision + 1)
        body = {
            "incident": run.incident,
            "state": run.state,
            "revision": next_run.revision,
            "run": next_run.to_json(),
        }
        if run.revision == 0:
            is_saved = self._put("run", body, "attribute_not_exists(#revision)", {"#revision": "revision"}, {})
        else:
            is_saved = self._put("run", body, "#revision = :seen", {"#revision": "revision"}, {":seen": run.revision})
        return next_run if is_saved else None

    def read_models(self, config: str) -> dict[str, DeployedModel] | None:
        """Returns what the variants of an endpoint configuration hold, or None if that is not recorded."""
        found = self.read_models_and_content(config)
        return found[0] if found else None

    def read_models_and_content(self, config: str) -> tuple[dict[str, DeployedModel], str] | None:
        """Returns what the variants of an endpoint configuration hold and its content, or None if not recorded."""
        return self.read(
            f"deployment#{config}",
            lambda found: (
                {variant: DeployedModel.from_json(model) for variant, model in found["models"].items()},
                str(found["content"]),
            ),
        )

    def write_models(self, config: str, models: Mapping[str, DeployedModel], content: str) -> None:
        """Records what the variants of an endpoint configuration hold, and the hash of its content."""
        variants = {variant: model.to_json() for variant, model in models.items()}
        self.put(f"deployment#{config}", {"models": variants, "content": content, "at": self._clock.now().isoformat()})

    def read_requested_config(self, endpoint: str) -> str | None:
        """Returns the configuration last requested for this physical endpoint, or None if none is recorded."""
        found = self.read(REQUESTED_CONFIG_KEY, ConfigRequest.from_item)
        return found.config if found and found.endpoint == endpoint else None

    def read_requested_endpoint(self) -> str:
        """Returns the physical endpoint of the last request, or "" if none is recorded."""
        found = self.read(REQUESTED_CONFIG_KEY, ConfigRequest.from_item)
        return found.endpoint if found else ""

    def read_requesting_writer(self) -> str:
        """Returns the writer of the last request, or "" if none is recorded."""
        found = self.read(REQUESTED_CONFIG_KEY, ConfigRequest.from_item)
        return found.writer if found else ""

    def write_requested_config(self, endpoint: str, config: str, writer: str = "") -> None:
        at = self._clock.now().isoformat()
        self.put(REQUESTED_CONFIG_KEY, {"endpoint": endpoint, "config": config, "writer": writer, "at": at})

    def get(self, key: str) -> dict[str, Any] | None:
        """Returns the values of an item, or None if the item or the table does not exist."""
        if not self._table:
            return None
        try:
            found = self._dynamodb.get_item(TableName=self._table, Key=self._build_key(key), ConsistentRead=True)
        except Exception as error:
            if get_error_code(error) == "ResourceNotFoundException":
                return None
            raise
        return from_item(found["Item"]) if "Item" in found else None

    def put(self, key: str, body: Mapping[str, object]) -> None:
        self._put(key, body, "", {}, {})

    def put_if(self, key: str, body: Mapping[str, object], **seen: object) -> bool:
        """Writes an item if its present values equal those in `seen`. Returns whether it did."""
        return self._put(key, body, *_build_equality_condition(seen))

    def delete(self, key: str) -> None:
        self._dynamodb.delete_item(TableName=self._table, Key=self._build_key(key))

    def delete_if(self, key: str, **seen: object) -> bool:
        """Deletes an item if its present values equal those in `seen`. Returns whether it did."""
        condition, names, values_seen = _build_equality_condition(seen)
        try:
            self._dynamodb.delete_item(
                TableName=self._table,
                Key=self._build_key(key),
                ConditionExpression=condition,
                ExpressionAttributeNames=names,
                ExpressionAttributeValues=to_item(values_seen),
            )
        except Exception as error:
            if get_error_code(error) == "ConditionalCheckFailedException":
                return False
            raise
        return True

    @contextmanager
    def hold_traffic_lease(self, wait_seconds: float = 60.0) -> Generator[TrafficLease]:
        """Holds the lease that a writer of weights needs. Raises EndpointBusy if others hold it for the whole wait."""
        leases = LeaseTable(self._dynamodb, self._table, self._stack, self._clock)
        backoff = Backoff(self._clock, wait_seconds)
        with self._translate_errors():
            while (lease := leases.acquire("traffic", LEASE_SECONDS)) is None:
                if not backoff.wait():
                    raise EndpointBusy(
                        f"Another writer is changing the traffic of {self._stack}; try again in a minute."
                    )
        try:
            yield TrafficLease(lease.expires, self._clock)
        finally:
            leases.release("traffic", lease)

    @contextmanager
    def hold_notification_lease(self) -> Generator[bool]:
        """Yields whether this call is the one that notifies people. It does not wait for another one.

        If the lease cannot be read or written, it yields True: two notifications are better than none.
        """
        leases = LeaseTable(self._dynamodb, self._table, self._stack, self._clock)
        try:
            lease = leases.acquire("notification", NOTIFICATION_LEASE_SECONDS)
        except Exception:
            yield True
            return
        if lease is None:
            yield False
            return
        try:
            yield True
        finally:
            with suppress(Exception):
                leases.release("notification", lease)

    @contextmanager
    def _translate_errors(self) -> Generator[None]:
        try:
            yield
        except Exception as error:
            if get_error_code(error) == "ResourceNotFoundException":
                raise TableMissing(
                    f"The control table {self._table} is missing; `pulumi up --refresh` creates it again."
                ) from error
            raise

    def _build_key(self, key: str) -> Any:
        return {"stack": {"S": self._stack}, "key": {"S": key}}

    def _put(
        self, key: str, body: Mapping[str, object], condition: str, names: Mapping[str, str], seen: Mapping[str, object]
    ) -> bool:
        conditional: dict[str, Any] = {"ConditionExpression": condition, "ExpressionAttributeNames": dict(names)}
        if seen:
            conditional["ExpressionAttributeValues"] = to_item(seen)
        try:
            with self._translate_errors():
                self._dynamodb.put_item(
                    TableName=self._table,
                    Item=to_item({"stack": self._stack, "key": key, **body}),
                    **(conditional if condition else {}),
                )
        except Exception as error:
            if get_error_code(error) == "ConditionalCheckFailedException":
                return False
            raise
        return True


def _is_recent(found: Mapping[str, Any], now: datetime) -> bool:
    """Whether an item was written recently. An item without a readable time counts as recent."""
    try:
        return now - datetime.fromisoformat(found["at"]) < RECENT_PERIOD
    except (KeyError, TypeError, ValueError):
        return True


def _build_equality_condition(seen: Mapping[str, object]) -> tuple[str, dict[str, str], dict[str, object]]:
    """Returns the condition that an item still has these values, with its names and values."""
    condition = " AND ".join(f"#{name} = :{name}" for name in seen)
    return condition, {f"#{name}": name for name in seen}, {f":{name}": value for name, value in seen.items()}
