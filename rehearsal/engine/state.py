"""The deployed resources, in the order of registration, and the pending calls."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from threading import RLock
from typing import Any, Literal

from rehearsal.engine.serialization import PropertyMap
from rehearsal.engine.state_file import StateFile

OperationKind = Literal["create", "update", "delete"]


@dataclass
class Resource:
    """A resource in the state."""

    urn: str
    type: str
    custom: bool = True
    id: str = ""
    parent: str = ""
    provider: PropertyMap = field(default_factory=dict)
    """The settings of its provider, for a deletion after the program no longer has them."""
    inputs: PropertyMap = field(default_factory=dict)
    outputs: PropertyMap = field(default_factory=dict)
    dependencies: list[str] = field(default_factory=list)
    property_dependencies: dict[str, list[str]] = field(default_factory=dict)
    protect: bool = False
    retain: bool = False
    external: bool = False
    """Read, not managed: never updated or deleted."""
    replaced: bool = False
    """Its successor exists; the end of the run deletes it."""
    pending_replacement: bool = False
    """Deleted before its replacement, which does not exist yet."""
    init_errors: list[str] = field(default_factory=list)
    """Why its last create or update failed although it exists: the next run updates it, even without a change."""
    interrupted: bool = False
    """A run was killed during its call: the next one updates it, even without a change."""
    serial: int = 0

    @property
    def name(self) -> str:
        return self.urn.rsplit("::", 1)[1]

    @property
    def label(self) -> str:
        return f"{self.type} ({self.name})"

    @property
    def is_managed(self) -> bool:
        """Whether a provider manages it: neither a component nor a provider's own settings."""
        return self.custom and not self.type.startswith("pulumi:providers:")


@dataclass(frozen=True)
class PendingOperation:
    """A call that has started; in a state file, a call without a known result."""

    kind: OperationKind
    resource: Resource


class State:
    """The resources of this run, before those of earlier runs that it has not reached yet.

    A dry state reads the file and never writes.
    """

    def __init__(self, journal: StateFile, *, dry: bool) -> None:
        self.lock, self._journal, self._dry = RLock(), journal, dry
        saved = journal.load()
        self._current: dict[str, Resource] = {}
        self._previous = {r.serial: r for r in (Resource(**fields) for fields in saved["resources"])}
        self.pending = {
            p["resource"]["urn"]: PendingOperation(p["kind"], Resource(**p["resource"])) for p in saved["pending"]
        }
        self.outputs: PropertyMap = saved["outputs"]
        self._serial = max(self._previous, default=0)
        self._replay()

    @property
    def previous(self) -> list[Resource]:
        """The resources of earlier runs that this run has not reached, in their order."""
        return list(self._previous.values())

    def __iter__(self) -> Iterator[Resource]:
        yield from self._current.values()
        yield from self._previous.values()

    def get_current(self, urn: str) -> Resource | None:
        """The resource as this run registered it."""
        return self._current.get(urn)

    def get_previous(self, urn: str) -> Resource | None:
        """The resource from an earlier run."""
        return next((r for r in self._previous.values() if r.urn == urn and not r.replaced), None)

    def get_by_serial(self, serial: int) -> Resource | None:
        """A resource of an earlier run by its serial, which a rename does not change."""
        return self._previous.get(serial)

    def begin_operation(self, kind: OperationKind, resource: Resource) -> None:
        """Journals a call before it starts."""
        with self.lock:
            self.pending[resource.urn] = PendingOperation(kind, resource)
            self._write({"begin": kind, "resource": vars(resource)})

    def abandon(self, urn: str) -> None:
        """Removes a failed call, so that the state is as before it, like the engine's.

        Only an interrupted call stays pending.
        """
        with self.lock:
            self.pending.pop(urn, None)
            self._write({"abandon": urn})

    def put(self, resource: Resource, *, in_place_of: Resource | None = None) -> None:
        """Records a resource in its state after this run. The object that it replaces is marked for deletion."""
        with self.lock:
            if in_place_of is not None:
                in_place_of.replaced = True
            if resource.serial == 0:
                old = self._current.get(resource.urn) or self.get_previous(resource.urn)
                resource.serial = old.serial if old else self._allocate_serial()
            self._set_current(resource)
            self._write({"put": vars(resource), "replaced": in_place_of.serial if in_place_of else 0})

    def amend(self, resource: Resource) -> None:
        """Records a change of a resource that this run does not register."""
        with self.lock:
            if resource.serial == 0:
                resource.serial = self._allocate_serial()
            self._previous[resource.serial] = resource
            self.pending.pop(resource.urn, None)
            self._write({"amend": vars(resource)})

    def drop(self, resource: Resource) -> None:
        with self.lock:
            self._remove(resource.serial)
            self.pending.pop(resource.urn, None)
            self._write({"drop": resource.serial, "urn": resource.urn})

    def finish(self) -> None:
        """Rewrites the state file after the last call has ended."""
        if self._dry:
            return
        with self.lock:
            pending = [{"kind": p.kind, "resource": vars(p.resource)} for p in self.pending.values()]
            resources = [vars(r) for r in self]
            self._journal.compact({"resources": resources, "pending": pending, "outputs": self.outputs})

    def set_outputs(self, outputs: PropertyMap) -> None:
        with self.lock:
            self.outputs = outputs
            self._write({"outputs": outputs})

    def _set_current(self, resource: Resource) -> None:
        self._previous.pop(resource.serial, None)
        self._current[resource.urn] = resource
        self.pending.pop(resource.urn, None)

    def _remove(self, serial: int) -> None:
        self._previous.pop(serial, None)
        self._current = {urn: r for urn, r in self._current.items() if r.serial != serial}

    def _allocate_serial(self) -> int:
        self._serial += 1
        return self._serial

    def _write(self, entry: dict[str, Any]) -> None:
        if not self._dry:
            self._journal.append(entry)

    def _replay(self) -> None:
        """Applies the journal of a killed run; its resources then count as those of an earlier run."""
        entries = list(self._journal.read_entries())
        for entry in entries:
            self._apply_entry(entry)
        self._previous = {r.serial: r for r in self}
        self._current = {}
        self._serial = max([*self._previous, self._serial])
        if entries:
            self.finish()

    def _apply_entry(self, entry: dict[str, Any]) -> None:
        match entry:
            case {"begin": kind, "resource": fields}:
                self.pending[fields["urn"]] = PendingOperation(kind, Resource(**fields))
            case {"abandon": urn}:
                self.pending.pop(urn, None)
            case {"put": fields, "replaced": serial}:
                if serial in self._previous:
                    self._previous[serial] = replace(self._previous[serial], replaced=True)
                self._set_current(Resource(**fields))
            case {"amend": fields}:
                self._previous[fields["serial"]] = Resource(**fields)
                self.pending.pop(fields["urn"], None)
            case {"drop": serial, "urn": urn}:
                self._remove(serial)
                self.pending.pop(urn, None)
            case {"outputs": outputs}:
                self.outputs = outputs
            case _:
                raise ValueError(f"the journal has an entry this engine does not know: {sorted(entry)}")
