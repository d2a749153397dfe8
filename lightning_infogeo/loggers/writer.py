"""Into every logger of a trainer, and into its ``callback_metrics``."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor

import lightning_infogeo.lightnings as pl
from lightning_infogeo.copies import Portable
from lightning_infogeo.embedding.embedded_path import EmbeddedPath
from lightning_infogeo.lightnings import rank_zero_warn


class LoggerWriter(Portable, left_behind={"_lost": set()}):
    """Writes scalars to every logger of a trainer and into its ``callback_metrics``.

    Not by ``self.log``, which keeps the last value and writes it again at Lightning's own steps.

    Args:
        prefix: what the keys begin with.
        strict: whether a logger that raises stops training; otherwise it is warned of once and left out from then on.
    """

    def __init__(self, prefix: str, strict: bool) -> None:
        self.prefix = prefix
        self.strict = strict
        self._lost: set[int] = set()
        self._finite = torch.empty(0)

    def restore(self, trainer: pl.Trainer, last: Mapping[tuple[str, ...], float], like: Tensor) -> None:
        """Puts the last finite values back into ``callback_metrics``, which a new fit begins without.

        Args:
            trainer: of the fit that begins.
            last: NaN for what has not been finite yet.
            like: a tensor of the type and on the device of the vectors to come.
        """
        self.publish(trainer, None, last)
        self._finite = torch.tensor(list(last.values()), dtype=like.dtype).to(like.device)

    def release(self) -> None:
        """Takes everything off the device; ``restore`` brings it back."""
        self._finite = torch.empty(0)

    def anticipate(self, trainer: pl.Trainer, keys: Sequence[tuple[str, str]], values: Tensor) -> None:
        """Replaces what ``callback_metrics`` hold by ``values``, where these are finite, without reading either.

        Keys that no finite value has reached yet are left to ``publish``, which knows on the host that one has.
        """
        self._finite = torch.where(values.isfinite(), values, self._finite)
        metrics = _callback_metrics(trainer)
        for key, value in zip(keys, self._finite.unbind(), strict=True):
            name = "/".join((self.prefix, *key))
            if name in metrics:
                metrics[name] = value

    def publish(self, trainer: pl.Trainer, x: int | None, scalars: Mapping[tuple[str, ...], float]) -> None:
        """Publishes one record, given by (probe, quantity), or (quantity,) for what is not of one probe.

        NaN goes to the loggers, so that their keys never change, but not into ``callback_metrics``, where it would make
        EarlyStopping stop the run: there the last finite value stays.
        """
        _callback_metrics(trainer).update(
            {
                "/".join((self.prefix, *key)): torch.tensor(value)
                for key, value in scalars.items()
                if math.isfinite(value)
            }
        )
        if x is None or not trainer.is_global_zero:
            return
        for logger in self._alive(trainer):
            separator = getattr(logger, "group_separator", "/")
            with self._guarding(logger):
                metrics = {
                    separator.join((self.prefix, *"/".join(key).split("/"))): value for key, value in scalars.items()
                }
                logger.log_metrics(metrics, step=x)

    def publish_text(self, trainer: pl.Trainer, key: str, markdown: str, x: int | None) -> None:
        """Sends Markdown to TensorBoard, which keeps only samples of texts: each has to hold all that came before."""
        if x is None or not trainer.is_global_zero:
            return
        for logger in self._alive(trainer):
            if _is_tensorboard(logger):
                with self._guarding(logger):
                    logger.experiment.add_text("/".join((self.prefix, key)), markdown, x)

    def publish_figure(self, trainer: pl.Trainer, key: str, figure: Any, x: int) -> None:
        """Sends a figure to every logger that takes one."""
        for logger in self._alive(trainer):
            tag = getattr(logger, "group_separator", "/").join((self.prefix, key))
            with self._guarding(logger):
                if _is_tensorboard(logger):
                    logger.experiment.add_figure(tag, figure, x)
                elif hasattr(logger, "log_figure"):
                    logger.log_figure(tag, figure, step=x)
                elif hasattr(logger, "log_image"):
                    logger.log_image(tag, [_pixels(figure)], step=x)

    def publish_points(
        self, trainer: pl.Trainer, pictures: Mapping[str, EmbeddedPath], x: int, mesh: bool, projector: bool
    ) -> None:
        """Sends trajectories as points in three dimensions to TensorBoard's Mesh and Projector plugins."""
        style = {"material": {"cls": "PointsMaterial", "size": 0.03}}
        for logger in self._alive(trainer):
            if not _is_tensorboard(logger):
                continue
            for name, picture in pictures.items():
                points = torch.nn.functional.pad(picture.embedding.coordinates, (0, 3))[:, :3].float()
                points = points / points.norm(dim=1).max().clamp_min(1e-12)
                shade = torch.linspace(0, 255, len(points))
                colours = torch.stack([shade, torch.full_like(shade, 80), 255 - shade], dim=1).to(torch.uint8)
                tag = f"{self.prefix}/{name.replace(', ', '+')}/points"
                with self._guarding(logger):
                    if mesh:
                        logger.experiment.add_mesh(tag, points[None], colours[None], config_dict=style, global_step=x)
                    if projector:
                        steps = [str(int(step)) for step in picture.steps]
                        logger.experiment.add_embedding(points, steps, tag=tag, global_step=x)

    def _alive(self, trainer: pl.Trainer) -> Iterator[Any]:
        yield from (logger for logger in trainer.loggers if id(logger) not in self._lost)

    @contextmanager
    def _guarding(self, logger: Any) -> Iterator[None]:
        """Writes out what the block has sent; where that raises, only this logger is lost."""
        try:
            yield
            if hasattr(logger, "save"):
                logger.save()
        except Exception as error:
            if self.strict:
                raise
            self._lost.add(id(logger))
            rank_zero_warn(
                f"`InfoGeometryMonitor`: `{type(logger).__name__}` raised {type(error).__name__}: {error}. It gets "
                "no more of this monitor's curves; other loggers and `monitor.trajectories` do."
            )


def takes_figures(trainer: pl.Trainer) -> bool:
    """Returns whether any logger of the trainer does."""
    loggers = trainer.loggers if trainer.is_global_zero else []
    methods = ("log_figure", "log_image")
    return any(_is_tensorboard(logger) or any(hasattr(logger, m) for m in methods) for logger in loggers)


def _is_tensorboard(logger: object) -> bool:
    return isinstance(logger, pl.classes("loggers.TensorBoardLogger"))


def _pixels(figure: Any) -> np.ndarray[Any, np.dtype[np.uint8]]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())


def _callback_metrics(trainer: pl.Trainer) -> dict[str, Tensor]:
    """What ``trainer.callback_metrics`` adds to; asking that itself would read every progress-bar metric."""
    return trainer._logger_connector._callback_metrics
