"""Comet."""

from __future__ import annotations

from typing import Any

import lightning_infogeo.lightnings as pl
from lightning_infogeo.loggers.adapters.adapter import LoggerAdapter
from lightning_infogeo.loggers.picture import Picture
from lightning_infogeo.markers import Event


class CometAdapter(LoggerAdapter):
    """Figures in *Graphics*, events in *Text*, the flag in *Other* and as a notification."""

    takes = frozenset({"text", "figures", "alerts"})

    @staticmethod
    def fits(logger: Any) -> bool:
        """Returns whether it is Lightning's ``CometLogger``."""
        return isinstance(logger, pl.classes("loggers.CometLogger"))

    def write_text(self, key: str, markdown: str, x: int) -> None:
        """Writes a text by ``log_text``."""
        self.logger.experiment.log_text(markdown, step=x, metadata={"key": key})

    def write_figure(self, key: str, picture: Picture, x: int) -> None:
        """Writes an image of this name and step."""
        from PIL.Image import fromarray

        # Comet scales the numbers of an array itself, which fails on unsigned ones with NumPy 2, and says so only in
        # its log.
        self.logger.experiment.log_image(fromarray(picture.pixels), name=key, step=x)

    def write_alert(self, key: str, event: Event, state: str) -> None:
        """Notes the flag among *Other*, and notifies the user where the account's settings ask for it."""
        experiment = self.logger.experiment
        experiment.log_other(f"{key}_flag", state)
        experiment.send_notification(event.headline, event.name, {"what it means": event.message})
