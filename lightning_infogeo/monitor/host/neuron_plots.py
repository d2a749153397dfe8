"""Pictures of the neurons and the capacity of their layers, for the loggers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import lightning_infogeo.lightnings as pl
from lightning_infogeo import figures
from lightning_infogeo.lightnings import rank_zero_warn
from lightning_infogeo.loggers import LoggerWriter
from lightning_infogeo.monitor.host.drawing_budget import DrawingBudget
from lightning_infogeo.monitor.host.neuron_log import NeuronTrajectory
from lightning_infogeo.schedules import Clock, LogSpaced, is_int
from lightning_infogeo.topology.capacity import last_capacity

_SHARE = 0.02
_PER_DECADE = 6
_FIRST = 9
Trajectories = Callable[[], Mapping[str, NeuronTrajectory]]
"""Returns what was recorded of each layer; it raises where the layers have changed meanwhile."""


class NeuronPlots:
    """Logs what neurons show: their layers' capacity while training runs, graphs and sheets at its end.

    Args:
        writer: to the loggers; where it is strict, what fails raises.
        state: to go on from; empty to begin.

    Raises:
        ValueError: where the state is not one of this class.
    """

    def __init__(self, writer: LoggerWriter, state: Mapping[str, Any]) -> None:
        shown = state.get("shown", _FIRST)
        if not is_int(shown):
            raise ValueError(f"no step: {shown!r}")
        self._shown: int = shown
        self._writer = writer
        self._budget = DrawingBudget(_SHARE)

    def due(self, step: int) -> bool:
        """Returns whether to log the capacity at this step: at log-spaced records, as long as it is cheap."""
        following = LogSpaced(_PER_DECADE).next_step(self._shown, Clock(step)) if step > self._shown else None
        return following is not None and following <= step and self._budget.affords()

    def show(self, trainer: pl.Trainer, step: int, x: int, trajectories: Trajectories) -> None:
        """Logs the effective capacity of each layer."""
        self._shown = step
        with self._budget.spending(), _only_warned(self._writer.strict):
            scalars: dict[tuple[str, ...], float] = {
                ("neurons", layer, "capacity"): last_capacity(vectors)
                for layer, (_, vectors) in trajectories().items()
                if vectors[-1].isfinite().all()
            }
            self._writer.write_scalars(trainer, x, scalars)

    def finish(self, trainer: pl.Trainer, x: int, trajectories: Trajectories) -> None:
        """Draws graphs, paths, norms, capacities and sheets of the first layers, at the end of training."""
        with _only_warned(self._writer.strict):
            if self._writer.takes(trainer, "figures") and any(len(steps) >= 3 for steps, _ in trajectories().values()):
                for name, figure in figures.neurons(trajectories()):
                    self._writer.write_figure(trainer, f"neurons/{name}", figure, x)

    def state_dict(self) -> dict[str, Any]:
        """Returns plain numbers to go on from."""
        return {"shown": self._shown}


@contextmanager
def _only_warned(strict: bool) -> Iterator[None]:
    """Warns of what cannot be shown, and lets training go on."""
    try:
        yield
    except Exception as error:
        if strict:
            raise
        rank_zero_warn(
            f"`InfoGeometryMonitor(neurons=...)`: showing them raised {type(error).__name__}: {error}. They are "
            "recorded all the same."
        )
