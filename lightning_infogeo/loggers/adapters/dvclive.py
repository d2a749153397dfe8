"""DVCLive."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lightning_infogeo.loggers.adapters.adapter import LoggerAdapter, loaded
from lightning_infogeo.loggers.picture import Picture
from lightning_infogeo.markers import Event


class DVCLiveAdapter(LoggerAdapter):
    """Figures as files by step, which DVC shows as a slider; events and the flag as words among the metrics."""

    takes = frozenset({"text", "figures", "alerts"})

    @staticmethod
    def fits(logger: Any) -> bool:
        """Returns whether it is DVCLive's own ``DVCLiveLogger``."""
        return isinstance(logger, loaded("dvclive.lightning", "DVCLiveLogger"))

    def write_scalars(self, scalars: dict[str, float], x: int) -> None:
        """Writes numbers, at x = 0 too, where DVCLive's logger takes the step after its last instead."""
        if x == 0:
            self.logger.experiment.step = -1
        super().write_scalars(scalars, x)

    def write_text(self, key: str, markdown: str, x: int) -> None:
        """Writes a text into ``metrics.json``."""
        self.logger.experiment.log_metric(key, markdown, plot=False)

    def write_events(self, key: str, events: Sequence[Event], x: int) -> None:
        """Writes one line: files of metrics have no lists."""
        self.write_text(key, "; ".join(event.headline for event in events), x)

    def write_figure(self, key: str, picture: Picture, x: int) -> None:
        """Writes the image ``{key}/{x}.png``, a name that DVC reads the step from."""
        self.logger.experiment.log_image(f"{key}/{x}.png", picture.pixels)

    def write_alert(self, key: str, event: Event, state: str) -> None:
        """Writes the flag into ``metrics.json``; DVCLive sends no alerts."""
        self.logger.experiment.log_metric(f"{key}_flag", state, plot=False)
