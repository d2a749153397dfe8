"""TensorBoard, and what hooks it, such as ClearML."""

from __future__ import annotations

from typing import Any

import torch

import lightning_infogeo.lightnings as pl
from lightning_infogeo.embedding.embedded_path import EmbeddedPath
from lightning_infogeo.loggers.adapters.adapter import LoggerAdapter


class TensorBoardAdapter(LoggerAdapter):
    """Figures among the images, events in *Text*. Its writer puts whatever it gets into a queue that threads share."""

    takes = frozenset({"text", "figures", "points"})
    threads = True

    @staticmethod
    def fits(logger: Any) -> bool:
        """Returns whether it is Lightning's ``TensorBoardLogger``."""
        return isinstance(logger, pl.classes("loggers.TensorBoardLogger"))

    def write_text(self, key: str, markdown: str, x: int) -> None:
        """Writes Markdown by ``add_text``."""
        self.logger.experiment.add_text(key, markdown, x)

    def write_figure(self, key: str, figure: Any, x: int) -> None:
        """Writes a figure by ``add_figure``."""
        self.logger.experiment.add_figure(key, figure, x)

    def write_points(self, key: str, path: EmbeddedPath, x: int, mesh: bool, projector: bool) -> None:
        """Writes points by ``add_mesh`` and ``add_embedding``."""
        points = torch.nn.functional.pad(path.embedding.coordinates, (0, 3))[:, :3].float()
        points = points / points.norm(dim=1).max().clamp_min(1e-12)
        shade = torch.linspace(0, 255, len(points))
        colours = torch.stack([shade, torch.full_like(shade, 80), 255 - shade], dim=1).to(torch.uint8)
        style = {"material": {"cls": "PointsMaterial", "size": 0.03}}
        if mesh:
            self.logger.experiment.add_mesh(key, points[None], colours[None], config_dict=style, global_step=x)
        if projector:
            self.logger.experiment.add_embedding(points, [str(int(s)) for s in path.steps], tag=key, global_step=x)
