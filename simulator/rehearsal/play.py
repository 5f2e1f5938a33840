"""The story that a rehearsal tells: a model from training to canary, promotion, rollback, and what comes after."""

from __future__ import annotations

import json
import math
import re
import shlex
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from simulator.engine import DeploymentFailed
from simulator.engine import Summary as Deployed
from simulator.rehearsal import commands
from simulator.rehearsal.home import FIRST_TRAFFIC, REHEARSAL
from simulator.rehearsal.material import FIRST, SECOND, Material, Version
from simulator.rehearsal.screen import Screen, Step, amount
from simulator.rehearsal.stage import RehearsalFailed, Stage
from simulator.rehearsal.summary import Deploy, GameDay, Latch, Model, Observed, OutOfBand, Receipt, RolledBack, Summary
from simulator.replay import Replayed
from simulator.report.page import write as report
from simulator.scenarios.challenger import ERROR_SPIKE
from simulator.scenarios.listening import listening
from simulator.scenarios.telling import told

REPLAYED = 1500
"""Requests of one replay: 0.6 points of standard error at a canary's 5 %."""

LONGEST_WAIT = 15
"""Minutes, for an alarm."""
BLUE, GREEN = "blue", "green"


@dataclass
class Play:
    """The acts, in order, and what they showed."""

    stage: Stage
    screen: Screen
    material: Material
    summary: Summary = field(default_factory=Summary)

    def run(self) -> Summary:
        """Plays all acts. Raises RehearsalFailed, CommandFailed or DeploymentFailed where one goes wrong."""
        pool = ThreadPoolExecutor(1)
        try:
            self.material.furnish(self.stage.home)
            prepared = pool.submit(self.material.prepare, self.stage.home.folder / "models")
            empty = self._deploy_without_variants()
            self._publish(prepared)
        finally:
            pool.shutdown(wait=False)
        self._deploy_first(empty)
        self._canary()
        self._promotion()
        incident = self._rollback()
        self._latch(incident)
        self._out_of_band()
        self._game_day()
        self._drift()
        self.summary.write(self.stage.home.summary)
        return self.summary

    def _deploy_without_variants(self) -> Deployed:
        with self.screen.step("pulumi up with no variants: registry, buckets, ledger") as step:
            done = self.stage.up(step)
            step.done = done.told
        return done

    def _publish(self, prepared: Future[Sequence[Version]]) -> None:
        with self.screen.step(self.material.preparing) as step:
            versions = prepared.result()
            step.done = "; ".join(f"{self.material.name}/{one.version}: {one.told}" for one in versions)
        for one in versions:
            with self.screen.step(f"tidewatch publish, version {one.version}") as step:
                step.done = self._type(_publishing(one))
            manifest = commands.tidewatch(self.stage.root, f"tidewatch models --json --stack {REHEARSAL}").json()
            stored = next(each for each in manifest["versions"] if each["version"] == one.version)
            self.summary.models.append(Model(one.version, one.auc, stored["files"]["model.tar.gz"]["sha256"]))

    def _deploy_first(self, empty: Deployed) -> None:
        served = self._promote(FIRST, None, FIRST_TRAFFIC)
        with self.screen.step("pulumi up again") as step:
            again = self.stage.up(step)
            step.done = again.told
        self._expect(not again.changed, f"a second up changed {[one.name for one in again.changed]}")
        created = empty.changes["create"] + served.changes["create"]
        self.summary.deploy = Deploy(created, round(empty.seconds + served.seconds, 2), len(again.changed))
        seen = self._replay({BLUE: 1.0}, requests=200)
        self._expect(seen.observed == {BLUE: 1.0}, f"blue is alone, yet the answers came from {seen.observed}")

    def _canary(self) -> None:
        self._promote(SECOND, None, "pulumi up: a canary of 5 %")
        self.summary.canary = self._replay({BLUE: 0.95, GREEN: 0.05})

    def _promotion(self) -> None:
        self._promote(SECOND, 50, "pulumi up: half of the traffic")
        self.summary.promotion = self._replay({BLUE: 0.5, GREEN: 0.5})

    def _rollback(self) -> str:
        stage = self.stage
        line = stage.outputs()["rollback"]["command"]
        operations = len(stage.control.operations())
        with self.screen.step(f"Rolling back: {line}") as step:
            ran = commands.aws(stage.root, line)
            answer = ran.json()
            step.done = answer["message"]
        timings = stage.control.function_timings()
        own = next(one["own_seconds"] for one in reversed(timings) if one["slept_seconds"] > 0)  # it waited for weights
        platform = sum(one["stated_seconds"] for one in stage.control.operations()[operations:])
        self._expect(stage.live() == {BLUE: 1.0, GREEN: 0.0}, f"after the rollback the live split is {stage.live()}")
        stage.control.advance(60)  # traffic is observed in a whole minute after the flip
        after = self._replay({BLUE: 1.0, GREEN: 0.0})
        self._expect(GREEN not in after.observed, f"requests reached green after the rollback: {after.observed}")
        with self.screen.step("Waiting for the minute's metrics, and the sweep that reads them") as step:
            receipt = self._observed_traffic(answer["incident"])
            step.done = f"traffic observed after {receipt.traffic_observed_s} s of simulated time"
        with self.screen.step("pulumi up after the rollback") as step:
            done = stage.up(step)
            step.done = done.told
        self._expect(not done.changed, f"the up after the rollback changed {[one.name for one in done.changed]}")
        reached = round(after.observed.get(GREEN, 0.0) * after.requests)
        self.summary.rollback = RolledBack(
            answer["incident"], receipt, reached, platform, round(own, 3), round(ran.seconds, 2), len(done.changed)
        )
        return str(answer["incident"])

    def _observed_traffic(self, incident: str) -> Receipt:
        """Moves the clock past the next whole minutes; metrics arrive late, and the sweep runs each minute."""
        bucket, receipt = self.stage.outputs()["buckets"]["monitoring"], dict[str, float | None]()
        for _ in range(6):
            self.stage.control.advance(60)
            self.stage.control.wait_for_functions()
            written = self.stage.client("s3").get_object(Bucket=bucket, Key=f"incidents/{incident}.json")
            receipt = json.load(written["Body"])["receipt"]
            if receipt["traffic_observed_s"] is not None:
                return Receipt(**{key: seconds and round(seconds, 3) for key, seconds in receipt.items()})
        raise RehearsalFailed(f"six minutes after {incident} no sweep had observed the traffic: {receipt}")

    def _latch(self, incident: str) -> None:
        self._type(f"tidewatch promote {self.material.name}/{SECOND} --weight 60 --stack {REHEARSAL}")
        with self.screen.step("pulumi up with green raised to 60 %, over the open incident") as step:
            message = self._refused(step)
            step.done = f"refused: {message}"
        self._expect(incident in message, f"the refusal does not name {incident}: {message}")
        self._type(f"tidewatch acknowledge {incident} --stack {REHEARSAL}")
        with self.screen.step(f"tidewatch acknowledge {incident}, pulumi up") as step:
            step.done = self.stage.up(step).told
        accepted = math.isclose(self.stage.live().get(GREEN, 0.0), 0.6, abs_tol=1e-4)
        self._expect(accepted, f"after the acknowledgement the live split is {self.stage.live()}")
        self.summary.latch = Latch(True, message, accepted)

    def _out_of_band(self) -> None:
        stage = self.stage
        with self.screen.step("Somebody sets green to 90 % in the console") as step:
            self._behind_its_back({BLUE: 1.0, GREEN: 9.0})
            found = [one for one in stage.traffic().incidents() if one.kind == "observed"]
            step.done = found[-1].reason if found else "nobody noticed"
        self._expect(bool(found), "the flip behind its back opened no incident")
        self._type(f"tidewatch promote {self.material.name}/{SECOND} --weight 50 --stack {REHEARSAL}")
        with self.screen.step("pulumi up with another split") as step:
            message = self._refused(step)
            step.done = f"refused: {message}"
        self._expect(found[-1].id in message, f"the refusal does not name {found[-1].id}: {message}")
        self.summary.out_of_band = OutOfBand(True, message)
        self._until_in_alarm("traffic-changed")
        self.screen.say(commands.tidewatch(stage.root, f"tidewatch status --stack {REHEARSAL}"))
        self._type(f"tidewatch acknowledge {found[-1].id} --stack {REHEARSAL}")
        with self.screen.step(f"tidewatch acknowledge {found[-1].id}, pulumi up: half of the traffic each") as step:
            step.done = self.stage.up(step).told

    def _game_day(self) -> None:
        """The first of the game days, played on this account: nobody rolls back by hand this time."""
        stage, day = self.stage, ERROR_SPIKE
        with self.screen.step(f"Game day: {day.states[0].lower()}{day.states[1:]}") as step:
            scene = self.material.scene(stage)
            with listening(scene.outputs) as scene.pages:
                day.play(scene)
                outcome = told(day.name, day.states, day.expected, scene)
            step.done = (
                f"{outcome.seen}; alarm after {outcome.detect_s or 0:.0f} s, flipped after {outcome.flip_s or 0:.0f} s"
            )
        report([outcome], stage.home.report)
        self._expect(outcome.passed, f"the game day did not end as it must: {outcome.seen}")
        self.summary.game_day = GameDay.of(outcome, str(stage.home.report.relative_to(stage.root)))
        for incident in scene.incidents():
            self._type(f"tidewatch acknowledge {incident.id} --stack {REHEARSAL}")
        stage.control.clear()
        self._promote(SECOND, 40, "pulumi up: the challenger is back, once somebody has looked")

    def _drift(self) -> None:
        seen = self.summary.drift = self.material.drift(self.stage, self.screen)
        records = seen.records
        self._expect(
            seen.captured == records.read == records.parsed + records.rejected,
            f"{seen.captured} records were captured, and the reports account for {records}",
        )

    def _behind_its_back(self, weights: dict[str, float]) -> None:
        self.stage.client("sagemaker").update_endpoint_weights_and_capacities(
            EndpointName=self.stage.outputs()["endpoint"]["name"],
            DesiredWeightsAndCapacities=[{"VariantName": s, "DesiredWeight": w} for s, w in weights.items()],
        )
        self.stage.control.advance(120)
        self.stage.control.wait_for_functions()

    def _until_in_alarm(self, key: str) -> None:
        """Lets minutes pass, so that what is shown next shows the alarm, however fast this machine is."""
        name, cloudwatch = self.stage.outputs()["alarms"]["names"][key], self.stage.client("cloudwatch")
        for _ in range(LONGEST_WAIT):
            found = cloudwatch.describe_alarms(AlarmNames=[name], AlarmTypes=["MetricAlarm", "CompositeAlarm"])
            if any(one["StateValue"] == "ALARM" for one in (*found["MetricAlarms"], *found["CompositeAlarms"])):
                return
            self.stage.control.advance(60)
            self.stage.control.wait_for_functions()
        raise RehearsalFailed(f"the alarm {key} did not fire within {LONGEST_WAIT} minutes")

    def _promote(self, version: str, weight: int | None, what: str) -> Deployed:
        share = "" if weight is None else f" --weight {weight}"
        self._type(f"tidewatch promote {self.material.name}/{version}{share} --stack {REHEARSAL}")
        with self.screen.step(f"tidewatch promote {self.material.name}/{version}{share}, {what}") as step:
            done = self.stage.up(step)
            step.done = done.told
        return done

    def _type(self, line: str) -> str:
        return commands.tidewatch(self.stage.root, line).said.strip().splitlines()[0]

    def _refused(self, step: Step) -> str:
        try:
            self.stage.up(step)
        except DeploymentFailed as refused:
            return " ".join(map(_sentence, refused.errors))
        raise RehearsalFailed("an up that had to be refused went through")

    def _replay(self, declared: dict[str, float], requests: int = REPLAYED) -> Observed:
        """Sends the next requests; the observed shares must lie within five standard errors of the declared ones."""
        endpoint = self.stage.outputs()["endpoint"]["name"]
        with self.screen.step(f"Replaying {self.material.asked}: {amount(requests, 'request')}") as step:
            seen = self.material.ask(self.stage.client("sagemaker-runtime"), endpoint, requests)
            step.done = f"{_shares(seen)}; p99 {seen.latency(99) * 1000:.0f} ms"
        self._expect(not seen.errors, f"requests failed: {seen.errors}")
        for slot, share in declared.items():
            error = 5 * math.sqrt(share * (1 - share) / requests)
            self._expect(abs(seen.share(slot) - share) <= error, f"{slot} is declared {share:.1%}: {_shares(seen)}")
        observed = {slot: round(seen.share(slot), 4) for slot in sorted(seen.by_variant)}
        return Observed(declared, observed, seen.requests)

    def _expect(self, met: bool, otherwise: str) -> None:
        if not met:
            raise RehearsalFailed(otherwise)


def _publishing(one: Version) -> str:
    """The command that publishes a version."""
    words = [
        *("tidewatch", "publish", str(one.artifact), "--version", one.version, "--lineage", str(one.lineage)),
        *("--card", str(one.card), "--reference", str(one.reference), "--stack", REHEARSAL),
        *(("--image", one.image) if one.image else ()),
    ]
    return shlex.join(words)


def _sentence(error: str) -> str:
    """An error of the program without the resource that stands before it, `pulumi-python:dynamic/...:Gate (gate): `."""
    return re.sub(r"^[a-z][\w-]*:\S+ \([^)]*\): ", "", error)


def _shares(seen: Replayed) -> str:
    return ", ".join(f"{slot} {seen.share(slot):.1%}" for slot in sorted(seen.by_variant))
