"""InvokeEndpoint: routing, the real model behind it, what is captured and what is measured."""

from __future__ import annotations

import base64
import json
from collections import Counter
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from botocore.exceptions import ClientError

from rehearsal.aws.inference.kserve_v2 import decode_scores, encode_rows
from rehearsal.aws.inference.local_runtime import LocalRuntime
from rehearsal.aws.sagemaker.replay import replay
from tests.rehearsal.aws.account import CONFIG, LAYOUT, TINY_MODEL, Account, variant

ROWS = np.array([[0.1, -0.5, 2.0], [-3.0, 0.25, 0.0], [1.5, 1.5, 1.5]], dtype=np.float32)
CAPTURE: dict[str, Any] = {
    "EnableCapture": True,
    "InitialSamplingPercentage": 100,
    "DestinationS3Uri": "s3://captured/capture/abc",
    "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
    "CaptureContentTypeHeader": {"JsonContentTypes": ["application/json"], "CsvContentTypes": ["text/csv"]},
}


def serving(account: Account, blue: float = 95, green: float = 5, capture: dict[str, Any] | None = None) -> Account:
    account.model("one", LAYOUT)
    account.client("s3").create_bucket(Bucket="captured")
    fields = {"DataCaptureConfig": capture} if capture else {}
    account.config("first", variant("blue", blue), variant("green", green), **fields)
    account.serving()
    return account


def ask(account: Account, binary: bool = True, rows: np.ndarray = ROWS, **fields: Any) -> dict[str, Any]:
    content_type, body = encode_rows(rows, binary)
    runtime = account.client("sagemaker-runtime", retries=0)
    given = {"ContentType": content_type, "Body": body, **fields}
    return runtime.invoke_endpoint(EndpointName="flights", **given)


@pytest.mark.parametrize("binary", [True, False])
def test_the_answer_is_the_models_own_in_float32(account: Account, binary: bool) -> None:
    """Source: FIL backend's README (predict_proba: a column a class); KServe V2 and its binary extension."""
    import lightgbm

    answer = ask(serving(account), binary)

    scores = decode_scores(answer["ContentType"], answer["Body"].read())
    expected = np.asarray(lightgbm.Booster(model_str=TINY_MODEL).predict(ROWS))
    assert scores.dtype == np.float32
    assert scores.shape == (3, 2)
    np.testing.assert_allclose(scores[:, 1], expected, rtol=1e-6)
    np.testing.assert_allclose(scores.sum(1), 1, rtol=1e-6)


def test_an_inference_id_has_at_most_64_characters(account: Account) -> None:
    """Source: model docs of sagemaker-runtime, InferenceId, max 64."""
    serving(account)
    ask(account, InferenceId="i" * 64)
    with pytest.raises(ClientError, match="less than or equal to 64"):
        ask(account, InferenceId="i" * 65)


def test_requests_are_split_by_the_live_weights(account: Account) -> None:
    """Source: model docs, ProductionVariant.InitialVariantWeight."""
    serving(account, 80, 20)
    matrix = np.repeat(ROWS[:1], 600, axis=0)

    seen = replay(account.client("sagemaker-runtime"), "flights", matrix, rows_per_request=1, threads=1)

    assert seen.requests == 600
    assert seen.get_share("green") == pytest.approx(0.2, abs=0.06)
    assert seen.errors == {}


def test_a_variant_of_weight_zero_gets_nothing_but_what_names_it(account: Account) -> None:
    """Source: model docs, InvokeEndpointInput.TargetVariant overrides the weights."""
    serving(account, 1, 0)

    answered = Counter(ask(account)["InvokedProductionVariant"] for _ in range(50))

    assert answered == {"blue": 50}
    assert ask(account, TargetVariant="green")["InvokedProductionVariant"] == "green"


def test_an_endpoint_that_is_creating_or_missing_answers_no_request(account: Account) -> None:
    """Source: model docs, EndpointStatus; the runtime's ValidationError."""
    with pytest.raises(ClientError, match="Endpoint flights of account 123456789012 not found"):
        ask(account)
    account.model("one", LAYOUT)
    account.config("first", variant("blue"))
    account.sagemaker.create_endpoint(EndpointName="flights", EndpointConfigName="first")
    with pytest.raises(ClientError) as refused:
        ask(account)

    assert refused.value.response["Error"]["Code"] == "ValidationError"


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"config.pbtxt": CONFIG, "flights/1/model.txt": TINY_MODEL}, "at the root"),
        ({"flights/1/model.txt": TINY_MODEL}, "has no flights/config.pbtxt"),
        ({"flights/config.pbtxt": CONFIG}, "has no flights/1/model.txt"),
        ({**LAYOUT, "flights/1/model.txt": "garbage"}, "not a LightGBM model"),
        ({**LAYOUT, "flights/config.pbtxt": CONFIG.replace("[ 3 ]", "[ 4 ]")}, "was trained on 3"),
        ({**LAYOUT, "flights/config.pbtxt": CONFIG.replace('"true"', '"false"')}, "the model gives 1"),
        ({**LAYOUT, "flights/config.pbtxt": "{"}, "not a model configuration"),
    ],
)
def test_an_artifact_that_triton_refuses_does_not_come_into_service(
    account: Account, files: dict[str, str], words: str
) -> None:
    """Source: Triton, "Model Repository"; SageMaker, "Model Servers: Triton"."""
    account.model("one", files)
    account.config("first", variant("blue"))
    account.sagemaker.create_endpoint(EndpointName="flights", EndpointConfigName="first")
    account.clock.advance(300)

    assert account.endpoint()["EndpointStatus"] == "Failed"
    assert words in account.endpoint()["FailureReason"]


def test_triton_needs_the_name_of_its_default_model(account: Account) -> None:
    """Source: SageMaker, "Model Servers: Triton"."""
    account.model("one", LAYOUT, Environment={})
    account.config("first", variant("blue"))
    account.sagemaker.create_endpoint(EndpointName="flights", EndpointConfigName="first")
    account.clock.advance(300)

    assert "SAGEMAKER_TRITON_DEFAULT_MODEL_NAME" in account.endpoint()["FailureReason"]


@pytest.mark.parametrize(
    ("content_type", "body", "words"),
    [
        ("text/csv", b"1,2,3", "not text/csv"),
        ("application/json", b"{", "failed to parse"),
        ("application/json", b'{"inputs": []}', "expected 1 inputs but got 0 inputs for model 'flights'"),
        (*encode_rows(ROWS[:, :2], False), "unexpected shape"),
        (*encode_rows(np.zeros((1025, 3), np.float32)), "batch-size must be"),
    ],
)
def test_what_triton_refuses_is_a_model_error(account: Account, content_type: str, body: bytes, words: str) -> None:
    """Source: model, the runtime's ModelError with OriginalStatusCode and OriginalMessage."""
    serving(account)
    with pytest.raises(ClientError) as refused:
        ask(account, ContentType=content_type, Body=body)

    response: Any = refused.value.response
    assert response["Error"]["Code"] == "ModelError"
    assert (response["OriginalStatusCode"], words in response["OriginalMessage"]) == (400, True)


def read_captured_records(account: Account) -> dict[str, list[dict[str, Any]]]:
    s3 = account.client("s3")
    keys = [one["Key"] for one in s3.list_objects_v2(Bucket="captured").get("Contents", [])]
    bodies = {key: s3.get_object(Bucket="captured", Key=key)["Body"].read() for key in keys}
    return {key: [json.loads(line) for line in body.splitlines()] for key, body in bodies.items()}


def test_requests_and_answers_are_captured_late_several_a_file_under_the_documented_key(account: Account) -> None:
    """Source: developer guide, "Capture data from real-time endpoint"."""
    serving(account, 1, 0, CAPTURE)
    for number in range(3):
        ask(account, binary=False, InferenceId=f"id-{number}")
    early = read_captured_records(account)
    account.clock.advance(120)

    (key, records), *more = read_captured_records(account).items()
    assert early == {}
    assert more == []
    assert key.startswith("capture/abc/flights/blue/2026/01/05/09/")
    assert key.endswith(".jsonl")
    assert [one["eventMetadata"]["inferenceId"] for one in records] == ["id-0", "id-1", "id-2"]
    data = records[0]["captureData"]
    assert (data["endpointInput"]["encoding"], data["endpointInput"]["mode"]) == ("JSON", "INPUT")
    assert json.loads(data["endpointInput"]["data"])["inputs"][0]["shape"] == [3, 3]
    assert json.loads(data["endpointOutput"]["data"])["outputs"][0]["shape"] == [3, 2]
    assert records[0]["eventVersion"] == "0"


def test_a_binary_body_is_captured_as_base64(account: Account) -> None:
    """Source: model, JsonContentType's pattern has no + and no ;, so Triton's binary type cannot be listed."""
    serving(account, 1, 0, CAPTURE)
    ask(account)
    account.control.flush_capture()

    ((_, (record,)),) = read_captured_records(account).items()
    side = record["captureData"]["endpointInput"]
    assert side["encoding"] == "BASE64"
    assert base64.b64decode(side["data"]) == encode_rows(ROWS)[1]


@pytest.mark.parametrize(
    "changes",
    [
        {"EnableCapture": False},
        {"InitialSamplingPercentage": 0},
        {"DestinationS3Uri": "s3://captured/capture//abc"},
    ],
)
def test_nothing_is_captured_when_off_or_with_a_double_slash(account: Account, changes: dict[str, Any]) -> None:
    """Source: model docs, DataCaptureConfig; developer guide, "Capture data from real-time endpoint": a double
    slash captures nothing."""
    serving(account, 1, 0, {**CAPTURE, **changes})
    ask(account)
    account.control.flush_capture()

    assert read_captured_records(account) == {}


def metric(account: Account, name: str, statistic: str = "Sum", variant_name: str = "blue") -> list[float]:
    end = account.clock.now()
    extended = statistic.startswith("p")
    points = account.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/SageMaker",
        MetricName=name,
        Dimensions=[{"Name": "EndpointName", "Value": "flights"}, {"Name": "VariantName", "Value": variant_name}],
        StartTime=end - timedelta(hours=1),
        EndTime=end,
        Period=60,
        **({"ExtendedStatistics": [statistic]} if extended else {"Statistics": [statistic]}),
    )["Datapoints"]
    return [point["ExtendedStatistics"][statistic] if extended else point[statistic] for point in points]


def test_invocations_are_counted_by_the_minute_and_seen_later(account: Account) -> None:
    """Source: "SageMaker endpoint invocation metrics"; the delay is stated."""
    serving(account, 1, 0)
    for _ in range(4):
        ask(account)
    account.clock.advance(60)
    early = metric(account, "Invocations")
    account.clock.advance(60)

    assert early == []
    assert metric(account, "Invocations") == [4.0]
    assert metric(account, "InvocationsPerInstance") == [2.0]
    assert metric(account, "Invocations", variant_name="green") == []
    assert metric(account, "ModelLatency", "p99")[0] > 0


def test_errors_and_latency_of_one_variant_can_be_injected(account: Account) -> None:
    """Source: "SageMaker endpoint invocation metrics": the average of the error metrics is their rate."""
    serving(account, 1, 0)
    account.control.inject("variant_latency", endpoint="flights", variant="blue", seconds=2.0)
    ask(account)
    fault = account.control.inject("variant_errors", endpoint="flights", variant="blue", rate=1.0)
    with pytest.raises(ClientError, match="500"):
        ask(account)
    account.control.clear(fault)
    ask(account)
    account.clock.advance(120)

    assert metric(account, "Invocation5XXErrors", "Average") == [pytest.approx(1 / 3)]
    assert metric(account, "InvocationModelErrors") == [1.0]
    assert metric(account, "Invocation4XXErrors") == [0.0]
    assert metric(account, "ModelLatency", "Minimum")[0] >= 2e6


def test_errors_can_be_injected_evenly(account: Account) -> None:
    serving(account, 1, 0)
    account.control.inject("variant_errors", endpoint="flights", variant="blue", every=3)
    failed: list[int] = []
    for at in range(1, 10):
        try:
            ask(account)
        except ClientError:
            failed.append(at)
    assert failed == [3, 6, 9]


def test_get_metric_data_keeps_namespaces_apart_and_knows_percentiles(account: Account) -> None:
    """Source: CloudWatch API reference, GetMetricData."""
    cloudwatch = account.client("cloudwatch")
    for namespace, values in (("Mine", range(1, 101)), ("Other", [1000])):
        data = [{"MetricName": "m", "Values": list(values), "Dimensions": [{"Name": "d", "Value": "v"}]}]
        cloudwatch.put_metric_data(Namespace=namespace, MetricData=data)
    query = {
        "Metric": {"Namespace": "Mine", "MetricName": "m", "Dimensions": [{"Name": "d", "Value": "v"}]},
        "Period": 60,
        "Stat": "p90",
    }
    now = account.clock.now()
    results = cloudwatch.get_metric_data(
        MetricDataQueries=[{"Id": "q", "MetricStat": query}],
        StartTime=now - timedelta(minutes=5),
        EndTime=now + timedelta(minutes=5),
    )["MetricDataResults"]

    assert results[0]["Values"] == [90.0]


def test_get_metric_data_computes_expressions_for_every_period_asked_for(account: Account) -> None:
    """Source: CloudWatch user guide, "Using math expressions with CloudWatch metrics"."""
    cloudwatch, start = account.client("cloudwatch"), account.clock.now()
    for minute, (errors, requests) in enumerate([(1, 10), (None, 4), (2, 4)]):
        at = start + timedelta(minutes=minute)
        data = [{"MetricName": "r", "Value": requests, "Timestamp": at}]
        if errors is not None:
            data.append({"MetricName": "e", "Value": errors, "Timestamp": at})
        cloudwatch.put_metric_data(Namespace="Mine", MetricData=data)
    stats = [
        {"Id": name, "MetricStat": {"Metric": {"Namespace": "Mine", "MetricName": name}, "Period": 60, "Stat": "Sum"}}
        for name in ("e", "r")
    ]
    rate = {"Id": "rate", "Expression": "100 * e / r", "Label": "errors in percent"}
    queries = [*({**one, "ReturnData": False} for one in stats), rate, {"Id": "zero", "Expression": "FILL(e, 0)"}]
    span = {"StartTime": start, "EndTime": start + timedelta(minutes=4), "ScanBy": "TimestampAscending"}
    percent, filled = cloudwatch.get_metric_data(MetricDataQueries=queries, **span)["MetricDataResults"]

    assert (percent["Label"], percent["Values"]) == ("errors in percent", [10, 0, 50])
    assert filled["Values"] == [1, 0, 2, 0]
    assert filled["Timestamps"] == [start + timedelta(minutes=minute) for minute in range(4)]
    with pytest.raises(ClientError, match="Error in expression 'rate'"):
        cloudwatch.get_metric_data(MetricDataQueries=[*stats, {**rate, "Expression": "e /"}], **span)
    with pytest.raises(ClientError, match="not a time series"):
        cloudwatch.get_metric_data(MetricDataQueries=[*stats, {**rate, "Expression": "SUM(e)"}], **span)


def test_a_replay_gives_the_scores_in_the_order_of_the_rows(account: Account) -> None:
    serving(account)
    matrix = np.tile(ROWS, (7, 1))
    seen = replay(
        account.client("sagemaker-runtime"), "flights", matrix, rows_per_request=4, threads=3, keep_scores=True
    )

    assert (seen.requests, seen.rows, seen.success_count) == (6, 21, 6)
    assert seen.scores is not None
    np.testing.assert_array_equal(seen.scores, np.tile(seen.scores[:3], (7, 1)))


@pytest.mark.parametrize(
    ("given", "body"),
    [
        ({}, encode_rows(ROWS, True)[1]),
        ({"TargetVariant": "green"}, encode_rows(ROWS, True)[1]),
        ({"TargetVariant": "red"}, encode_rows(ROWS, True)[1]),
        ({"InferenceId": "x" * 65}, encode_rows(ROWS, True)[1]),
        ({"TargetVariant": "blue"}, b"{}"),
    ],
)
def test_without_a_client_an_endpoint_answers_as_it_answers_one(account: Account, given: dict[str, Any], body: bytes):
    serving(account, blue=100, green=0)
    content_type, _ = encode_rows(ROWS, True)
    asked = {"EndpointName": "flights", "ContentType": content_type, "Body": body, **given}

    def invoke(runtime: Any) -> tuple[object, ...]:
        try:
            answer = runtime.invoke_endpoint(**asked)
        except ClientError as refused:
            status = refused.response["ResponseMetadata"]["HTTPStatusCode"]
            return status, refused.response["Error"]["Code"], refused.response["Error"]["Message"]
        return answer["Body"].read(), answer["ContentType"], answer["InvokedProductionVariant"]

    assert invoke(LocalRuntime()) == invoke(account.client("sagemaker-runtime", retries=0))
