"""Rich's console for text that others wrote: nothing in it is markup, and no control character reaches the terminal."""

from __future__ import annotations

from typing import Any

from rich import console
from rich.text import Text

from eventmill.text.printable import visible


class Console(console.Console):
    """A console to which every string is text, wherever it stands; colours are for `rich.text.Text` alone."""

    def __init__(self, **options: Any) -> None:
        super().__init__(markup=False, emoji=False, **options)

    def render_str(self, text: str, **options: Any) -> Text:
        """The string on one line, with escapes for what cannot be seen; rich asks here for every string."""
        return super().render_str(visible(text), **options)
