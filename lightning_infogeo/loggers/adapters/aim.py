"""Aim."""

from __future__ import annotations

from typing import Any

from lightning_infogeo.loggers.adapters.adapter import LoggerAdapter, loaded
from lightning_infogeo.loggers.picture import Picture
from lightning_infogeo.markers import Event


class AimAdapter(LoggerAdapter):
    """Figures and events as sequences of images and texts, the flag as a warning and a parameter of the run."""

    takes = frozenset({"text", "figures", "alerts"})

    @staticmethod
    def fits(logger: Any) -> bool:
        """Returns whether it is Aim's own ``AimLogger``."""
        return isinstance(logger, loaded("aim.sdk.adapters.pytorch_lightning", "AimLogger"))

    def write_text(self, key: str, markdown: str, x: int) -> None:
        """Tracks a text."""
        from aim import Text

        self.logger.experiment.track(Text(markdown), name=key, step=x)

    def write_figure(self, key: str, picture: Picture, x: int) -> None:
        """Tracks an image."""
        from aim import Image
        from PIL.Image import fromarray

        self.logger.experiment.track(Image(fromarray(picture.pixels), format="png"), name=key, step=x)

    def write_alert(self, key: str, event: Event, state: str) -> None:
        """Logs a warning, which Aim's watcher can pass on, and sets a parameter that runs can be searched by."""
        run = self.logger.experiment
        run.set(f"{key.replace('/', '_')}_flag", state, strict=False)
        run.log_warning(f"{event.headline}: {event.message}")
