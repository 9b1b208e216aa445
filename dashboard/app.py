"""The dashboard: its pages. Run by Streamlit; see `engines/dashboard/run`."""

from __future__ import annotations

from collections.abc import Callable

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


def main() -> None:
    """Show the page that the reader has picked."""
    logs.start(settings.load())
    st.set_page_config(page_title="Eventmill", page_icon="📊", layout="wide")
    pages = [
        st.Page(page, title=pipeline.capitalize(), icon=icon, url_path=pipeline, default=number == 0)
        for number, (pipeline, (page, icon)) in enumerate(shown().items())
    ]
    st.navigation(pages, position="top").run()


main()
