"""Weights & Biases."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import lightning_infogeo.lightnings as pl
from lightning_infogeo.loggers.adapters.adapter import LoggerAdapter
from lightning_infogeo.loggers.picture import Picture
from lightning_infogeo.markers import Event

_TITLE = 63
"""Characters: `wandb` allows fewer than 64 in an alert's title."""


class WandbAdapter(LoggerAdapter):
    """Figures as images, events as a table, the flag as an alert and in the run's summary.

    Lightning's logger gives every row its ``trainer/global_step`` and leaves the row's number to `wandb`, so rows of
    this package lie among the user's own at the same x, in any order.
    """

    takes = frozenset({"text", "figures", "alerts"})

    @staticmethod
    def fits(logger: Any) -> bool:
        """Returns whether it is Lightning's ``WandbLogger``."""
        return isinstance(logger, pl.classes("loggers.WandbLogger"))

    def write_text(self, key: str, markdown: str, x: int) -> None:
        """Writes a text as a table of one cell, which is what `wandb` has for it."""
        self.logger.log_text(key, columns=["text"], data=[[markdown]], step=x)

    def write_events(self, key: str, events: Sequence[Event], x: int) -> None:
        """Writes a table with a row for each event."""
        rows = [[event.headline, event.message] for event in events]
        self.logger.log_text(key, columns=["event", "what it means"], data=rows, step=x)

    def write_figure(self, key: str, picture: Picture, x: int) -> None:
        """Writes a figure by ``log_image``."""
        self.logger.log_image(key, [picture.pixels], step=x)

    def write_alert(self, key: str, event: Event, state: str) -> None:
        """Sends an alert, and leaves the flag in the run's summary, which is a column in the table of runs."""
        run = self.logger.experiment
        run.summary[f"{key}_flag"] = state
        run.alert(title=event.headline[:_TITLE], text=f"{event.headline}: {event.message}", level="WARN")
