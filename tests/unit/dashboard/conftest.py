"""Engines for the pages of the dashboard."""

from __future__ import annotations

import pytest

from tests.unit.dashboard.support import Engines


@pytest.fixture
def engines(monkeypatch: pytest.MonkeyPatch) -> Engines:
    """Engines that give what the test says."""
    return Engines(monkeypatch)
