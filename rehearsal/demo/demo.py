"""The demo: takes a model from training through canary, promotion and rollback to a year of drift."""

from __future__ import annotations

import json
import math
import re
import shlex
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from cli.stack_config_file import StackConfigFile
from rehearsal.aws.sagemaker.replay import ReplayResult
from rehearsal.charts.page import write_report as write_game_day_page
from rehearsal.demo import commands
from rehearsal.demo.console import ProgressConsole, ProgressStep, pluralize
from rehearsal.demo.environment import ADVISORY, DemoEnvironment, RehearsalFailed
from rehearsal.demo.paths import FIRST_TRAFFIC, REHEARSAL
from rehearsal.demo.summary import (
    DemoSummary,
    DeploySummary,
    GameDaySummary,
    ModelSummary,
    ObservedSplit,
    OutOfBandSummary,
    PolicySummary,
    QuarantineSummary,
    ReceiptSummary,
    RollbackSummary,
)
from rehearsal.demo.workload import FIRST_VERSION, SECOND_VERSION, ModelVersion, Workload
from rehearsal.engine import DeploymentSummary as EngineSummary
from rehearsal.engine import OperationFailed
from rehearsal.gamedays.notification_queue import subscribe_temporarily
from rehearsal.gamedays.outcome import build_outcome, find_longest_own_seconds
from rehearsal.gamedays.scenarios.challenger import ERROR_SPIKE

REPLAY_REQUESTS = 1500
"""Requests of one replay: the standard error of a canary's 5 % is 0.6 percentage points."""

MAX_WAIT_MINUTES = 15
"""How long the demo waits for an alarm."""
BLUE, GREEN = "blue", "green"


@dataclass
class Demo:
    """The steps of the demo, in order, and their results."""

    env: DemoEnvironment
    console: ProgressConsole
    workload: Workload
    summary: DemoSummary = field(default_factory=DemoSummary)

    def run(self) -> DemoSummary:
        """Runs all steps. Raises RehearsalFailed, CommandFailed or OperationFailed if a step fails."""
        pool = ThreadPoolExecutor(1)
        try:
            self.workload.write_stack_file(self.env.paths)
            prepared_versions = pool.submit(self._prepare)
            empty = self._deploy_without_variants()
            self._publish(prepared_versions)
        finally:
            pool.shutdown(wait=False)
        self._deploy_first(empty)
        self._check_policies()
        self._deploy_canary()
        self._promote_to_half()
        incident = self._roll_back()
        self._check_quarantine(incident)
        self._check_out_of_band()
        self._run_game_day()
        self._run_drift()
        self.summary.write(self.env.paths.summary_file)
        return self.summary

    def _deploy_without_variants(self) -> EngineSummary:
        with self.console.run_step("pulumi up with no variants: registry, buckets, ledger") as step:
            result = self.env.up(step)
            step.outcome = result.description
        return result

    def _prepare(self) -> tuple[Sequence[ModelVersion], float]:
        """The versions, and the wall seconds that they took: the first `up` runs meanwhile."""
        began = time.perf_counter()
        return self.workload.prepare(self.env.paths.folder / "models"), time.perf_counter() - began

    def _publish(self, prepared_versions: Future[tuple[Sequence[ModelVersion], float]]) -> None:
        with self.console.run_step(self.workload.preparation_title) as step:
            versions, step.seconds = prepared_versions.result()
            step.outcome = "; ".join(
                f"{self.workload.name}/{version.version}: {version.description}" for version in versions
            )
        for version in versions:
            with self.console.run_step(f"tidewatch publish, version {version.version}") as step:
                step.outcome = self._run_tidewatch(_build_publish_command(version))
            manifest = commands.run_tidewatch(
                self.env.root, f"tidewatch models --json --stack {REHEARSAL}"
            ).parse_json()
            stored = next(each for each in manifest["versions"] if each["version"] == version.version)
            self.summary.models.append(
                ModelSummary(version.version, version.auc, stored["files"]["model.tar.gz"]["sha256"])
            )

    def _deploy_first(self, empty: EngineSummary) -> None:
        result = self._promote(FIRST_VERSION, None, FIRST_TRAFFIC)
        with self.console.run_step("pulumi up again") as step:
            again = self.env.up(step)
            step.outcome = again.description
        self._expect(
            not again.changed_steps, f"a second up changed {[resource.name for resource in again.changed_steps]}"
        )
        created = empty.op_counts["create"] + result.op_counts["create"]
        self.summary.deploy = DeploySummary(created, round(empty.seconds + result.seconds, 2), len(again.changed_steps))
        self.env.paths.request_file.write_bytes(self.workload.sample_request().body)
        split = self._replay_requests({BLUE: 1.0}, requests=200)
        self._expect(
            split.observed_shares == {BLUE: 1.0},
            f"blue is the only variant, but the answers came from {split.observed_shares}",
        )

    def _check_policies(self) -> None:
        """Turns data capture down, which the policy pack refuses, and takes the edit back."""
        file = self.env.paths.stack_file
        before, edited = file.read_text(), StackConfigFile.of(REHEARSAL)
        edited.ensure_section("tidewatch:endpoint")["captureSampling"] = 5
        edited.config.setdefault("tidewatch:policies", dict(ADVISORY))["capture-enabled"] = "mandatory"
        edited.save()
        try:
            with self.console.run_step("pulumi up with 5 % of the requests captured") as step:
                if not self.env.has_policies:
                    step.outcome = "not tried: the policy pack cannot run with this Python"
                    self.summary.policy = PolicySummary(False, "")
                    return
                message = self._expect_refusal(step)
                step.outcome = f"refused: {message}"
        finally:
            file.write_text(before)
        self._expect("capture-enabled" in message, f"the refusal does not name the policy: {message}")
        self.summary.policy = PolicySummary(True, message)

    def _deploy_canary(self) -> None:
        self._promote(SECOND_VERSION, None, "pulumi up: a canary of 5 %")
        self.summary.canary = self._replay_requests({BLUE: 0.95, GREEN: 0.05})

    def _promote_to_half(self) -> None:
        self._promote(SECOND_VERSION, 50, "pulumi up: half of the traffic")
        self.summary.promotion = self._replay_requests({BLUE: 0.5, GREEN: 0.5})

    def _roll_back(self) -> str:
        env = self.env
        line = env.outputs()["rollback"]["command"]
        operations, timings = len(env.control.operations()), len(env.control.function_timings())
        with self.console.run_step(f"Rolling back: {line}") as step:
            command = commands.run_aws(env.root, line)
            answer = command.parse_json()
            step.outcome = answer["message"]
        own_seconds = find_longest_own_seconds(env.control.function_timings()[timings:])
        platform_seconds = sum(operation["simulated_seconds"] for operation in env.control.operations()[operations:])
        self._expect(
            env.live_shares() == {BLUE: 1.0, GREEN: 0.0}, f"after the rollback the live split is {env.live_shares()}"
        )
        env.control.advance(60)  # the traffic is observed in the first whole minute after the flip
        split = self._replay_requests({BLUE: 1.0, GREEN: 0.0})
        self._expect(
            GREEN not in split.observed_shares, f"requests reached green after the rollback: {split.observed_shares}"
        )
        with self.console.run_step("Waiting for the minute's metrics, and the sweep that reads them") as step:
            receipt = self._wait_for_observed_traffic(answer["incident"])
            step.outcome = f"traffic observed after {receipt.traffic_observed_s} s of simulated time"
        with self.console.run_step("pulumi up after the rollback") as step:
            result = env.up(step)
            step.outcome = result.description
        self._expect(
            not result.changed_steps,
            f"the up after the rollback changed {[resource.name for resource in result.changed_steps]}",
        )
        reached_count = round(split.observed_shares.get(GREEN, 0.0) * split.requests)
        self.summary.rollback = RollbackSummary(
            answer["incident"],
            receipt,
            reached_count,
            platform_seconds,
            round(own_seconds, 3),
            round(command.seconds, 2),
            len(result.changed_steps),
        )
        return str(answer["incident"])

    def _wait_for_observed_traffic(self, incident: str) -> ReceiptSummary:
        """Advances the clock until a sweep has observed the traffic.

        Metrics arrive late, and the sweep runs each minute.
        """
        bucket, receipt = self.env.outputs()["buckets"]["monitoring"], dict[str, float | None]()
        for _ in range(6):
            self.env.control.advance(60)
            self.env.control.wait_for_functions()
            stored = self.env.get_client("s3").get_object(Bucket=bucket, Key=f"incidents/{incident}.json")
            receipt = json.load(stored["Body"])["receipt"]
            if receipt["traffic_observed_s"] is not None:
                return ReceiptSummary(**{key: seconds and round(seconds, 3) for key, seconds in receipt.items()})
        raise RehearsalFailed(f"no sweep observed the traffic within six minutes of {incident}: {receipt}")

    def _check_quarantine(self, incident: str) -> None:
        self._run_tidewatch(f"tidewatch promote {self.workload.name}/{SECOND_VERSION} --weight 60 --stack {REHEARSAL}")
        with self.console.run_step("pulumi up with green raised to 60 %, over the open incident") as step:
            message = self._expect_refusal(step)
            step.outcome = f"refused: {message}"
        self._expect(incident in message, f"the refusal does not name {incident}: {message}")
        self._run_tidewatch(f"tidewatch acknowledge {incident} --stack {REHEARSAL}")
        with self.console.run_step(f"tidewatch acknowledge {incident}, pulumi up") as step:
            step.outcome = self.env.up(step).description
        accepted = math.isclose(self.env.live_shares().get(GREEN, 0.0), 0.6, abs_tol=1e-4)
        self._expect(accepted, f"after the acknowledgement the live split is {self.env.live_shares()}")
        self.summary.quarantine = QuarantineSummary(True, message, accepted)

    def _check_out_of_band(self) -> None:
        env = self.env
        with self.console.run_step("Somebody sets green to 90 % in the console") as step:
            self._set_weights_out_of_band({BLUE: 1.0, GREEN: 9.0})
            incidents = [incident for incident in env.traffic().open_incidents() if incident.kind == "out_of_band"]
            step.outcome = incidents[-1].reason if incidents else "not detected"
        self._expect(bool(incidents), "the out-of-band change opened no incident")
        self._run_tidewatch(f"tidewatch promote {self.workload.name}/{SECOND_VERSION} --weight 50 --stack {REHEARSAL}")
        with self.console.run_step("pulumi up with another split") as step:
            message = self._expect_refusal(step)
            step.outcome = f"refused: {message}"
        self._expect(incidents[-1].id in message, f"the refusal does not name {incidents[-1].id}: {message}")
        self.summary.out_of_band = OutOfBandSummary(True, message)
        self._wait_for_alarm("traffic-changed")
        self.console.print_command(commands.run_tidewatch(env.root, f"tidewatch status --stack {REHEARSAL}"))
        self._run_tidewatch(f"tidewatch acknowledge {incidents[-1].id} --stack {REHEARSAL}")
        with self.console.run_step(
            f"tidewatch acknowledge {incidents[-1].id}, pulumi up: half of the traffic each"
        ) as step:
            step.outcome = self.env.up(step).description

    def _run_game_day(self) -> None:
        """Runs the first game day on this account; here the alarm starts the rollback."""
        env, scenario = self.env, ERROR_SPIKE
        with self.console.run_step(f"Game day: {scenario.requirement[0].lower()}{scenario.requirement[1:]}") as step:
            harness = self.workload.create_harness(env)
            with subscribe_temporarily(harness.outputs) as harness.queue_url:
                scenario.run(harness)
                outcome = build_outcome(scenario.name, scenario.requirement, scenario.expected_result, harness)
            step.outcome = (
                f"{outcome.observed_result}; alarm after {outcome.detect_s or 0:.0f} s, "
                f"flipped after {outcome.flip_s or 0:.0f} s"
            )
        write_game_day_page([outcome], env.paths.report_file)
        self._expect(outcome.passed, f"the game day did not end as expected: {outcome.observed_result}")
        self.summary.game_day = GameDaySummary.of(outcome, str(env.paths.report_file.relative_to(env.root)))
        for incident in harness.incidents():
            self._run_tidewatch(f"tidewatch acknowledge {incident.id} --stack {REHEARSAL}")
        env.control.clear()
        self._promote(SECOND_VERSION, 40, "pulumi up: the challenger is back after the acknowledgement")

    def _run_drift(self) -> None:
        summary = self.summary.drift = self.workload.run_drift(self.env, self.console)
        records = summary.records
        self._expect(
            summary.captured_count == records.read == records.parsed + records.rejected,
            f"{summary.captured_count} records were captured, but the reports account for {records}",
        )

    def _set_weights_out_of_band(self, weights: dict[str, float]) -> None:
        self.env.get_client("sagemaker").update_endpoint_weights_and_capacities(
            EndpointName=self.env.outputs()["endpoint"]["name"],
            DesiredWeightsAndCapacities=[{"VariantName": s, "DesiredWeight": w} for s, w in weights.items()],
        )
        self.env.control.advance(120)
        self.env.control.wait_for_functions()

    def _wait_for_alarm(self, key: str) -> None:
        """Advances the clock until the alarm fires, so that the next output shows it on a machine of any speed."""
        name, cloudwatch = self.env.outputs()["alarms"]["names"][key], self.env.get_client("cloudwatch")
        for _ in range(MAX_WAIT_MINUTES):
            page = cloudwatch.describe_alarms(AlarmNames=[name], AlarmTypes=["MetricAlarm", "CompositeAlarm"])
            if any(alarm["StateValue"] == "ALARM" for alarm in (*page["MetricAlarms"], *page["CompositeAlarms"])):
                return
            self.env.control.advance(60)
            self.env.control.wait_for_functions()
        raise RehearsalFailed(f"the alarm {key} did not fire within {MAX_WAIT_MINUTES} minutes")

    def _promote(self, version: str, weight: int | None, step_title: str) -> EngineSummary:
        share = "" if weight is None else f" --weight {weight}"
        self._run_tidewatch(f"tidewatch promote {self.workload.name}/{version}{share} --stack {REHEARSAL}")
        with self.console.run_step(f"tidewatch promote {self.workload.name}/{version}{share}, {step_title}") as step:
            result = self.env.up(step)
            step.outcome = result.description
        return result

    def _run_tidewatch(self, line: str) -> str:
        return commands.run_tidewatch(self.env.root, line).output.strip().splitlines()[0]

    def _expect_refusal(self, step: ProgressStep) -> str:
        try:
            self.env.up(step)
        except OperationFailed as refused:
            return " ".join(map(_strip_resource, refused.errors))
        raise RehearsalFailed("an `up` that must be refused succeeded")

    def _replay_requests(self, declared_shares: dict[str, float], requests: int = REPLAY_REQUESTS) -> ObservedSplit:
        """Sends the next requests.

        Raises RehearsalFailed unless the observed shares lie within five standard errors of the declared ones.
        """
        endpoint = self.env.outputs()["endpoint"]["name"]
        with self.console.run_step(
            f"Replaying {self.workload.requests_name}: {pluralize(requests, 'request')}"
        ) as step:
            replayed = self.workload.send_requests(self.env.get_client("sagemaker-runtime"), endpoint, requests)
            step.outcome = f"{_format_shares(replayed)}; p99 {replayed.get_latency_percentile(99) * 1000:.0f} ms"
        self._expect(not replayed.errors, f"requests failed: {replayed.errors}")
        for variant, share in declared_shares.items():
            error = 5 * math.sqrt(share * (1 - share) / requests)
            self._expect(
                abs(replayed.get_share(variant) - share) <= error,
                f"{variant} is declared {share:.1%}: {_format_shares(replayed)}",
            )
        observed = {variant: round(replayed.get_share(variant), 4) for variant in sorted(replayed.by_variant)}
        return ObservedSplit(declared_shares, observed, replayed.requests)

    def _expect(self, condition: bool, failure: str) -> None:
        if not condition:
            raise RehearsalFailed(failure)


def _build_publish_command(version: ModelVersion) -> str:
    """The command line that publishes a version."""
    words = [
        *(
            "tidewatch",
            "publish",
            str(version.artifact),
            "--version",
            version.version,
            "--lineage",
            str(version.lineage),
        ),
        *("--card", str(version.card), "--reference", str(version.reference), "--stack", REHEARSAL),
        *(("--image", version.image) if version.image else ()),
    ]
    return shlex.join(words)


def _strip_resource(error: str) -> str:
    """An error of the program without its resource prefix, `pulumi-python:dynamic/...:Gate (gate): `."""
    return re.sub(r"^[a-z][\w-]*:\S+ \([^)]*\): ", "", error)


def _format_shares(replayed: ReplayResult) -> str:
    return ", ".join(f"{variant} {replayed.get_share(variant):.1%}" for variant in sorted(replayed.by_variant))
