"""The hourly job over what was made to stop it: whatever fails, fails alone, is counted, and is tried again."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError, ReadTimeoutError
from test_drift_job import FIRST, PLACE, Account

from rehearsal.aws import simulate_aws
from tests.tidewatch.drift.drift_records import line, plain_lines, reference
from tidewatch.drift.job import run as drift_run
from tidewatch.drift.job.drift_job import DriftJob
from tidewatch.drift.job.models import DriftClients, DriftConfig, JobResult

HOURS = 2
VARIANTS = {"blue": "1", "green": "2"}
SHORT = 400
"""Seconds of a run that is cut off."""


@pytest.fixture
def account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with simulate_aws(FIRST + timedelta(hours=1, minutes=20)) as clock:
        yield Account(clock, tmp_path)


def build_refusal(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no\nmore"}}, "Operation")


FAULTS: tuple[Callable[[], BaseException], ...] = (
    lambda: build_refusal("AccessDenied"),
    lambda: build_refusal("SlowDown"),
    lambda: build_refusal("NoSuchKey"),
    lambda: ConnectTimeoutError(endpoint_url="https://s3"),
    lambda: ReadTimeoutError(endpoint_url="https://s3"),
    MemoryError,
    RecursionError,
    lambda: UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed"),
    lambda: KeyError("Body"),
    lambda: TypeError("of another form"),
    lambda: OSError("connection reset"),
)


class Stop(BaseException):
    """As Lambda ends a function: nothing of it runs any more."""


class Faulty:
    """A client, or what one answered, whose nth call of all raises."""

    def __init__(
        self, real: Any, calls: list[str], at: int | None, fault: Callable[[], BaseException], where: str = ""
    ) -> None:
        self._real, self._calls, self._at, self._fault, self._where = real, calls, at, fault, where

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._real, name)
        if not callable(found) or name.startswith("_") or isinstance(found, type):
            return found

        def call(*args: Any, **options: Any) -> Any:
            if name == "get_paginator":
                return Faulty(found(*args), self._calls, self._at, self._fault)
            where = self._where or f"{options.get('Bucket', '')} {options.get('Key', options.get('Prefix', ''))}"
            self._calls.append(f"{name} {where}")
            if len(self._calls) - 1 == self._at:
                raise self._fault()
            answer: Any = found(*args, **options)
            if name == "get_object":
                return {**answer, "Body": Faulty(answer["Body"], self._calls, self._at, self._fault, where)}
            return answer

        return call


def run(
    account: Account, at: int | None, fault: Callable[[], BaseException] = OSError, later: float = 0
) -> tuple[JobResult, list[str]]:
    """A run whose call number `at` raises, so many hours from now; its calls."""
    calls: list[str] = []
    clients: list[Any] = [Faulty(each, calls, at, fault) for each in vars(account.clients).values()]
    working = DriftJob(DriftClients(*clients), PLACE, DriftConfig(), account.clock)
    return working.run(account.clock.now() + timedelta(hours=later)), calls


def capture_hours(account: Account, count: int = HOURS) -> set[tuple[str, datetime]]:
    found = {(variant, FIRST - timedelta(hours=back)) for variant in VARIANTS for back in range(count)}
    for variant, hour in sorted(found):
        account.capture(hour, *plain_lines(3, seed=hour.hour), variant=variant)
    return found


def list_judged_hours(result: JobResult) -> set[tuple[str, datetime]]:
    return {(one.variant, one.hour) for one in result.hours if one.report_url}


def reports(account: Account) -> dict[str, bytes]:
    return {key: body for key, body in account.read_stored().items() if "index" not in key}


def delete_reports(account: Account) -> None:
    listed = account.s3.list_objects_v2(Bucket=PLACE.monitoring_bucket, Prefix="drift/").get("Contents", [])
    for one in listed:
        account.s3.delete_object(Bucket=PLACE.monitoring_bucket, Key=one["Key"])


def _hours_of(call: str) -> int:
    """How many hours hang on one call: all on a listing of folders, a variant's on what describes it, else one."""
    if call.endswith((" capture/", "flights-1a2b/")):
        return HOURS * len(VARIANTS)
    of_variant = call.startswith(f"paginate {PLACE.capture_bucket}") or "deployments/" in call or "registry" in call
    return HOURS if of_variant else 1


def _of_each_kind(calls: list[str]) -> list[int]:
    """A call in the middle and the last of each kind: calls that differ by their variant and time are of one."""
    kinds: dict[str, list[int]] = {}
    for at, call in enumerate(calls):
        kinds.setdefault(re.sub(r"blue|green|\d+", "", call), []).append(at)
    return sorted({found[place] for found in kinds.values() for place in (len(found) // 2, -1)})


@pytest.mark.slow
def test_whatever_one_call_raises_the_other_hours_are_judged_and_it_is_tried_again(account: Account) -> None:
    every = capture_hours(account)
    clean, calls = run(account, None)
    assert list_judged_hours(clean) == every
    wanted = reports(account)
    for at in _of_each_kind(calls):
        delete_reports(account)
        call = calls[at]
        fault = FAULTS[at % len(FAULTS)]
        result, _ = run(account, at, fault)
        missing = every - list_judged_hours(result)
        assert len(missing) <= _hours_of(call), (call, fault, missing)
        assert call.endswith((" capture/", "flights-1a2b/")) or len({variant for variant, _ in missing}) <= 1, call
        healed, _ = run(account, None, later=1)
        assert healed.failing_count == 0, (call, healed.problems)
        assert reports(account).keys() >= wanted.keys(), (call, fault)
        assert {key: reports(account)[key] for key in wanted} == wanted, (call, fault)


def test_a_run_that_is_cut_off_leaves_the_hour_it_was_at_and_goes_on_with_the_others(account: Account) -> None:
    every = capture_hours(account)
    _, calls = run(account, None)
    first = next(at for at, call in enumerate(calls) if call.startswith(f"get_object {PLACE.capture_bucket}"))
    delete_reports(account)
    with pytest.raises(Stop):
        run(account, first, Stop)
    account.clock.advance(901)
    second, _ = run(account, None)
    assert len(list_judged_hours(second)) == len(every) - 1, "Lambda's own second attempt, minutes later"
    assert second.failing_count == 1
    account.clock.advance(3600)
    third, _ = run(account, None)
    assert list_judged_hours(second) | list_judged_hours(third) == every
    assert third.failing_count == 0


def test_an_hour_that_fails_again_and_again_is_tried_less_and_less(account: Account) -> None:
    account.capture(FIRST)
    key = f"capture/one/flights-1a2b/blue/{FIRST:%Y/%m/%d/%H}/a.jsonl"
    tried: list[int] = []
    for hour in range(40):
        at = next(
            (at for at, call in enumerate(run_calls(account)) if call == f"get_object {PLACE.capture_bucket} {key}"),
            None,
        )
        if at is not None:
            tried.append(hour)
        account.clock.advance(3600)
    assert tried == [0, 1, 3, 7, 14, 26, 38]


def run_calls(account: Account) -> list[str]:
    """The calls of a run to which S3 hands out no captured object."""
    calls: list[str] = []

    class Closed(Faulty):
        def __getattr__(self, name: str) -> Any:
            if name != "get_object":
                return super().__getattr__(name)

            def get(**options: Any) -> Any:
                calls.append(f"get_object {options['Bucket']} {options['Key']}")
                if options["Bucket"] == PLACE.capture_bucket:
                    raise build_refusal("AccessDenied")
                return self._real.get_object(**options)

            return get

    clients = replace(account.clients, s3=Closed(account.s3, [], None, OSError))
    result = DriftJob(clients, PLACE, DriftConfig(), account.clock).run(account.clock.now())
    assert result.failing_count == 1
    return calls


def test_an_object_that_may_not_be_read_is_named_and_costs_the_rest_of_its_hour_nothing(account: Account) -> None:
    account.capture(FIRST, file="a.jsonl")
    account.capture(FIRST, file="b.jsonl")
    account.capture(FIRST - timedelta(hours=1))
    _, calls = run(account, None)
    delete_reports(account)
    at = next(at for at, call in enumerate(calls) if call.endswith("b.jsonl"))
    result, _ = run(account, at, lambda: build_refusal("AccessDenied"))
    assert [(one.hour.hour, one.records_read, one.unreadable_objects) for one in result.hours] == [
        (8, 80, 1),
        (7, 80, 0),
    ]
    name = f"s3://{PLACE.capture_bucket}/capture/one/flights-1a2b/blue/{FIRST:%Y/%m/%d/%H}/b.jsonl"
    assert account.report(FIRST)["unreadable_objects"] == [name]
    assert name in account.read_stored()[f"drift/blue/{FIRST:%Y/%m/%d/%H}/1.html"].decode()
    assert any(name in problem and "AccessDenied: no more" in problem for problem in result.problems)
    account.clock.advance(3600)
    again, _ = run(account, None)
    assert [(one.hour.hour, one.records_read, one.unreadable_objects) for one in again.hours] == [(8, 160, 0)]
    assert account.report(FIRST)["unreadable_objects"] == []


def test_a_record_that_the_reader_cannot_take_is_one_reject(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    def values(*_: object) -> None:
        raise ZeroDivisionError

    good = line("1,AA,2\n")
    account.capture(FIRST, good, b"no record", good)
    monkeypatch.setattr("tidewatch.drift.counting.record_counter.extract_rows", values)
    (one,) = account.run().hours
    assert (one.records_read, one.records_rejected) == (3, 3)
    assert account.report(FIRST)["windows"]["hour"]["records"]["rejected"] == {"not_json": 1, "internal_error": 2}


@pytest.mark.parametrize(
    "harmful",
    [
        line('{"inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":"\\ud800"}]}'),
        line("1" * 80_000 + "x,AA,2\n"),
        line("REPLACED,AA,2\n").replace(b"REPLACED", b"\\ud800"),
    ],
)
def test_one_harmful_record_costs_its_hour_one_record(account: Account, harmful: bytes) -> None:
    account.capture(FIRST - timedelta(hours=1), *plain_lines(3), harmful)
    account.capture(FIRST)
    assert [(one.hour.hour, one.records_read, one.records_rejected) for one in account.run().hours] == [
        (8, 80, 0),
        (7, 4, 1),
    ]


def test_a_slow_hour_is_left_for_a_run_of_its_own(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest hour takes 300 seconds a block; a run has 400."""
    every = capture_hours(account, 2)
    slow = f"green/{FIRST:%Y/%m/%d/%H}"
    real = drift_run.read_blocks
    current: list[str] = []

    def open_object(s3: Any, bucket: str, key: str) -> Any:
        current[:] = [key]
        return s3.get_object(Bucket=bucket, Key=key)["Body"]

    def blocks(stream: Any) -> Iterator[Any]:
        for block in real(stream):
            account.clock.advance(300 if slow in current[0] else 1)
            yield block

    monkeypatch.setattr(drift_run, "open_object", open_object)
    monkeypatch.setattr(drift_run, "read_blocks", blocks)

    def short() -> JobResult:
        return account.run(deadline=account.clock.now() + timedelta(seconds=SHORT))

    first = short()
    assert list_judged_hours(first) == every - {("green", FIRST)}
    assert (first.failing_count, first.remaining_count) == (1, 0)
    assert any("longer than a run may spend" in problem for problem in first.problems)
    assert short().hours == ()
    account.clock.advance(3600)
    assert list_judged_hours(short()) == {("green", FIRST)}, "alone, it has the whole run"


@pytest.mark.parametrize(
    "raw",
    [b"[1]", b"{", b"\xff", b"null", reference(seed=1).encode().replace(b'"counts":[0,', b'"counts":[-7,', 1)],
    ids=["list", "cut", "bytes", "null", "negative"],
)
def test_a_wild_reference_leaves_the_other_variants_watched(account: Account, raw: bytes) -> None:
    capture_hours(account)
    manifest = f"flights/2/{'reference.json'}"
    listed = account.s3.list_objects_v2(Bucket=PLACE.registry_bucket)["Contents"]
    (key,) = [each["Key"] for each in listed if each["Key"].endswith("2/reference.json")]
    assert manifest in key
    account.s3.put_object(Bucket=PLACE.registry_bucket, Key=key, Body=raw)
    result = account.run()
    assert {variant for variant, _ in list_judged_hours(result)} == {"blue"}
    assert len(list_judged_hours(result)) == HOURS
    assert result.failing_count == HOURS, "each of green's, to be tried again"
    assert [one.variant for one in result.hours if one.insufficient and not one.report_url] == ["green"]


def test_a_version_that_is_gone_with_its_wild_reference_counts_for_a_day_at_most(account: Account) -> None:
    capture_hours(account)
    listed = account.s3.list_objects_v2(Bucket=PLACE.registry_bucket)["Contents"]
    (key,) = [each["Key"] for each in listed if each["Key"].endswith("2/reference.json")]
    sound = account.s3.get_object(Bucket=PLACE.registry_bucket, Key=key)["Body"].read()
    account.s3.put_object(Bucket=PLACE.registry_bucket, Key=key, Body=b"[1]")
    manifest = key.replace("reference", "manifest")
    described = json.loads(account.s3.get_object(Bucket=PLACE.registry_bucket, Key=manifest)["Body"].read())
    described["files"]["reference.json"] |= {"sha256": hashlib.sha256(b"[1]").hexdigest(), "size": 3}
    account.s3.put_object(Bucket=PLACE.registry_bucket, Key=manifest, Body=json.dumps(described).encode())
    failing: list[int] = []
    for _ in range(16):
        failing.append(account.run().failing_count)
        account.clock.advance(3600)
    assert failing[:11] == [HOURS] * 11, "it may be back, while nobody asked for twelve hours"
    assert failing[-1] == 0
    described["files"]["reference.json"] |= {"sha256": hashlib.sha256(sound).hexdigest(), "size": len(sound)}
    account.s3.put_object(Bucket=PLACE.registry_bucket, Key=manifest, Body=json.dumps(described).encode())
    account.s3.put_object(Bucket=PLACE.registry_bucket, Key=key, Body=sound)
    assert {(one.variant, one.hour) for one in account.run().hours if one.variant == "green"} == {
        ("green", FIRST - timedelta(hours=back)) for back in range(HOURS)
    }


NAIVE = "2026-03-02T08:00:00"
"""A time of no zone, which cannot be compared with one of a zone."""
ENTRY = {"hour": NAIVE, "variant": "blue", "configuration": "one", "fingerprint": "x"}


@pytest.mark.parametrize(
    "index",
    [
        b"\xff",
        b"[]",
        json.dumps({"hours": [ENTRY]}).encode(),
        json.dumps({"failed_hours": [{**ENTRY, "attempts": 1, "retry_at": NAIVE, "reason": ""}]}).encode(),
        json.dumps(
            {"latest_verdicts": {"blue": {"version": "1", "hour": NAIVE, "verdict": "", "severity": ""}}}
        ).encode(),
    ],
)
def test_an_index_of_another_form_is_begun_again(account: Account, index: bytes) -> None:
    account.capture(FIRST)
    account.s3.put_object(Bucket=PLACE.monitoring_bucket, Key="drift/index.json", Body=index)
    assert len(account.run().hours) == 1
    assert json.loads(account.read_stored()["drift/index.json"])["hours"]


def test_metrics_of_an_hour_are_told_before_the_next_one_is_read(account: Account) -> None:
    capture_hours(account)
    _, calls = run(account, None)
    delete_reports(account)
    last = max(at for at, call in enumerate(calls) if call.startswith(f"get_object {PLACE.capture_bucket}"))
    told: list[str] = []
    counted: list[str] = []
    clients: list[Any] = [Faulty(each, counted, last, Stop) for each in vars(account.clients).values()]
    working = DriftJob(DriftClients(*clients), PLACE, DriftConfig(), account.clock)
    with pytest.raises(Stop):
        working.run(account.clock.now(), on_hour=lambda hour: told.append(hour.variant))
    assert len(told) == len(VARIANTS) * HOURS - 1
