"""What each kind of logger takes. A logger is added here alone: a class, and its place in ``ADAPTERS``."""

from __future__ import annotations

from typing import Any

import torch

import lightning_infogeo.lightnings as pl
from lightning_infogeo.embedding.embedded_path import EmbeddedPath
from lightning_infogeo.loggers.live_view import LiveView, write_layout
from lightning_infogeo.loggers.picture import Picture


class LoggerAdapter:
    """A logger of Lightning's interface, which takes scalars alone.

    Attributes:
        logger: one of a trainer's ``loggers``.
        takes: of "text", "figures" and "points", what the logger can show beside scalars.
    """

    takes: frozenset[str] = frozenset()

    def __init__(self, logger: Any) -> None:
        self.logger = logger

    @staticmethod
    def fits(logger: Any) -> bool:
        """Returns whether the class is made for this logger."""
        return True

    def key(self, *parts: str) -> str:
        """Returns one key of several parts, with the logger's own separator between them."""
        return str(getattr(self.logger, "group_separator", "/").join(parts))

    def write_scalars(self, scalars: dict[str, float], x: int) -> None:
        """Writes numbers by key."""
        self.logger.log_metrics(scalars, step=x)

    def write_text(self, key: str, markdown: str, x: int) -> None:
        """Writes Markdown; TensorBoard keeps only samples of texts, so each has to hold all that came before."""

    def write_figure(self, key: str, picture: Picture, x: int) -> None:
        """Writes a picture, as the figure of matplotlib's or as its pixels."""

    def write_points(self, key: str, path: EmbeddedPath, x: int, mesh: bool, projector: bool) -> None:
        """Writes a trajectory as points in the unit ball, coloured from its first record to its last."""

    def begin(self, prefix: str, view: LiveView) -> list[str]:
        """Lays out what will be shown first, and returns lines that say how to see it.

        Args:
            prefix: what the keys of this monitor begin with.
            view: what is shown.
        """
        return []


class _TensorBoard(LoggerAdapter):
    takes = frozenset({"text", "figures", "points"})

    @staticmethod
    def fits(logger: Any) -> bool:
        return isinstance(logger, pl.classes("loggers.TensorBoardLogger"))

    def write_text(self, key: str, markdown: str, x: int) -> None:
        self.logger.experiment.add_text(key, markdown, x)

    def write_figure(self, key: str, picture: Picture, x: int) -> None:
        writer = self.logger.experiment
        if type(writer).__module__.startswith("torch."):  # as a file, which is not to be compressed once more here
            from tensorboard.compat.proto.summary_pb2 import Summary  # type: ignore[import-untyped]

            height, width, colours = picture.pixels.shape
            image = Summary.Image(height=height, width=width, colorspace=colours, encoded_image_string=picture.png)
            writer._get_file_writer().add_summary(Summary(value=[Summary.Value(tag=key, image=image)]), x)
        else:
            writer.add_image(key, picture.pixels, x, dataformats="HWC")

    def begin(self, prefix: str, view: LiveView) -> list[str]:
        write_layout(self.logger, prefix, view.charts)
        return view.lines(self.logger)

    def write_points(self, key: str, path: EmbeddedPath, x: int, mesh: bool, projector: bool) -> None:
        points = torch.nn.functional.pad(path.embedding.coordinates, (0, 3))[:, :3].float()
        points = points / points.norm(dim=1).max().clamp_min(1e-12)
        shade = torch.linspace(0, 255, len(points))
        colours = torch.stack([shade, torch.full_like(shade, 80), 255 - shade], dim=1).to(torch.uint8)
        style = {"material": {"cls": "PointsMaterial", "size": 0.03}}
        if mesh:
            self.logger.experiment.add_mesh(key, points[None], colours[None], config_dict=style, global_step=x)
        if projector:
            self.logger.experiment.add_embedding(points, [str(int(s)) for s in path.steps], tag=key, global_step=x)


class _FigureLogger(LoggerAdapter):
    """MLflow's, Comet's, and others."""

    takes = frozenset({"figures"})

    @staticmethod
    def fits(logger: Any) -> bool:
        return hasattr(logger, "log_figure")

    def write_figure(self, key: str, picture: Picture, x: int) -> None:
        self.logger.log_figure(key, picture.figure, step=x)


class _ImageLogger(LoggerAdapter):
    """Weights & Biases' and others: a figure is given as pixels."""

    takes = frozenset({"figures"})

    @staticmethod
    def fits(logger: Any) -> bool:
        return hasattr(logger, "log_image")

    def write_figure(self, key: str, picture: Picture, x: int) -> None:
        self.logger.log_image(key, [picture.pixels], step=x)


ADAPTERS: tuple[type[LoggerAdapter], ...] = (_TensorBoard, _FigureLogger, _ImageLogger, LoggerAdapter)
"""In this order of preference; the last fits every logger."""


def adapter_of(logger: Any) -> LoggerAdapter:
    """Returns the first of ``ADAPTERS`` that fits a logger."""
    return next(adapter for adapter in ADAPTERS if adapter.fits(logger))(logger)


def takes_figures(trainer: pl.Trainer) -> bool:
    """Returns whether this process writes to a logger that takes figures."""
    return trainer.is_global_zero and any("figures" in adapter_of(logger).takes for logger in trainer.loggers)
