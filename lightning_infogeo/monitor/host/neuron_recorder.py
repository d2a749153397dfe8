"""The incoming weights of neurons, followed on the schedule of the records, in the first process only."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

import lightning_infogeo.lightnings as pl
from lightning_infogeo import figures
from lightning_infogeo.copies import Portable
from lightning_infogeo.errors import ConfigurationError
from lightning_infogeo.lightnings import rank_zero_warn
from lightning_infogeo.loggers import HostCopies, LoggerWriter, takes_figures
from lightning_infogeo.schedules import Clock, LogSpaced, Schedule, is_int
from lightning_infogeo.topology import (
    NeuronRecorder,
    NeuronSettings,
    effective_capacity,
    learning_graph,
    learning_surface,
    neuron_cloud,
)

ROOM = "neurons/"
"""What the names of their groups in an archive begin with."""

_UNFORESEEN = 512
_MOST = 4096
_SHARE = 0.02
_PER_DECADE = 6
_RECORDS, _NEURONS = 12, 512
"""Of which the capacity shown while training runs is made, at most."""

_LAYERS = 4
"""Drawn at the end of training, at most."""


class NeuronTrajectory(NamedTuple):
    """The neurons of one layer.

    Attributes:
        steps: of the records, shape (T,), int64.
        vectors: incoming weights, or their projections, shape (T, neurons, fan_in), float32.
    """

    steps: Tensor
    vectors: Tensor


class Neurons(Portable, left_behind={"archived": False, "_recorder": None, "_fresh": {}}):
    """Records them, keeps them within the budget on the host, and shows what can be shown.

    Args:
        settings: which layers, and how many bytes; None to follow none.
        publisher: to the loggers.

    Attributes:
        archived: whether an archive takes every record; only then are they kept for it.
    """

    def __init__(self, settings: NeuronSettings | None, publisher: LoggerWriter) -> None:
        self.archived = False
        self._settings = settings
        self._publisher = publisher
        self._recorder: NeuronRecorder | None = None
        self._mail: dict[str, HostCopies] = {}
        self._kept: dict[int, dict[str, Tensor]] = {}
        self._fresh: dict[int, dict[str, Tensor]] = {}
        self._planned = 0
        self._shown = 9
        self._spent, self._began = 0.0, time.monotonic()

    @property
    def active(self) -> bool:
        """Whether any are followed."""
        return self._settings is not None and self._recorder is not None

    @property
    def shapes(self) -> dict[str, tuple[int, int]]:
        """Of one record, by layer; known after ``prepare``."""
        return {} if self._recorder is None else dict(self._recorder.shapes)

    @property
    def attributes(self) -> dict[str, dict[str, Any]]:
        """What an archive says of each layer: the seed and relative error of its projection, where there is one."""
        if self._recorder is None or self._settings is None:
            return {}
        projections, seed = self._recorder.projections, self._settings.seed
        return {
            layer: {"projected": {"seed": seed, "relative_error": projections[layer].relative_error}}
            if layer in projections
            else {}
            for layer in self._recorder.layers
        }

    def prepare(self, module: nn.Module, records: int) -> None:
        """Chooses the layers and, where the budget asks for it, their projections.

        Raises:
            ConfigurationError: where there are no such layers, or other ones than before.
        """
        if self._settings is None:
            return
        self._planned = self._planned or records
        try:
            self._recorder = self._settings.start(module, self._planned)
        except ValueError as error:
            raise ConfigurationError(f"`InfoGeometryMonitor(neurons=...)`: {error}") from error
        before = next(iter(self._kept.values()), None)
        shapes = {layer: tuple(vectors.shape) for layer, vectors in before.items()} if before else self.shapes
        if shapes != self.shapes:
            raise ConfigurationError(
                f"`InfoGeometryMonitor(neurons=...)`: finds layers {self.shapes} where those so far are {shapes}; go "
                "on with the same settings and model."
            )
        self._spent, self._began = 0.0, time.monotonic()

    def record(self, step: int, module: nn.Module) -> None:
        """Starts the copy of the vectors as they are now; reads nothing back from the device."""
        if self._recorder is not None and self._settings is not None:
            for layer, vectors in self._recorder.record(module).items():
                self._mail.setdefault(layer, HostCopies()).start_copy(step, None, vectors)

    def receive(self) -> None:
        """Takes in what has reached the host; where that is more than the budget, every second record goes."""
        for layer, mailbox in self._mail.items():
            for step, _, vectors in mailbox.finished():
                if self.archived:
                    self._fresh.setdefault(step, {})[layer] = vectors
                self._kept.setdefault(step, {})[layer] = vectors
        if self._recorder is None or self._settings is None:
            return
        while len(self._kept) > 3 and len(self._kept) * self._recorder.bytes > self._settings.memory:
            steps = sorted(self._kept)
            kept = {steps[0], *steps[-1::-2]}
            self._kept = {step: vectors for step, vectors in self._kept.items() if step in kept}

    def taken(self, step: int) -> dict[str, np.ndarray[Any, Any]]:
        """Returns the vectors of one record, by layer, for the archive; each once."""
        self.receive()
        vectors = self._fresh.pop(step, {})
        self._fresh = {other: waiting for other, waiting in self._fresh.items() if other > step}
        return {layer: values.numpy() for layer, values in vectors.items()}

    @property
    def trajectories(self) -> dict[str, NeuronTrajectory]:
        """What is kept of each layer."""
        self.receive()
        steps = sorted(self._kept)
        layers = self._kept[steps[0]] if steps else {}
        at = torch.tensor(steps, dtype=torch.int64)
        return {layer: NeuronTrajectory(at, torch.stack([self._kept[s][layer] for s in steps])) for layer in layers}

    def show(self, trainer: pl.Trainer, step: int, x: int | None) -> None:
        """Logs the effective capacity of each layer, at log-spaced records as far as that is cheap."""
        if not self.active or x is None or step <= self._shown:
            return
        following = LogSpaced(_PER_DECADE).next_step(self._shown, Clock(step))
        affordable = self._spent <= _SHARE * (time.monotonic() - self._began)
        if following is None or following > step or not affordable:
            return
        self._shown, began = step, time.monotonic()
        with _excused(self._publisher.strict):
            scalars: dict[tuple[str, ...], float] = {
                ("neurons", layer, "capacity"): value for layer, value in self._capacities()
            }
            self._publisher.write_scalars(trainer, x, scalars)
        self._spent += time.monotonic() - began

    def finish(self, trainer: pl.Trainer, x: int) -> None:
        """Draws graphs, paths, norms, capacities and sheets of the first layers, at the end of training."""
        if not self.active or not takes_figures(trainer) or len(self._kept) < 3:
            return
        with _excused(self._publisher.strict):
            for name, figure in self._drawn():
                self._publisher.write_figure(trainer, f"{ROOM}{name}", figure, x)

    def release(self) -> None:
        """Takes everything off the device."""
        self.receive()
        self._recorder = None

    def state_dict(self) -> dict[str, Any]:
        """Returns CPU tensors and plain numbers from which ``load_state_dict`` goes on."""
        self.receive()
        return {
            "planned": self._planned,
            "shown": self._shown,
            "kept": {step: dict(vectors) for step, vectors in self._kept.items()},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes on from where ``state_dict`` left off; to be followed by ``prepare``."""
        planned, shown = state.get("planned", 0), state.get("shown", self._shown)
        if not (is_int(planned) and is_int(shown)):
            raise ValueError(f"no numbers of records: {planned!r}, {shown!r}")
        self.receive()
        self._fresh.clear()
        self._planned, self._shown = planned, shown
        self._kept = {step: dict(vectors) for step, vectors in state.get("kept", {}).items()}

    def _capacities(self) -> Iterator[tuple[str, float]]:
        for layer, (steps, vectors) in self.trajectories.items():
            if vectors[-1].isfinite().all():
                records = torch.linspace(0, len(steps) - 1, min(len(steps), _RECORDS)).round().long()
                neurons = torch.linspace(0, vectors.shape[1] - 1, min(vectors.shape[1], _NEURONS)).round().long()
                yield layer, float(effective_capacity(vectors[records][:, neurons]).clusters[-1])

    def _drawn(self) -> Iterator[tuple[str, Any]]:
        layers = {}
        for layer, (steps, vectors) in list(self.trajectories.items())[:_LAYERS]:
            finite = vectors.flatten(1).isfinite().all(1)
            if finite.sum() >= 3:
                layers[layer or "(module)"] = (vectors[finite], steps[finite])
        if not layers:
            return
        clouds = {layer: neuron_cloud(*of) for layer, of in layers.items()}
        yield "tree", figures.learning_tree({layer: learning_graph(cloud) for layer, cloud in clouds.items()})
        yield "paths", figures.neuron_paths(layers)
        yield "norms", figures.weight_norms(layers)
        yield "capacity", figures.capacity({layer: effective_capacity(cloud) for layer, cloud in clouds.items()})
        surfaces = {layer: learning_surface(cloud) for layer, cloud in clouds.items()}
        yield "sheets", figures.sheets(surfaces, next(iter(clouds.values())).steps)


def foreseen(schedule: Schedule, clock: Clock) -> int:
    """Returns how many records a training will make, as far as that can be told; 512 where it cannot."""
    step, count = 0, 1
    while clock.final is not None and step < clock.final and count < _MOST:
        following = schedule.next_step(step, clock._replace(step=step))
        if following is None:
            return max(count, _UNFORESEEN)
        step, count = max(following, step + 1), count + 1
    return _UNFORESEEN if clock.final is None else count + 1


@contextmanager
def _excused(strict: bool) -> Iterator[None]:
    """Lets what cannot be shown be warned of, and training go on."""
    try:
        yield
    except Exception as error:
        if strict:
            raise
        rank_zero_warn(
            f"`InfoGeometryMonitor(neurons=...)`: showing them raised {type(error).__name__}: {error}. They are "
            "recorded all the same."
        )
