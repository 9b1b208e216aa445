"""The old place of `eventmill.config.settings`, which DAGs of one's own may import: it works on, with a notice."""

from __future__ import annotations

import warnings

from eventmill.config.settings import Settings as Settings
from eventmill.config.settings import load as load

warnings.warn("eventmill.settings is now eventmill.config.settings", DeprecationWarning, stacklevel=2)
