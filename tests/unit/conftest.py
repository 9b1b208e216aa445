"""What holds for all of these tests."""

from __future__ import annotations

from hypothesis import settings

# The same examples in each run, however slow the machine is meanwhile.
settings.register_profile("tests", derandomize=True, deadline=None, database=None)
settings.load_profile("tests")
