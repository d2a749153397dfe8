"""TensorBoard, and what hooks it, such as ClearML."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

import lightning_infogeo.lightnings as pl
from lightning_infogeo.embedding.embedded_path import EmbeddedPath
from lightning_infogeo.loggers.adapters.adapter import LoggerAdapter
from lightning_infogeo.loggers.layout import write_layout
from lightning_infogeo.loggers.live_view import LiveView
from lightning_infogeo.loggers.picture import Picture
from lightning_infogeo.loggers.plugin_tensors import PluginTensor, is_torch_writer, write_tensors


class TensorBoardAdapter(LoggerAdapter):
    """Figures among the images, events in *Text*, and what the tab reads."""

    takes = frozenset({"text", "figures", "points", "tensors"})

    @staticmethod
    def fits(logger: Any) -> bool:
        """Returns whether it is Lightning's ``TensorBoardLogger``."""
        return isinstance(logger, pl.classes("loggers.TensorBoardLogger"))

    def write_text(self, key: str, markdown: str, x: int) -> None:
        """Writes Markdown by ``add_text``."""
        self.logger.experiment.add_text(key, markdown, x)

    def write_figure(self, key: str, picture: Picture, x: int) -> None:
        """Writes a picture as the file that it is: ``add_image`` would compress it once more."""
        writer, (height, width, colours) = self.logger.experiment, picture.pixels.shape
        if not is_torch_writer(writer):
            writer.add_image(key, picture.pixels, x, dataformats="HWC")
            return
        from tensorboard.compat.proto.summary_pb2 import Summary

        image = Summary.Image(height=height, width=width, colorspace=colours, encoded_image_string=picture.png)
        writer._get_file_writer().add_summary(Summary(value=[Summary.Value(tag=key, image=image)]), x)

    def write_tensors(self, tensors: Sequence[PluginTensor], step: int) -> None:
        """Queues tensors for the event file."""
        if is_torch_writer(self.logger.experiment):
            write_tensors(self.logger.experiment._get_file_writer(), tensors, step)

    def begin(self, prefix: str, view: LiveView) -> list[str]:
        """Writes a *Custom Scalars* layout; returns the command that opens TensorBoard, and a link to its page."""
        write_layout(self.logger, prefix, view.charts)
        return view.lines(self.logger)

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
