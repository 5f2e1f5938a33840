"""Where AWS's console shows things, in each partition. It has no API to ask; its addresses are stable all the same."""

from __future__ import annotations

from urllib.parse import quote


def dashboard_url(region: str, name: str) -> str:
    return f"{_home(region, 'cloudwatch')}#dashboards/dashboard/{quote(name, safe='')}"


def alarm_url(region: str, name: str) -> str:
    return f"{_home(region, 'cloudwatch')}#alarmsV2:alarm/{quote(name, safe='')}"


def endpoint_url(region: str, name: str) -> str:
    return f"{_home(region, 'sagemaker')}#/endpoints/{quote(name, safe='')}"


def function_url(region: str, name: str) -> str:
    """Its page of invocations and logs."""
    return f"{_home(region, 'lambda')}#/functions/{quote(name, safe='')}?tab=monitoring"


def table_url(region: str, name: str) -> str:
    """The items of a DynamoDB table."""
    return f"{_home(region, 'dynamodbv2')}#item-explorer?table={quote(name, safe='')}"


def bucket_url(region: str, bucket: str, prefix: str = "") -> str:
    """The objects of a bucket; prefix: those under it, with its slash at the end."""
    return f"https://{_host(region)}/s3/buckets/{quote(bucket, safe='')}?region={region}&prefix={quote(prefix)}"


def _home(region: str, service: str) -> str:
    return f"https://{_host(region)}/{service}/home?region={region}"


def _host(region: str) -> str:
    if region.startswith("cn-"):
        return f"{region}.console.amazonaws.cn"
    if region.startswith("us-gov-"):
        return f"{region}.console.amazonaws-us-gov.com"
    return f"{region}.console.aws.amazon.com"
