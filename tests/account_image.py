"""A copy of the account that this process simulates, taken once and put into as many new accounts as tests need.

A test that changes what is deployed gets an account of its own: nothing is deployed again, and no process is forked, so
a debugger and a coverage tool see every line.
"""

from __future__ import annotations

import _thread
import ctypes
import io
import pickle
import sys
import types
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from threading import Lock, RLock
from typing import Any
from weakref import WeakValueDictionary

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from moto.core.base_backend import BackendDict, BaseBackend

from rehearsal.aws import current_account
from rehearsal.aws.account import SimulatedAccount
from rehearsal.aws.inference.onnx_model import OnnxModel
from rehearsal.aws.inference.triton import FilModel

OF_ONE_RUN = frozenset(
    {
        "clock",
        "clock_path",
        "directory",
        "functions",
        "invocation_threads",
        "lock",
        "post_settle_hooks",
        "pre_settle_hooks",
        "settle_lock",
    }
)
"""Attributes of a simulated account that belong to one run of the simulator: a new account has its own."""
ROOTS = ("clock", "functions")
"""Those of them that moto's objects may hold."""
CONSTANT = (BackendDict, EllipticCurvePrivateKey, FilModel, OnnxModel, RSAPrivateKey, ctypes.CDLL, types.CodeType)
"""Types whose objects never change: every copy uses the same ones."""
LARGE = 4096
"""Bytes from which a value is shared instead of copied, like a function's archive."""

BackendKey = tuple[Any, str, str]
"""moto's dictionary of a service, an account and a region."""


@dataclass(frozen=True)
class AccountImage:
    """A simulated account at one moment. It can be restored in this process only."""

    moment: datetime
    content: bytes
    backends: tuple[tuple[BackendKey, type[BaseBackend]], ...]
    constants: tuple[Any, ...]

    @classmethod
    def take(cls) -> AccountImage:
        """Copies the current account. Raises PicklingError or TypeError where something in it cannot be copied."""
        account, backends = current_account(), dict(_iterate_backends())
        buffer = io.BytesIO()
        pickler = _Pickler(buffer, account, list(backends.values()))
        own = {name: value for name, value in vars(account).items() if name not in OF_ONE_RUN}
        pickler.dump((own, [vars(backend) for backend in backends.values()]))
        types_of_backends = tuple((key, type(backend)) for key, backend in backends.items())
        return cls(account.now(), buffer.getvalue(), types_of_backends, tuple(pickler.constants))

    def restore(self) -> None:
        """Fills the current account, which must be new: its clock may not be past the image's moment."""
        account = current_account()
        BackendDict.reset()
        backends = [_add_backend(key, kind) for key, kind in self.backends]
        own, contents = _Unpickler(io.BytesIO(self.content), account, backends, self.constants).load()
        for backend, content in zip(backends, contents, strict=True):
            backend.__dict__ = content
        # The simulator finds a rule's schedule by the identity of moto's object.
        own["schedules"] = {id(entry[0]): entry for entry in own["schedules"].values()}
        vars(account).update(own)
        account.clock.advance_to(self.moment)


def _iterate_backends() -> Iterator[tuple[BackendKey, BaseBackend]]:
    dictionaries: Any = BackendDict
    for services in dictionaries._instances:
        for account_id, region, backend in services.iter_backends():
            yield (services, account_id, region), backend


def _add_backend(key: BackendKey, kind: type[BaseBackend]) -> BaseBackend:
    """An empty backend where moto looks for it. moto's own way to make one reads megabytes of AWS's policies."""
    services, account_id, region = key
    backend = kind.__new__(kind)
    services[account_id][region] = backend
    return backend


class _Pickler(pickle.Pickler):
    """Refers to the account, to moto's backends and to constants; copies everything else."""

    def __init__(self, buffer: io.BytesIO, account: SimulatedAccount, backends: list[BaseBackend]) -> None:
        super().__init__(buffer, protocol=pickle.HIGHEST_PROTOCOL)
        self._references: dict[int, tuple[str, int | str]] = {
            id(account): ("account", ""),
            **{id(getattr(account, name)): ("root", name) for name in ROOTS},
            **{id(backend): ("backend", index) for index, backend in enumerate(backends)},
        }
        self.constants: list[Any] = []

    def persistent_id(self, obj: Any) -> tuple[str, int | str] | None:
        found = self._references.get(id(obj))
        if found is None and _is_constant(obj):
            found = self._references[id(obj)] = ("constant", len(self.constants))
            self.constants.append(obj)
        return found

    def reducer_override(self, obj: Any) -> Any:
        match obj:
            case types.FunctionType():
                cells = tuple(cell.cell_contents for cell in obj.__closure__ or ())
                return _build_function, (obj.__code__, obj.__module__, obj.__name__, obj.__defaults__, cells)
            case defaultdict() if type(obj) is not defaultdict:
                return _build_defaultdict, (type(obj), obj.default_factory), vars(obj), None, iter(obj.items())
            case WeakValueDictionary():
                return WeakValueDictionary, (dict(obj),)
            case _thread.LockType():
                return Lock, ()
            case _thread.RLock():
                return RLock, ()
            case _:
                return NotImplemented


def _is_constant(obj: Any) -> bool:
    """A function that holds no variables of another is one too."""
    if isinstance(obj, bytes):
        return len(obj) > LARGE
    return isinstance(obj, CONSTANT) or (isinstance(obj, types.FunctionType) and not obj.__closure__)


class _Unpickler(pickle.Unpickler):
    """Puts the new account's own things where the image refers to them."""

    def __init__(
        self, buffer: io.BytesIO, account: SimulatedAccount, backends: list[BaseBackend], constants: tuple[Any, ...]
    ) -> None:
        super().__init__(buffer)
        self._account, self._backends, self._constants = account, backends, constants

    def persistent_load(self, pid: Any) -> Any:
        kind, key = pid
        match kind:
            case "account":
                return self._account
            case "root":
                return getattr(self._account, key)
            case "backend":
                return self._backends[key]
            case _:
                return self._constants[key]


def _build_function(
    code: types.CodeType, module: str, name: str, defaults: tuple[Any, ...] | None, cells: tuple[Any, ...]
) -> Callable[..., Any]:
    closure = tuple(types.CellType(content) for content in cells)
    return types.FunctionType(code, vars(sys.modules[module]), name, defaults, closure)


def _build_defaultdict(kind: type[defaultdict[Any, Any]], factory: Callable[[], Any] | None) -> defaultdict[Any, Any]:
    """An empty one of a class whose `__init__` takes arguments of its own."""
    built = kind.__new__(kind)
    defaultdict.__init__(built, factory)
    return built
