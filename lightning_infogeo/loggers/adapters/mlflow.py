"""MLflow."""

from __future__ import annotations

import re
from inspect import signature
from typing import Any

import lightning_infogeo.lightnings as pl
from lightning_infogeo.loggers.adapters.adapter import LoggerAdapter
from lightning_infogeo.loggers.picture import Picture
from lightning_infogeo.markers import Event


class MLFlowAdapter(LoggerAdapter):
    """Figures as images with steps, events as one artifact, the flag as a tag that runs can be searched by."""

    takes = frozenset({"text", "figures", "alerts"})

    @staticmethod
    def fits(logger: Any) -> bool:
        """Returns whether it is Lightning's ``MLFlowLogger``."""
        return isinstance(logger, pl.classes("loggers.MLFlowLogger"))

    def write_text(self, key: str, markdown: str, x: int) -> None:
        """Writes the artifact ``{key}.md``, in place of the one before."""
        self.logger.experiment.log_text(self.logger.run_id, markdown, f"{_allowed(key)}.md")

    def write_figure(self, key: str, picture: Picture, x: int) -> None:
        """Writes an image of this key and step; before MLflow had those, a file for each step."""
        client, run, name = self.logger.experiment, self.logger.run_id, _allowed(key)
        if "key" in signature(client.log_image).parameters:
            client.log_image(run, picture.pixels, key=name, step=x)
        else:
            client.log_image(run, picture.pixels, f"{name}/{x}.png")

    def write_alert(self, key: str, event: Event, state: str) -> None:
        """Sets the tag ``{prefix}.overfitting`` to the flags that stand; MLflow sends no alerts."""
        self.logger.experiment.set_tag(self.logger.run_id, _allowed(key).replace("/", "."), state)


def _allowed(key: str) -> str:
    """Returns a key without what MLflow refuses, as Lightning's logger does it with names of metrics."""
    return re.sub(r"[^a-zA-Z0-9_/. -]+", "", key)
