"""AWS in this process, and one resource's life as an engine leads it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from rehearsal.aws import simulate_aws
from rehearsal.engine.providers import AwsResourceType, Props, ProviderSettings, resolve_type
from rehearsal.engine.providers.errors import InitFailed
from tidewatch.clock import get_clock, install


@dataclass
class Resource:
    """One resource: what an engine remembers of it between calls."""

    type: AwsResourceType
    inputs: Props = field(default_factory=dict)
    outs: Props = field(default_factory=dict)
    id: str = ""

    def create(self, **given: Any) -> Props:
        self.inputs = self.check_inputs({}, given)
        with self.keeping():
            made = self.type.create(self.inputs)
        self.id, self.outs = made.id, made.outs or {}
        return self.outs

    @contextmanager
    def keeping(self) -> Iterator[None]:
        """What a call leaves that failed after it had made or changed something."""
        try:
            yield
        except InitFailed as failure:
            self.id, self.outs = failure.id, failure.outs
            raise

    def check_inputs(self, olds: Props, given: Props) -> Props:
        got = self.type.check(olds, given)
        assert not got.failures, [f.reason for f in got.failures]
        return got.inputs

    def replaced_by(self, **given: Any) -> list[str]:
        """The inputs for whose sake AWS would need a new object."""
        news = self.check_inputs(self.inputs, given)
        changed = sorted(k for k in {*news, *self.inputs} if news.get(k) != self.inputs.get(k))
        return self.type.find_replace_keys(changed, self.inputs, news)

    def update(self, **given: Any) -> Props:
        assert self.replaced_by(**given) == []
        olds, self.inputs = self.inputs, self.check_inputs(self.inputs, given)
        call = self.type.read_unchanged if self.inputs == olds else self.type.update
        with self.keeping():
            self.outs = call(self.id, self.outs, self.inputs).outs or {}
        return self.outs

    def read(self) -> Any:
        return self.type.read(self.id, self.outs, self.inputs)

    def exists(self) -> bool:
        return bool(self.read().id)

    def delete(self) -> None:
        self.type.delete(self.id, self.outs)


@dataclass(frozen=True)
class Aws:
    settings: ProviderSettings

    def client(self, service: str) -> Any:
        return self.settings.get_client(service)

    def resource(self, token: str, logical: str = "thing", /) -> Resource:
        return Resource(resolve_type(token, self.settings, logical))

    def create_resource(self, token: str, logical: str = "thing", /, **given: Any) -> Resource:
        resource = self.resource(token, logical)
        resource.create(**given)
        return resource


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    before = get_clock()
    with simulate_aws() as clock:
        install(clock)
        yield Aws(ProviderSettings())
        install(before)
