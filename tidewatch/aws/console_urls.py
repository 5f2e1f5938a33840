"""The URLs of AWS's console, in each partition. There is no API for them, but they are stable."""

from __future__ import annotations

from urllib.parse import quote


def build_dashboard_url(region: str, name: str) -> str:
    return f"{_build_service_url(region, 'cloudwatch')}#dashboards/dashboard/{quote(name, safe='')}"


def build_alarm_url(region: str, name: str) -> str:
    return f"{_build_service_url(region, 'cloudwatch')}#alarmsV2:alarm/{quote(name, safe='')}"


def build_endpoint_url(region: str, name: str) -> str:
    return f"{_build_service_url(region, 'sagemaker')}#/endpoints/{quote(name, safe='')}"


def build_function_url(region: str, name: str) -> str:
    """Returns the page with a function's invocations and logs."""
    return f"{_build_service_url(region, 'lambda')}#/functions/{quote(name, safe='')}?tab=monitoring"


def build_table_url(region: str, name: str) -> str:
    """Returns the page with the items of a DynamoDB table."""
    return f"{_build_service_url(region, 'dynamodbv2')}#item-explorer?table={quote(name, safe='')}"


def build_bucket_url(region: str, bucket: str, prefix: str = "") -> str:
    """Returns the page with the objects of a bucket, under `prefix` if given, which ends with a slash."""
    return f"https://{_get_host(region)}/s3/buckets/{quote(bucket, safe='')}?region={region}&prefix={quote(prefix)}"


def _build_service_url(region: str, service: str) -> str:
    return f"https://{_get_host(region)}/{service}/home?region={region}"


def _get_host(region: str) -> str:
    if region.startswith("cn-"):
        return f"{region}.console.amazonaws.cn"
    if region.startswith("us-gov-"):
        return f"{region}.console.amazonaws-us-gov.com"
    return f"{region}.console.aws.amazon.com"
