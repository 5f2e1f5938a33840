"""Creates boto3 clients for a Connection."""

from __future__ import annotations

import functools
import json
import threading
from collections.abc import Callable
from typing import Any, cast

import boto3
import botocore.credentials
import botocore.session
import botocore.utils
from botocore.config import Config
from botocore.exceptions import NoCredentialsError

from tidewatch.aws.connection import AssumedRole, Connection

_credentials = cast("Any", botocore.credentials)
_default = cast("Any", boto3)

_ENDPOINT_NAMES = {
    "application-autoscaling": ("applicationautoscaling", "appautoscaling"),
    "cloudwatch": ("cloudwatch",),
    "events": ("events", "eventbridge", "cloudwatchevents"),
    "lambda": ("lambda", "awslambda"),
    "logs": ("logs", "cloudwatchlog", "cloudwatchlogs"),
    "s3": ("s3", "s3api"),
    "service-quotas": ("servicequotas",),
}
"""The provider's names of services that differ from boto3's in more than dashes."""

_client_lock = threading.RLock()


class AccountNotAllowed(Exception):
    """The config does not allow the account of the credentials."""


def create_client(connection: Connection, service: str, region: str = "", config: Config | None = None) -> Any:
    """Creates a client of a service, in the connection's region unless another is given.

    Creating clients, unlike using them, is not thread-safe, so a lock serializes it. Raises AccountNotAllowed, and
    botocore's errors for a missing profile or file.
    """
    with _client_lock:
        # The default session caches the parsed service models, and parsing takes longer than anything else here.
        is_default = connection == Connection(connection.region)
        make = _default.client if is_default else get_session(connection).client
        return _build_client(make, connection, service, region, config)


def _build_client(
    make: Callable[..., Any], connection: Connection, service: str, region: str, config: Config | None
) -> Any:
    options: dict[str, Any] = {}
    if address := _get_endpoint_url(connection, service):
        options["endpoint_url"] = address
    if connection.is_enabled("insecure"):
        options["verify"] = False
    elif bundle := connection.get_option("customCaBundle"):
        options["verify"] = bundle
    client_config = _build_client_config(connection)
    if config is not None:
        client_config = config.merge(client_config) if client_config else config
    if client_config is not None:
        options["config"] = client_config
    client_region: str = region or (connection.get_option("stsRegion") if service == "sts" else "") or connection.region
    return make(service, region_name=client_region or None, **options)


def _get_endpoint_url(connection: Connection, service: str) -> str:
    """Returns the URL that the config sets for a service, or ""."""
    declared: Any = connection.get_option("endpoints") or []
    entries = cast("list[dict[str, str]]", declared if isinstance(declared, list) else [declared])
    names = _ENDPOINT_NAMES.get(service, (service.replace("-", ""),))
    found = [entry[name] for entry in entries for name in names if entry.get(name)]
    return str(found[0]) if found else ""


def _build_client_config(connection: Connection) -> Config | None:
    """Returns botocore's settings, or None if the config has none of them."""
    options: dict[str, Any] = {}
    for name, option in (("useFipsEndpoint", "use_fips_endpoint"), ("useDualstackEndpoint", "use_dualstack_endpoint")):
        if connection.is_enabled(name):
            options[option] = True
    retries: dict[str, Any] = {}
    if connection.get_option("maxRetries") is not None:
        retries["total_max_attempts"] = max(int(connection.get_option("maxRetries")), 1)
    if mode := connection.get_option("retryMode"):
        retries["mode"] = mode
    proxies = {kind: connection.get_option(f"{kind}Proxy") for kind in ("http", "https")}
    s3: dict[str, Any] = {"addressing_style": "path"} if connection.is_enabled("s3UsePathStyle") else {}
    if regional := connection.get_option("s3UsEast1RegionalEndpoint"):
        s3["us_east_1_regional_endpoint"] = regional
    groups = {"retries": retries, "proxies": {kind: url for kind, url in proxies.items() if url}, "s3": s3}
    options |= {name: value for name, value in groups.items() if value}
    return Config(**options) if options else None


@functools.cache
def get_session(connection: Connection) -> Any:
    """Returns the session that creates clients. Raises the same errors as `create_client`."""
    base = _create_base_session(connection)
    web_identity = [connection.web_identity] if connection.web_identity else []
    for role in (*web_identity, *connection.roles):
        base = _assume_role(base, connection, role)
    boto3_session = boto3.Session(botocore_session=base)
    _require_allowed_account(boto3_session, connection)
    return boto3_session


def _create_base_session(connection: Connection) -> Any:
    """Returns a session with the config's own credentials, or with those of its profile on this machine."""
    base: Any = botocore.session.Session(profile=connection.profile or None)
    variables: dict[str, Any] = {
        "config_file": connection.get_option("sharedConfigFiles"),
        "credentials_file": connection.get_option("sharedCredentialsFiles"),
        "ec2_metadata_service_endpoint": connection.get_option("ec2MetadataServiceEndpoint"),
        "ec2_metadata_service_endpoint_mode": connection.get_option("ec2MetadataServiceEndpointMode"),
    }
    for name, value in variables.items():
        if value:
            base.set_config_variable(name, cast("list[str]", value)[0] if isinstance(value, list) else value)
    if key := connection.get_option("accessKey"):
        base.set_credentials(key, connection.get_option("secretKey"), connection.get_option("token"))
    return base


def _assume_role(base: Any, connection: Connection, role: AssumedRole) -> Any:
    """Returns a session with the role's credentials, renewed before they expire: a deployment may outlast them."""

    def create_sts_client(service: str, config: Config | None = None, **options: Any) -> Any:
        """Creates a client as a fetcher calls it, with the credentials that assume the role."""
        return _build_client(functools.partial(base.create_client, **options), connection, service, "", config)

    request = json.loads(role.request)
    if role.token or role.token_file:
        token = _get_token_loader(role)
        fetcher = _credentials.AssumeRoleWithWebIdentityCredentialFetcher(
            create_sts_client, token, role.arn, extra_args=request
        )
    else:
        credentials = base.get_credentials()
        if credentials is None:
            raise NoCredentialsError
        fetcher = _credentials.AssumeRoleCredentialFetcher(create_sts_client, credentials, role.arn, extra_args=request)
    assumed_session: Any = botocore.session.Session()
    assumed_session._credentials = _credentials.DeferredRefreshableCredentials(fetcher.fetch_credentials, "assume-role")
    return assumed_session


def _get_token_loader(role: AssumedRole) -> Callable[[], str]:
    if role.token_file:
        return cast("Any", botocore.utils).FileWebIdentityTokenLoader(role.token_file)
    return lambda: role.token


def _require_allowed_account(boto3_session: Any, connection: Connection) -> None:
    """Raises AccountNotAllowed if the provider would refuse the account too."""
    allowed, forbidden = connection.get_option("allowedAccountIds"), connection.get_option("forbiddenAccountIds")
    if not allowed and not forbidden:
        return
    account = str(_build_client(boto3_session.client, connection, "sts", "", None).get_caller_identity()["Account"])
    if allowed and account not in map(str, allowed):
        raise AccountNotAllowed(
            f"These credentials belong to the account {account}, but aws:allowedAccountIds has "
            f"{', '.join(map(str, allowed))}: use other credentials, or add the account there."
        )
    if forbidden and account in map(str, forbidden):
        raise AccountNotAllowed(
            f"These credentials belong to the account {account}, which aws:forbiddenAccountIds forbids."
        )
