"""The text widgets of the pages: heading, versions that serve, links and runbooks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from urllib.parse import quote

from tidewatch import metrics as m
from tidewatch.alarms.models import Severity
from tidewatch.aws import console_urls
from tidewatch.dashboards.context import DashboardContext
from tidewatch.dashboards.widgets import LogTable, TextWidget
from tidewatch.naming import extract_model_name
from tidewatch.text import escape_markdown, format_code_span

_URL_SAFE_CHARACTERS = "%:/?#@!$&'*+,;=~-._"
"""The characters that stay unchanged in a URL: all allowed ones (RFC 3986) except those that end a Markdown link."""


def build_section(title: str) -> TextWidget:
    return TextWidget(f"## {title}", height=1)


def build_heading(context: DashboardContext, page: str, summary: str) -> TextWidget:
    """Returns the top of a page. It warns that `pulumi up` undoes manual changes."""
    region, price = context.region, context.price_per_hour
    price_text = "" if price is None else f", {price:g} an hour each at list price"
    others = _format_links({name: url for name, url in sorted(context.links.items()) if name != page})
    more = f" · {others}" if others else ""
    endpoint = _format_link(context.names.endpoint, console_urls.build_endpoint_url(region, context.names.endpoint))
    return TextWidget(
        f"# {escape_markdown(extract_model_name(context.names.key))}: {page}\n{summary} On "
        f"{escape_markdown(context.instance_type)}{price_text}; endpoint {endpoint}{more}\n\n_Created by `pulumi "
        "up`, which reverts changes made here._",
        height=4,
    )


def build_serving_table(context: DashboardContext) -> LogTable:
    """Returns a table of the version that each variant serves, and since when, as the sweep found it.

    It does not name declared versions: they may never have been deployed, and the body would change with each
    promotion.
    """
    share = m.LIVE_SHARE.name
    query = (
        f"filter ispresent({share}) | stats latest(Version) as version, latest(Since) as since, latest(Role) as role, "
        f"latest({share}) as share by Variant | sort Variant asc"
    )
    return LogTable("Serving now", context.log_group, query)


def build_link_list(context: DashboardContext) -> TextWidget:
    """Returns links to the details behind the graphs."""
    region = context.region
    links = {
        "incident documents": console_urls.build_bucket_url(region, context.monitoring_bucket, "incidents/"),
        "ledger of every change of traffic": console_urls.build_table_url(region, context.ledger),
        **{
            f"{purpose} function": console_urls.build_function_url(region, context.names.functions[purpose])
            for purpose in context.function_purposes
        },
    }
    by_feature = (
        f"Drift by feature: one page per variant, hour and version under {format_location(context, context.reports)}."
    )
    runbook_hint = f"Steps for each alarm: {format_location(context, context.runbooks)}, or `tidewatch runbook ALARM`."
    paragraphs = ["### Where to look", _format_links(links), *([by_feature] if context.has_drift else ()), runbook_hint]
    return TextWidget("\n\n".join(paragraphs), width=12, height=6)


def build_runbook_list(context: DashboardContext) -> TextWidget:
    """Returns the runbook of every alarm that notifies, by severity."""
    alarms = [*(alarm for alarms in context.variants.values() for alarm in alarms), *context.endpoint]
    notifying = [alarm for alarm in alarms if alarm.notifies or alarm.guardrail]
    lines: list[str] = []
    for severity in Severity:
        runbook_keys = {alarm.runbook for alarm in notifying if alarm.severity is severity}
        if severity is Severity.P1:
            runbook_keys |= {objective.runbook for objective in context.objectives}
        if runbook_keys:
            lines.append(
                f"**{severity.value}** " + " · ".join(_format_runbook(context, key) for key in sorted(runbook_keys))
            )
    return TextWidget("### Runbooks\n" + "\n\n".join(lines), width=12, height=6)


def format_location(context: DashboardContext, location: str) -> str:
    """Returns a location as a link if a browser can open it, with the console's page for s3://. Others become code."""
    if location.startswith("s3://"):
        bucket, _, prefix = location.removeprefix("s3://").partition("/")
        return _format_link(location, console_urls.build_bucket_url(context.region, bucket, prefix))
    return (
        _format_link(location, location) if location.startswith(("https://", "http://")) else format_code_span(location)
    )


def _format_runbook(context: DashboardContext, key: str) -> str:
    if not context.runbooks.startswith(("https://", "http://")):
        return key
    return _format_link(key, f"{context.runbooks}/{key}.md")


def _format_links(links: Mapping[str, str]) -> str:
    return _join(_format_link(name, url) for name, url in links.items())


def _format_link(name: str, url: str) -> str:
    """Returns a link, with name and URL escaped."""
    return f"[{escape_markdown(name)}]({quote(url, safe=_URL_SAFE_CHARACTERS)})"


def _join(parts: Iterable[str]) -> str:
    return " · ".join(parts)
