"""The dashboard: its pages. Run by Streamlit; see `engines/dashboard/run`."""

from __future__ import annotations

import streamlit as st

from dashboard import carts, clicks, orders, visits

PAGES = {
    "visits": (visits.page, ":material/public:"),
    "clicks": (clicks.page, ":material/ads_click:"),
    "carts": (carts.page, ":material/shopping_cart:"),
    "orders": (orders.page, ":material/local_shipping:"),
}


def main() -> None:
    """Show the page that the reader has picked."""
    st.set_page_config(page_title="Eventmill", page_icon="📊", layout="wide")
    pages = [
        st.Page(page, title=line.capitalize(), icon=icon, url_path=line, default=number == 0)
        for number, (line, (page, icon)) in enumerate(PAGES.items())
    ]
    st.navigation(pages, position="top").run()


main()
