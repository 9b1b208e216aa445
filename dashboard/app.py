"""The dashboard: its pages. Run by Streamlit; see `engines/dashboard/run`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import streamlit as st

from dashboard import carts, clicks, orders, visits
from eventmill.config import logs, settings

PAGES = {
    "visits": (visits.page, ":material/public:"),
    "clicks": (clicks.page, ":material/ads_click:"),
    "carts": (carts.page, ":material/shopping_cart:"),
    "orders": (orders.page, ":material/local_shipping:"),
}


def shown() -> dict[str, tuple[Callable[[], None], str]]:
    """The pages of the pipelines that run; all where none of those does."""
    return {pipeline: page for pipeline, page in PAGES.items() if pipeline in settings.load().pipelines} or PAGES


def pages() -> list[st.Page]:
    """The pages with their addresses. The first one has the root in the menu, and its own address beside it.

    Streamlit gives its default page no address but the root.
    """
    first, *others = (
        partial(st.Page, page, title=name.capitalize(), icon=icon, url_path=name)
        for name, (page, icon) in shown().items()
    )
    return [first(url_path="", default=True), first(visibility="hidden"), *(other() for other in others)]


def main() -> None:
    """Show the page that the reader has picked."""
    logs.start_logging(settings.load())
    st.set_page_config(page_title="Eventmill", page_icon="📊", layout="wide")
    st.navigation(pages(), position="top").run()


main()
