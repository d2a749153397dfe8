"""The one error of a set-up that cannot work."""

from __future__ import annotations

from lightning_infogeo.lightnings import MisconfigurationException


class ConfigurationError(MisconfigurationException, ValueError):
    """A set-up that cannot work, found before the first training step."""
