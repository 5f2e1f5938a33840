"""What the pages say in words: what one sees, which versions serve, and where to look next."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from urllib.parse import quote

from tidewatch import console
from tidewatch import metrics as m
from tidewatch.alarms.values import Severity
from tidewatch.dashboards.subject import Subject
from tidewatch.dashboards.widgets import Records, Text
from tidewatch.naming import model_in
from tidewatch.text import code, markdown

_IN_ADDRESSES = "%:/?#@!$&'*+,;=~-._"
"""What stands in an address as it is: all that may (RFC 3986), but for what ends a link in Markdown."""


def section(title: str) -> Text:
    return Text(f"## {title}", height=1)


def heading(subject: Subject, page: str, says: str) -> Text:
    """The top of a page. It is made by this program, so what is changed by hand is gone with the next deployment."""
    region, price = subject.region, subject.price_per_hour
    paid = "" if price is None else f", {price:g} an hour each at list price"
    others = _links({name: url for name, url in sorted(subject.links.items()) if name != page})
    more = f" · {others}" if others else ""
    endpoint = _link(subject.names.endpoint, console.endpoint_url(region, subject.names.endpoint))
    return Text(
        f"# {markdown(model_in(subject.names.key))}: {page}\n"
        f"{says} On {markdown(subject.instance_type)}{paid}; endpoint {endpoint}{more}\n\n"
        f"_Made by `pulumi up`, which undoes changes made here._",
        height=4,
    )


def serving_now(subject: Subject) -> Records:
    """Which version each slot serves and since when, as the sweep last found it: what is declared may never have come.

    A body that named versions would change with each promotion, and go on naming one that a deployment did not bring.
    """
    share = m.LIVE_SHARE.name
    query = (
        f"filter ispresent({share}) | stats latest(Version) as version, latest(Since) as since, latest(Role) as role, "
        f"latest({share}) as share by Variant | sort Variant asc"
    )
    return Records("Serving now", subject.log_group, query)


def where_to_look(subject: Subject) -> Text:
    """Links to what the graphs only summarize."""
    region = subject.region
    places = {
        "incident documents": console.bucket_url(region, subject.monitoring, "incidents/"),
        "ledger of every change of traffic": console.table_url(region, subject.ledger),
        **{
            f"{purpose} function": console.function_url(region, subject.names.functions[purpose])
            for purpose in subject.purposes
        },
    }
    by_feature = f"Drift by feature: a page for each slot, hour and version under {linked(subject, subject.reports)}."
    steps = f"Steps for each alarm: {linked(subject, subject.runbooks)}, or `tidewatch runbook ALARM`."
    said = ["### Where to look", _links(places), *([by_feature] if subject.drift else ()), steps]
    return Text("\n\n".join(said), width=12, height=6)


def runbooks(subject: Subject) -> Text:
    """The runbook of every alarm that tells somebody, the urgent ones first."""
    alarms = [*(alarm for alarms in subject.slots.values() for alarm in alarms), *subject.endpoint]
    telling = [alarm for alarm in alarms if alarm.notifies or alarm.guardrail]
    lines: list[str] = []
    for severity in Severity:
        named = {alarm.runbook for alarm in telling if alarm.severity is severity}
        if severity is Severity.P1:
            named |= {objective.runbook for objective in subject.objectives}
        if named:
            lines.append(f"**{severity.value}** " + " · ".join(_runbook(subject, key) for key in sorted(named)))
    return Text("### Runbooks\n" + "\n\n".join(lines), width=12, height=6)


def linked(subject: Subject, place: str) -> str:
    """A place as a link where a browser can open it: s3://bucket/prefix as the console shows it, a path as it is."""
    if place.startswith("s3://"):
        bucket, _, prefix = place.removeprefix("s3://").partition("/")
        return _link(place, console.bucket_url(subject.region, bucket, prefix))
    return _link(place, place) if place.startswith(("https://", "http://")) else code(place)


def _runbook(subject: Subject, key: str) -> str:
    if not subject.runbooks.startswith(("https://", "http://")):
        return key
    return _link(key, f"{subject.runbooks}/{key}.md")


def _links(places: Mapping[str, str]) -> str:
    return _joined(_link(name, url) for name, url in places.items())


def _link(name: str, url: str) -> str:
    """A link whose name and address are these, whatever they hold."""
    return f"[{markdown(name)}]({quote(url, safe=_IN_ADDRESSES)})"


def _joined(parts: Iterable[str]) -> str:
    return " · ".join(parts)
