"""Writing records to every logger of a trainer, and into its ``callback_metrics``."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

import lightning_infogeo.lightnings as pl
from lightning_infogeo.copies import Portable
from lightning_infogeo.distributions import finite
from lightning_infogeo.embedding.embedded_path import EmbeddedPath
from lightning_infogeo.lightnings import rank_zero_warn
from lightning_infogeo.loggers.adapters import LoggerAdapter, adapter_of
from lightning_infogeo.loggers.live_view import LiveView
from lightning_infogeo.loggers.picture import Picture
from lightning_infogeo.loggers.plugin_tensors import PluginTensor
from lightning_infogeo.markers.event import OVERFITTING, RECOVERED, Event, standing_flags

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class LoggerWriter(Portable, left_behind={"_failed": set()}):
    """Writes records to every logger of a trainer and into its ``callback_metrics``.

    It does not use ``self.log``, which keeps the last value and writes it again at Lightning's own steps.

    Args:
        prefix: what the keys begin with.
        strict: whether a logger that raises stops training; otherwise one warning is given, and the logger gets no more
            of what it raised on: scalars, texts, figures, points, alerts or tensors.
        unlogged: keys of what goes into ``callback_metrics`` alone.
    """

    def __init__(self, prefix: str, strict: bool, unlogged: Collection[tuple[str, ...]] = ()) -> None:
        self.prefix = prefix
        self.strict = strict
        self._unlogged = frozenset(unlogged)
        self._failed: set[tuple[int, str]] = set()
        self._finite = torch.empty(0)

    def restore(self, trainer: pl.Trainer, last: Mapping[tuple[str, ...], float], like: Tensor) -> None:
        """Puts the last finite values back into ``callback_metrics``, which a new fit begins without.

        Args:
            trainer: of the fit that begins.
            last: NaN for what has not been finite yet.
            like: a tensor of the type and on the device of the vectors to come.
        """
        self.write_scalars(trainer, None, last)
        self._finite = torch.tensor(list(last.values()), dtype=like.dtype).to(like.device)

    def release(self) -> None:
        """Takes everything off the device; ``restore`` brings it back."""
        self._finite = torch.empty(0)

    def replace_metrics(self, trainer: pl.Trainer, keys: Sequence[tuple[str, str]], values: Tensor) -> None:
        """Replaces ``callback_metrics`` by ``values`` where these are finite, without reading either from the device.

        A key without a finite value so far is left to ``write_scalars``, which knows on the host when there is one.
        """
        self._finite = torch.where(finite(values), values, self._finite)
        metrics = _callback_metrics(trainer)
        for key, value in zip(keys, self._finite.unbind(), strict=True):
            name = "/".join((self.prefix, *key))
            if name in metrics:
                metrics[name] = value

    def write_scalars(self, trainer: pl.Trainer, x: int | None, scalars: Mapping[tuple[str, ...], float]) -> None:
        """Writes one record, by (probe, quantity), or (quantity,) for what is not of one probe.

        What is not finite is left out: in a chart it would be no point, and in ``callback_metrics`` it would make
        EarlyStopping stop the run: there the last finite value stays.
        """
        finite = {key: value for key, value in scalars.items() if math.isfinite(value)}
        _callback_metrics(trainer).update(
            {"/".join((self.prefix, *key)): torch.tensor(value) for key, value in finite.items()}
        )
        if x is None or not trainer.is_global_zero:
            return
        for adapter in self._working(trainer, "scalars"):
            with self._guarding(adapter, "scalars"):
                logged = {key: value for key, value in finite.items() if key not in self._unlogged}
                values = {adapter.key(self.prefix, *"/".join(key).split("/")): value for key, value in logged.items()}
                if values:
                    adapter.write_scalars(values, x)

    def begin(self, trainer: pl.Trainer, view: LiveView) -> list[str]:
        """Lays out what will be shown first where a logger can do that; returns lines that say how to see it.

        A logger on which that fails still gets everything else.
        """
        lines = []
        for adapter in self._working(trainer, "scalars") if trainer.is_global_zero else ():
            try:
                lines += adapter.begin(self.prefix, view)
            except Exception as error:
                if self.strict:
                    raise
                rank_zero_warn(
                    f"`InfoGeometryMonitor`: no charts are laid out in `{type(adapter.logger).__name__}`, which raised "
                    f"{type(error).__name__}: {error}. It gets everything else."
                )
        return lines

    def show_verdict(self, trainer: pl.Trainer, verdict: str) -> None:
        """Shows a word in the progress bar; an empty one is not shown."""
        bar: dict[str, Any] = trainer._logger_connector._progress_bar_metrics
        if verdict:
            bar[self.prefix] = Word(verdict)
        else:
            bar.pop(self.prefix, None)

    def write_text(self, trainer: pl.Trainer, key: str, markdown: str, x: int | None) -> None:
        """Writes Markdown to the loggers that take it."""
        if x is None or not trainer.is_global_zero:
            return
        for adapter in self._working(trainer, "text"):
            with self._guarding(adapter, "text"):
                adapter.write_text(f"{self.prefix}/{key}", markdown, x)

    def write_events(self, trainer: pl.Trainer, events: Sequence[Event], new: Sequence[Event], x: int | None) -> None:
        """Writes all events so far, and alerts to flags that were raised or withdrawn.

        Args:
            trainer: whose loggers get them.
            events: of the training so far.
            new: those that were not known at the record before; each alerts once.
            x: step of the loggers' axis; None where they do not get the record.
        """
        if x is None or not new or not trainer.is_global_zero:
            return
        for adapter in self._working(trainer, "text"):
            with self._guarding(adapter, "text"):
                adapter.write_events(f"{self.prefix}/events", events, x)
        standing = "; ".join(flag.headline for flag in standing_flags(events))
        for event in new:
            if event.name in (OVERFITTING, RECOVERED):
                for adapter in self._working(trainer, "alerts"):
                    with self._guarding(adapter, "alerts"):
                        adapter.write_alert(f"{self.prefix}/{OVERFITTING}", event, standing or event.headline)

    def write_figure(self, trainer: pl.Trainer, key: str, figure: Figure | Picture, x: int) -> None:
        """Writes a figure to the loggers that take one; it is drawn once for all of them."""
        adapters = list(self._working(trainer, "figures"))
        if not adapters:
            return
        picture = figure if isinstance(figure, Picture) else Picture.of(figure)
        for adapter in adapters:
            with self._guarding(adapter, "figures"):
                adapter.write_figure(adapter.key(self.prefix, *key.split("/")), picture, x)

    def write_points(
        self, trainer: pl.Trainer, paths: Mapping[str, EmbeddedPath], x: int, mesh: bool, projector: bool
    ) -> None:
        """Writes trajectories as points in three dimensions to the loggers that take them."""
        for adapter in self._working(trainer, "points"):
            for name, path in paths.items():
                with self._guarding(adapter, "points"):
                    key = f"{self.prefix}/{name.replace(', ', '+')}/points"
                    adapter.write_points(key, path, x, mesh, projector)

    def write_tensors(self, trainer: pl.Trainer, tensors: Sequence[PluginTensor], step: int) -> None:
        """Writes what the tab in TensorBoard reads, at a number of optimizer steps."""
        for adapter in self._working(trainer, "tensors"):
            with self._guarding(adapter, "tensors"):
                adapter.write_tensors(tensors, step)

    def takes(self, trainer: pl.Trainer, content: str) -> bool:
        """Returns whether this process writes to a logger that takes such content, and has not failed to."""
        return trainer.is_global_zero and any(self._working(trainer, content))

    def _working(self, trainer: pl.Trainer, content: str) -> Iterator[LoggerAdapter]:
        """Yields the loggers that take something and have not failed to; all take scalars."""
        for adapter in map(adapter_of, trainer.loggers):
            if content in adapter.takes | {"scalars"} and (id(adapter.logger), content) not in self._failed:
                yield adapter

    @contextmanager
    def _guarding(self, adapter: LoggerAdapter, content: str) -> Iterator[None]:
        """Saves what the block has written; where the logger raises, it gets no more of the like from then on."""
        logger = adapter.logger
        try:
            yield
            if hasattr(logger, "save"):
                logger.save()
        except Exception as error:
            if self.strict:
                raise
            self._failed.add((id(logger), content))
            rank_zero_warn(
                f"`InfoGeometryMonitor`: `{type(logger).__name__}` raised {type(error).__name__}: {error}. It gets no "
                f"more {content}; other loggers and `monitor.trajectories` still get all curves."
            )


class Word(str):
    """A word in the progress bar, which others may take for a number: 1 where a flag stands, else 0."""

    def __float__(self) -> float:
        return float("flag" in self)

    def __format__(self, spec: str) -> str:
        try:
            return super().__format__(spec)
        except ValueError:  # made for numbers
            return str(self)


def _callback_metrics(trainer: pl.Trainer) -> dict[str, Tensor]:
    """What ``trainer.callback_metrics`` adds to; asking that itself would read every progress-bar metric."""
    return trainer._logger_connector._callback_metrics
