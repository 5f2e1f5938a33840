"""Clients that speak to AWS as a Connection says."""

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

from tidewatch.aws.connection import Connection, Role

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
"""The provider's names of services that boto3 calls otherwise; the rest differ in dashes only."""

_making = threading.RLock()


class ConnectionRefused(Exception):
    """The credentials are of an account that the config does not allow."""


def client(connection: Connection, service: str, region: str = "", config: Config | None = None) -> Any:
    """A client of a service, in the connection's region unless another is named.

    Making clients is, unlike using them, not safe from several threads, so it is done by one after the other. Raises
    ConnectionRefused, and botocore's errors for a profile or a file that is not there.
    """
    with _making:
        # The default session keeps the service models that it has parsed, which takes longer than anything else here.
        plain = connection == Connection(connection.region)
        make = _default.client if plain else session(connection).client
        return _made(make, connection, service, region, config)


def _made(make: Callable[..., Any], connection: Connection, service: str, region: str, config: Config | None) -> Any:
    options: dict[str, Any] = {}
    if address := _endpoint(connection, service):
        options["endpoint_url"] = address
    if connection.flag("insecure"):
        options["verify"] = False
    elif bundle := connection.option("customCaBundle"):
        options["verify"] = bundle
    wanted = _config(connection)
    if config is not None:
        wanted = config.merge(wanted) if wanted else config
    if wanted is not None:
        options["config"] = wanted
    place: str = region or (connection.option("stsRegion") if service == "sts" else "") or connection.region
    return make(service, region_name=place or None, **options)


def _endpoint(connection: Connection, service: str) -> str:
    """The address that the config gives a service; "" where it gives none."""
    declared: Any = connection.option("endpoints") or []
    entries = cast("list[dict[str, str]]", declared if isinstance(declared, list) else [declared])
    names = _ENDPOINT_NAMES.get(service, (service.replace("-", ""),))
    found = [entry[name] for entry in entries for name in names if entry.get(name)]
    return str(found[0]) if found else ""


def _config(connection: Connection) -> Config | None:
    """botocore's own settings; None where the config says nothing of them."""
    options: dict[str, Any] = {}
    for name, option in (("useFipsEndpoint", "use_fips_endpoint"), ("useDualstackEndpoint", "use_dualstack_endpoint")):
        if connection.flag(name):
            options[option] = True
    retries: dict[str, Any] = {}
    if connection.option("maxRetries") is not None:
        retries["total_max_attempts"] = max(int(connection.option("maxRetries")), 1)
    if mode := connection.option("retryMode"):
        retries["mode"] = mode
    proxies = {kind: connection.option(f"{kind}Proxy") for kind in ("http", "https")}
    s3: dict[str, Any] = {"addressing_style": "path"} if connection.flag("s3UsePathStyle") else {}
    if regional := connection.option("s3UsEast1RegionalEndpoint"):
        s3["us_east_1_regional_endpoint"] = regional
    named = {"retries": retries, "proxies": {kind: at for kind, at in proxies.items() if at}, "s3": s3}
    options |= {name: value for name, value in named.items() if value}
    return Config(**options) if options else None


@functools.cache
def session(connection: Connection) -> Any:
    """What clients are made with. Raises as `client` does."""
    base = _base(connection)
    web_identity = [connection.web_identity] if connection.web_identity else []
    for role in (*web_identity, *connection.roles):
        base = _as_role(base, connection, role)
    made = boto3.Session(botocore_session=base)
    _admit(made, connection)
    return made


def _base(connection: Connection) -> Any:
    """A session with the config's own credentials, or what this machine has for its profile."""
    base: Any = botocore.session.Session(profile=connection.profile or None)
    variables: dict[str, Any] = {
        "config_file": connection.option("sharedConfigFiles"),
        "credentials_file": connection.option("sharedCredentialsFiles"),
        "ec2_metadata_service_endpoint": connection.option("ec2MetadataServiceEndpoint"),
        "ec2_metadata_service_endpoint_mode": connection.option("ec2MetadataServiceEndpointMode"),
    }
    for name, value in variables.items():
        if value:
            base.set_config_variable(name, cast("list[str]", value)[0] if isinstance(value, list) else value)
    if key := connection.option("accessKey"):
        base.set_credentials(key, connection.option("secretKey"), connection.option("token"))
    return base


def _as_role(base: Any, connection: Connection, role: Role) -> Any:
    """A session whose credentials are the role's, renewed as they run out: a deployment may outlast them."""

    def sts(service: str, config: Config | None = None, **options: Any) -> Any:
        """As a fetcher calls it: with the credentials of whoever takes the role."""
        return _made(functools.partial(base.create_client, **options), connection, service, "", config)

    request = json.loads(role.request)
    if role.token or role.token_file:
        token = _token(role)
        fetcher = _credentials.AssumeRoleWithWebIdentityCredentialFetcher(sts, token, role.arn, extra_args=request)
    else:
        whose = base.get_credentials()
        if whose is None:
            raise NoCredentialsError
        fetcher = _credentials.AssumeRoleCredentialFetcher(sts, whose, role.arn, extra_args=request)
    taken: Any = botocore.session.Session()
    taken._credentials = _credentials.DeferredRefreshableCredentials(fetcher.fetch_credentials, "assume-role")
    return taken


def _token(role: Role) -> Callable[[], str]:
    if role.token_file:
        return cast("Any", botocore.utils).FileWebIdentityTokenLoader(role.token_file)
    return lambda: role.token


def _admit(made: Any, connection: Connection) -> None:
    """Raises ConnectionRefused where the provider would refuse the account too."""
    allowed, forbidden = connection.option("allowedAccountIds"), connection.option("forbiddenAccountIds")
    if not allowed and not forbidden:
        return
    account = str(_made(made.client, connection, "sts", "", None).get_caller_identity()["Account"])
    if allowed and account not in map(str, allowed):
        raise ConnectionRefused(
            f"These credentials are of the account {account}, and aws:allowedAccountIds has "
            f"{', '.join(map(str, allowed))}: use others, or put it there."
        )
    if forbidden and account in map(str, forbidden):
        raise ConnectionRefused(f"These credentials are of the account {account}, which aws:forbiddenAccountIds has.")
