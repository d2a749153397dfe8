"""What a logger can be given: scalars, and where it takes them texts, figures, points and alerts."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from lightning_infogeo.embedding.embedded_path import EmbeddedPath
from lightning_infogeo.loggers.summary import event_list
from lightning_infogeo.markers import Event

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class LoggerAdapter:
    """A logger of Lightning's interface, which takes scalars alone.

    Attributes:
        logger: one of a trainer's ``loggers``.
        takes: of "text", "figures", "points" and "alerts", what the logger can show beside scalars.
        threads: whether a figure may be written from another thread than the one that writes scalars, once that has
            written some (Lightning's loggers open their files at the first call, without a lock); False where neither
            documentation nor source of the logger says so.
    """

    takes: ClassVar[frozenset[str]] = frozenset()
    threads: ClassVar[bool] = False

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

    def write_figure(self, key: str, figure: Figure, x: int) -> None:
        """Writes a figure of matplotlib's."""

    def write_points(self, key: str, path: EmbeddedPath, x: int, mesh: bool, projector: bool) -> None:
        """Writes a trajectory as points in the unit ball, coloured from its first record to its last."""


def loaded(module: str, name: str) -> tuple[type, ...]:
    """Returns a class of a package that may not be installed, or nothing as long as nobody has imported it.

    Example:
        >>> loaded("aim.sdk.adapters.pytorch_lightning", "AimLogger")
        ()
    """
    kind = getattr(sys.modules.get(module), name, None)
    return () if kind is None else (kind,)


def pixels(figure: Figure) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Returns a figure as red, green, blue and opacity, (height, width, 4), at the figure's own resolution."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())
