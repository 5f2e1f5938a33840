"""Dynamic resources of the scenarios: entries of a JSON file that TW_STORE names."""

import json
import os
import threading
from pathlib import Path

import pulumi
from pulumi.dynamic import (
    CheckFailure,
    CheckResult,
    CreateResult,
    DiffResult,
    ReadResult,
    Resource,
    ResourceProvider,
    UpdateResult,
)

LOCK = threading.Lock()


def load():
    store = Path(os.environ["TW_STORE"])
    return json.loads(store.read_text()) if store.exists() else {}


def change(edit):
    """Resources are made several at a time."""
    with LOCK:
        entries = load()
        edit(entries)
        Path(os.environ["TW_STORE"]).write_text(json.dumps(entries))


class P(ResourceProvider):
    serialize_as_secret_always = False

    def check(self, olds, news):
        bad = news.get("v") == "bad"
        return CheckResult(news, [CheckFailure("", "v must not be bad")] if bad else [])

    def create(self, props):
        if props.get("v") == "boom":
            raise Exception("boom on create")
        change(lambda entries: entries.update({props["k"]: props["v"]}))
        return CreateResult(props["k"], {**props, "made": "yes"})

    def update(self, id_, olds, news):
        if news.get("v") == "boom":
            raise Exception("boom on update")
        change(lambda entries: entries.update({id_: news["v"]}))
        return UpdateResult({**news, "made": "again"})

    def diff(self, id_, olds, news):
        other = [key for key in ("k", "v") if olds.get(key) != news.get(key)]
        replaces = ["k"] if "k" in other else []
        return DiffResult(changes=bool(other), replaces=replaces, delete_before_replace=bool(news.get("dbr")))

    def read(self, id_, props):
        entries = load()
        if id_ not in entries:
            return ReadResult("", {})
        outs = {**props, "v": entries[id_]}
        return ReadResult(id_, outs, {key: value for key, value in outs.items() if key in ("k", "v", "dbr")})

    def delete(self, id_, props):
        change(lambda entries: entries.pop(id_, None))


class D(Resource, module="tw", name="D"):
    made: pulumi.Output[str]
    v: pulumi.Output[str]

    def __init__(self, name, k, v, opts=None, **more):
        super().__init__(P(), name, {"k": k, "v": v, "made": None, **more}, opts)


class Plain(ResourceProvider):
    serialize_as_secret_always = False

    def create(self, props):
        return CreateResult("plain", props)

    def update(self, id_, olds, news):
        return UpdateResult(news)


class Default(Resource, module="tw", name="Default"):
    def __init__(self, name, props, opts=None):
        super().__init__(Plain(), name, props, opts)
