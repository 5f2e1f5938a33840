"""Names and links of dashboards, which other resources need before the dashboards are created."""

from __future__ import annotations

from components.stack_context import StackContext
from tidewatch.dashboards import PAGE_BUILDERS, build_dashboard_url


def build_dashboard_names(context: StackContext) -> dict[str, str]:
    """Returns the name of each page, known before the page is created."""
    return {page: context.build_physical_name(page) for page in PAGE_BUILDERS}


def build_links(context: StackContext) -> dict[str, str]:
    """Returns each page's URL in the console.

    It is known before the pages exist, because resources that the pages show link to them.
    """
    return {page: build_dashboard_url(context.region, name) for page, name in build_dashboard_names(context).items()}
