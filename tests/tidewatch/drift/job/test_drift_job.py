"""The hourly job over a bucket of capture files: each hour read once and whole, again where its files changed."""

import gzip
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest

from rehearsal.aws import simulate_aws
from rehearsal.simulated_clock import ManualClock
from tests.rehearsal.aws.account import LAYOUT, from_events, pack_model
from tests.stacks.deployed_program import DESCRIPTION
from tests.tidewatch.drift.drift_records import line, plain_lines, reference
from tidewatch.aws.lease import LeaseTable
from tidewatch.drift.job.drift_job import DriftJob
from tidewatch.drift.job.models import DriftClients, DriftConfig, DriftResources, JobResult
from tidewatch.drift.storage_layout import build_control_key
from tidewatch.registry import ModelRegistry

PLACE = DriftResources(
    "tidewatch/dev/flights",
    "flights",
    "flights-1a2b",
    "flights-captured",
    "capture",
    "flights-monitoring",
    "flights-registry",
    "control",
)
FIRST = datetime(2026, 3, 2, 8, tzinfo=UTC)
EVENTS = "arn:aws:sqs:us-east-1:123456789012:events"


class Account:
    """Buckets with two published versions, and the job as it runs in them."""

    def __init__(self, clock: ManualClock, folder: Path) -> None:
        self.clock = clock
        self.s3, self.sqs = boto3.client("s3"), boto3.client("sqs")
        self.clients = DriftClients(self.s3, boto3.client("dynamodb"), boto3.client("events"))
        for bucket in (PLACE.capture_bucket, PLACE.monitoring_bucket, PLACE.registry_bucket):
            self.s3.create_bucket(Bucket=bucket)
        keys = (("stack", "HASH"), ("key", "RANGE"))
        self.clients.dynamodb.create_table(
            TableName="control",
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind in keys],  # type: ignore[misc]
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name, _ in keys],
        )
        artifact, stored = folder / "model.tar.gz", folder / "reference.json"
        artifact.write_bytes(pack_model(LAYOUT))
        for version, seed in (("1", 1), ("2", 2)):
            stored.write_bytes(reference(seed=seed).encode())
            ModelRegistry(self.s3, PLACE.registry_bucket, "flights").publish(
                version, artifact, DESCRIPTION, reference=stored
            )
        ModelRegistry(self.s3, PLACE.registry_bucket, "flights").publish("3", artifact, DESCRIPTION)
        self.deploy("one", blue="1", green="2")
        policy: Any = {"Policy": from_events(EVENTS)}
        self.queue = self.sqs.create_queue(QueueName="events", Attributes=policy)["QueueUrl"]
        self.clients.events.put_rule(Name="drift", EventPattern=json.dumps({"source": ["tidewatch"]}))
        self.clients.events.put_targets(Rule="drift", Targets=[{"Id": "1", "Arn": EVENTS}])

    def deploy(self, configuration: str, **versions: str) -> None:
        variants = {variant: {"version": version} for variant, version in versions.items()}
        body = json.dumps({"schema": 1, "configuration": configuration, "variants": variants})
        self.s3.put_object(Bucket=PLACE.monitoring_bucket, Key=f"deployments/{configuration}.json", Body=body)

    def capture(
        self, hour: datetime, *lines: bytes, variant: str = "blue", configuration: str = "one", file: str = "a.jsonl"
    ) -> None:
        key = f"capture/{configuration}/flights-1a2b/{variant}/{hour:%Y/%m/%d/%H}/{file}"
        body = b"\n".join(lines or plain_lines(80)) + b"\n"
        self.s3.put_object(
            Bucket=PLACE.capture_bucket, Key=key, Body=gzip.compress(body) if file.endswith("gz") else body
        )

    def run(self, plan: DriftConfig | None = None, **options: Any) -> JobResult:
        return DriftJob(self.clients, PLACE, plan or DriftConfig(), self.clock).run(self.clock.now(), **options)

    def read_stored(self) -> dict[str, bytes]:
        listed = self.s3.list_objects_v2(Bucket=PLACE.monitoring_bucket, Prefix="drift/").get("Contents", [])
        return {
            one["Key"]: self.s3.get_object(Bucket=PLACE.monitoring_bucket, Key=one["Key"])["Body"].read()
            for one in listed
        }

    def report(self, hour: datetime, version: str = "1", variant: str = "blue") -> dict[str, Any]:
        return json.loads(self.read_stored()[f"drift/{variant}/{hour:%Y/%m/%d/%H}/{version}.json"])

    def events(self) -> list[dict[str, Any]]:
        found = self.sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10).get("Messages", [])
        for message in found:
            self.sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])
        return [json.loads(message["Body"])["detail"] for message in found]


@pytest.fixture
def account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with simulate_aws(FIRST + timedelta(hours=1, minutes=20)) as clock:
        yield Account(clock, tmp_path)


def hours(result: JobResult) -> list[tuple[str, int]]:
    return [(one.variant, one.hour.hour) for one in result.hours]


def test_an_hour_is_read_once(account: Account) -> None:
    account.capture(FIRST)
    (one,) = account.run().hours
    assert (one.records_read, one.records_rejected, one.rows, one.version) == (80, 0, 80, "1")
    assert account.run().hours == ()


def test_reading_an_hour_again_writes_the_same_bytes(account: Account) -> None:
    account.capture(FIRST, *plain_lines(60), b"no record")
    account.run()
    before = account.read_stored()
    assert hours(account.run(only_hour=FIRST)) == [("blue", 8)]
    assert account.read_stored() == before


def test_an_hour_is_read_only_after_its_lag(account: Account) -> None:
    account.capture(FIRST)
    account.capture(FIRST + timedelta(hours=1))
    assert hours(account.run()) == [("blue", 8)]
    assert hours(account.run(DriftConfig(lag_minutes=21))) == []
    account.clock.advance(3600)
    assert hours(account.run()) == [("blue", 9)]


def test_missed_hours_are_caught_up_newest_first_within_reach(account: Account) -> None:
    for back in (0, 1, 5, 80):
        account.capture(FIRST - timedelta(hours=back))
    assert hours(account.run()) == [("blue", 8), ("blue", 7), ("blue", 3)]
    assert account.report(FIRST)["windows"]["day"]["rows"] == 240, "the newest report holds what was read after it"


def test_a_late_file_brings_its_hour_and_the_later_reports_up_to_date(account: Account) -> None:
    account.capture(FIRST - timedelta(hours=2))
    account.capture(FIRST)
    account.run()
    assert account.report(FIRST)["windows"]["day"]["rows"] == 160
    account.capture(FIRST - timedelta(hours=2), file="late.jsonl")
    assert hours(account.run()) == [("blue", 6)]
    assert account.report(FIRST)["windows"]["day"]["rows"] == 240
    assert account.report(FIRST)["windows"]["hour"]["rows"] == 80


def test_missing_hours_are_shown(account: Account) -> None:
    account.capture(FIRST - timedelta(hours=2))
    account.capture(FIRST)
    account.run()
    day = account.report(FIRST)["windows"]["day"]
    assert len(day["missing_hours"]) == 22


def test_time_that_runs_out_leaves_hours_for_the_next_run(account: Account) -> None:
    account.capture(FIRST - timedelta(hours=1))
    account.capture(FIRST)
    late = account.run(deadline=account.clock.now() + timedelta(seconds=5))
    assert (late.hours, late.remaining_count) == ((), 2)
    assert len(account.run().hours) == 2


def test_one_run_at_a_time(account: Account) -> None:
    account.capture(FIRST)
    leases = LeaseTable(
        account.clients.dynamodb, PLACE.control_table, build_control_key(PLACE.stack_key), account.clock
    )
    lease = leases.acquire("drift", 900)
    assert lease is not None
    assert account.run().skipped
    leases.release("drift", lease)
    assert not account.run().skipped


def test_a_run_that_fails_gives_its_lease_back(account: Account) -> None:
    account.capture(FIRST)
    nowhere = replace(PLACE, monitoring_bucket="flights-nowhere")
    failed = DriftJob(account.clients, nowhere, DriftConfig(), account.clock).run(account.clock.now())
    assert failed.hours == ()
    assert failed.failing_count == 1
    assert any("NoSuchBucket" in problem for problem in failed.problems)
    assert len(account.run().hours) == 1


def test_a_deployments_document_that_cannot_be_read_stops_no_run(account: Account) -> None:
    account.capture(FIRST)
    account.s3.put_object(Bucket=PLACE.monitoring_bucket, Key="deployments/one.json", Body=b"{}")
    (problem,) = account.run().problems
    assert "deployments/one.json" in problem
    account.deploy("one", blue="1")
    assert len(account.run().hours) == 1


def test_records_of_no_known_version_are_told_and_stop_nothing(account: Account) -> None:
    account.capture(FIRST, configuration="unknown")
    account.capture(FIRST)
    account.deploy("three", green="3")
    account.capture(FIRST, configuration="three", variant="green")
    result = account.run()
    assert [(one.variant, one.version, one.insufficient) for one in result.hours] == [
        ("blue", "1", False),
        ("green", "3", True),
    ], "a metric says that nobody watches green"
    assert len(result.problems) == 2
    assert "deployments/unknown.json" in result.problems[0]
    assert "version 3" in result.problems[1]
    assert "reference.json" in result.problems[1]


def test_binary_junk_is_accounted_for(account: Account) -> None:
    account.capture(FIRST, b"\x00\x01\xff", *plain_lines(60), b"\x1f\x8b")
    (one,) = account.run().hours
    assert (one.records_read, one.records_rejected) == (62, 2)
    assert {each["reason"] for each in account.report(FIRST)["reject_examples"]} <= {
        "not_utf8",
        "not_json",
        "truncated",
    }


def test_compressed_files_are_read(account: Account) -> None:
    account.capture(FIRST, file="a.jsonl.gz")
    assert account.run().hours[0].rows == 80


def test_each_variant_is_judged_against_the_version_it_held(account: Account) -> None:
    account.capture(FIRST)
    account.capture(FIRST, variant="green")
    assert [(one.variant, one.version) for one in account.run().hours] == [("blue", "1"), ("green", "2")]


def test_the_hour_of_a_change_belongs_to_both_versions(account: Account) -> None:
    account.deploy("two", blue="2", green="2")
    account.capture(FIRST, *plain_lines(60))
    account.capture(FIRST, *plain_lines(70), configuration="two")
    account.run()
    assert account.report(FIRST, "1")["windows"]["hour"]["rows"] == 60
    assert account.report(FIRST, "2")["windows"]["hour"]["rows"] == 70


def test_another_configuration_with_the_same_version_goes_on_with_its_windows(account: Account) -> None:
    account.deploy("two", blue="1", green="1")
    account.capture(FIRST - timedelta(hours=1), *plain_lines(60))
    account.capture(FIRST, *plain_lines(70), configuration="two")
    account.run()
    assert account.report(FIRST)["windows"]["day"]["rows"] == 130


def test_a_change_of_the_verdict_is_told_once(account: Account) -> None:
    account.capture(FIRST)
    account.run()
    (first,) = account.events()
    assert (first["previous"], first["variant"], first["version"]) == (None, "blue", "1")
    account.clock.advance(3600)
    account.capture(FIRST + timedelta(hours=1))
    account.run()
    assert account.events() == []
    account.clock.advance(3600)
    account.capture(FIRST + timedelta(hours=2), *[line("90000,UA,500\n", "0.99")] * 400)
    account.run()
    (changed,) = account.events()
    assert (changed["previous"]["verdict"], changed["current"]["verdict"]) == (first["current"]["verdict"], "drift")


def test_the_same_weekday_of_the_week_before_stands_beside_it(account: Account) -> None:
    account.capture(FIRST)
    account.run()
    assert account.report(FIRST)["week_before"] is None
    account.clock.advance(7 * 24 * 3600)
    week = FIRST + timedelta(days=7)
    account.capture(week)
    account.run()
    assert account.report(week)["week_before"]["rows"] == 80


def test_an_hour_whose_profile_was_damaged_is_read_again(account: Account) -> None:
    account.capture(FIRST)
    account.run()
    (profile,) = (key for key in account.read_stored() if key.endswith(".profile"))
    whole = account.read_stored()[profile]
    account.s3.put_object(Bucket=PLACE.monitoring_bucket, Key=profile, Body=b"damaged")
    account.clock.advance(3600)
    account.capture(FIRST + timedelta(hours=1))
    assert hours(account.run()) == [("blue", 9)]
    assert hours(account.run()) == [("blue", 8)]
    assert account.read_stored()[profile] == whole
    assert account.report(FIRST + timedelta(hours=1))["windows"]["day"]["rows"] == 160


def test_an_index_that_cannot_be_read_is_made_again(account: Account) -> None:
    account.capture(FIRST)
    account.run()
    before = account.read_stored()
    account.s3.put_object(Bucket=PLACE.monitoring_bucket, Key="drift/index.json", Body=b"damaged")
    assert hours(account.run()) == [("blue", 8)]
    assert account.read_stored() == before


def test_the_index_forgets_hours_beyond_its_reach(account: Account) -> None:
    account.capture(FIRST)
    account.run()
    account.clock.advance(30 * 24 * 3600)
    account.capture(FIRST + timedelta(days=30))
    account.run()
    index = json.loads(account.read_stored()["drift/index.json"])
    assert [entry["hour"] for entry in index["hours"]] == ["2026-04-01T08:00:00Z"]


def test_an_old_hour_that_is_read_again_writes_what_it_wrote(account: Account) -> None:
    for days in range(0, 12, 2):
        account.clock.advance_to(FIRST + timedelta(days=days, hours=1, minutes=20))
        account.capture(FIRST + timedelta(days=days))
        account.run(DriftConfig(look_back_hours=3))
    before = account.read_stored()
    account.run(DriftConfig(look_back_hours=3), only_hour=FIRST + timedelta(days=2))
    after = account.read_stored()
    assert {key: after[key] for key in before if "index" not in key} == {
        key: before[key] for key in before if "index" not in key
    }
