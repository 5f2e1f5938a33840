"""The names and links of dashboards, which others need before the dashboards are made."""

from __future__ import annotations

import pulumi

from components.stack_context import StackContext
from components.tables import Tables
from tidewatch.dashboards import PAGE_BUILDERS, build_dashboard_url


def build_dashboard_names(tables: Tables) -> dict[str, pulumi.Output[str]]:
    """The name of each page, known before the page is made."""
    return {page: tables.build_physical_name(page) for page in PAGE_BUILDERS}


def build_links(context: StackContext, tables: Tables) -> dict[str, pulumi.Output[str]]:
    """Where the console shows each page: known before the pages are, for what they are about links them too."""
    return {
        page: name.apply(lambda name: build_dashboard_url(context.region, name))
        for page, name in build_dashboard_names(tables).items()
    }
