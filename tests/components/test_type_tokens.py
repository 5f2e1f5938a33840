"""A component's type in Pulumi, which stands in every URN below it, is the name of its class."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator

import pulumi

import components


def test_a_components_type_in_pulumi_is_the_name_of_its_class() -> None:
    types = {component.__name__: _read_type_name(component) for component in _find_components()}
    assert types
    assert types == {name: name for name in types}


def _find_components() -> Iterator[type[pulumi.ComponentResource]]:
    for module in pkgutil.walk_packages(components.__path__, "components."):
        for _, value in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            if issubclass(value, pulumi.ComponentResource) and value.__module__ == module.name:
                yield value


def _read_type_name(component: type[pulumi.ComponentResource]) -> str | None:
    found = re.search(r'"tidewatch:\w+:(\w+)"', inspect.getsource(component.__init__))
    return found.group(1) if found else None
