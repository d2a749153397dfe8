"""What a logger can be given: scalars, and where it takes them texts, figures, points and alerts."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, ClassVar

from lightning_infogeo.embedding.embedded_path import EmbeddedPath
from lightning_infogeo.loggers.live_view import LiveView
from lightning_infogeo.loggers.picture import Picture
from lightning_infogeo.loggers.plugin_tensors import PluginTensor
from lightning_infogeo.loggers.summary import event_list
from lightning_infogeo.markers import Event


class LoggerAdapter:
    """A logger of Lightning's interface, which takes scalars alone.

    Attributes:
        logger: one of a trainer's ``loggers``.
        takes: of "text", "figures", "points", "alerts" and "tensors", what the logger can show beside scalars.
    """

    takes: ClassVar[frozenset[str]] = frozenset()

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

    def write_events(self, key: str, events: Sequence[Event], x: int) -> None:
        """Writes all events so far, as text where the logger has nothing better for a list."""
        self.write_text(key, event_list(events), x)

    def write_alert(self, key: str, event: Event, state: str) -> None:
        """Writes, once, that an overfitting flag was raised or withdrawn, where the user is alerted to it.

        Args:
            key: of the flag, one for the whole training.
            event: "overfitting" or "recovered".
            state: what holds of all probes now, in the words of events: the flags that stand, or else this event.
        """

    def write_figure(self, key: str, picture: Picture, x: int) -> None:
        """Writes a picture, as the figure of matplotlib's or as its pixels."""

    def write_points(self, key: str, path: EmbeddedPath, x: int, mesh: bool, projector: bool) -> None:
        """Writes a trajectory as points in the unit ball, coloured from its first record to its last."""

    def write_tensors(self, tensors: Sequence[PluginTensor], step: int) -> None:
        """Writes what the tab in TensorBoard reads, at a number of optimizer steps."""

    def begin(self, prefix: str, view: LiveView) -> list[str]:
        """Lays out what will be shown first, and returns lines that say how to see it.

        Args:
            prefix: what the keys of this monitor begin with.
            view: what is shown.
        """
        return []


def loaded(module: str, name: str) -> tuple[type, ...]:
    """Returns a class of a package that may not be installed, or nothing as long as nobody has imported it.

    Example:
        >>> loaded("aim.sdk.adapters.pytorch_lightning", "AimLogger")
        ()
    """
    kind = getattr(sys.modules.get(module), name, None)
    return () if kind is None else (kind,)
