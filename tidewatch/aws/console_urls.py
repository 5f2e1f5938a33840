"""Where AWS's console shows things, in each partition. It has no API to ask; its addresses are stable all the same."""

from __future__ import annotations

from urllib.parse import quote


def build_dashboard_url(region: str, name: str) -> str:
    return f"{_build_service_url(region, 'cloudwatch')}#dashboards/dashboard/{quote(name, safe='')}"


def build_alarm_url(region: str, name: str) -> str:
    return f"{_build_service_url(region, 'cloudwatch')}#alarmsV2:alarm/{quote(name, safe='')}"


def build_endpoint_url(region: str, name: str) -> str:
    return f"{_build_service_url(region, 'sagemaker')}#/endpoints/{quote(name, safe='')}"


def build_function_url(region: str, name: str) -> str:
    """Its page of invocations and logs."""
    return f"{_build_service_url(region, 'lambda')}#/functions/{quote(name, safe='')}?tab=monitoring"


def build_table_url(region: str, name: str) -> str:
    """The items of a DynamoDB table."""
    return f"{_build_service_url(region, 'dynamodbv2')}#item-explorer?table={quote(name, safe='')}"


def build_bucket_url(region: str, bucket: str, prefix: str = "") -> str:
    """The objects of a bucket; prefix: those under it, with its slash at the end."""
    return f"https://{_get_host(region)}/s3/buckets/{quote(bucket, safe='')}?region={region}&prefix={quote(prefix)}"


def _build_service_url(region: str, service: str) -> str:
    return f"https://{_get_host(region)}/{service}/home?region={region}"


def _get_host(region: str) -> str:
    if region.startswith("cn-"):
        return f"{region}.console.amazonaws.cn"
    if region.startswith("us-gov-"):
        return f"{region}.console.amazonaws-us-gov.com"
    return f"{region}.console.aws.amazon.com"
