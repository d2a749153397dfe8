"""From vectors on the device to trajectories on the host, and from there to the loggers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.utilities import rank_zero_warn
from torch import Tensor

from lightning_infogeo.report import Mailbox, Publisher
from lightning_infogeo.trajectory import Trajectory


class Journal:
    """Keeps what was recorded and passes it on, each record once.

    Args:
        prefix: what the keys of loggers begin with.
        strict: whether non-finite logits and failing loggers raise.

    Attributes:
        trajectories: one a probe; complete after ``receive``.
        failed: whether the first process has failed to make a record.
        publisher: to the loggers.
    """

    def __init__(self, prefix: str, strict: bool) -> None:
        self.trajectories: dict[str, Trajectory] = {}
        self.failed = False
        self.strict = strict
        self._mailbox = Mailbox()
        self.publisher = Publisher(prefix, strict)
        self._unpublished: list[tuple[int, int | None, dict[tuple[str, str], float]]] = []
        self._warned_of_nan = False

    @property
    def waiting(self) -> bool:
        """Whether there is anything to deliver."""
        return bool(self._mailbox) or bool(self._unpublished)

    @property
    def size(self) -> int:
        """Number of values in the vector of a record."""
        return len(self.keys)

    @property
    def keys(self) -> list[tuple[str, str]]:
        """Probe and quantity of every value in the vector of a record."""
        return [(name, quantity) for name, kept in self.trajectories.items() for quantity in kept.quantities]

    def begin(self, trainer: pl.Trainer, dtype: torch.dtype, device: torch.device) -> None:
        """Gets ready for vectors of this type and on this device; ``callback_metrics`` are as they were last."""
        last = {}
        for name, quantity in self.keys:
            values = getattr(self.trajectories[name], quantity)
            finite = values[values.isfinite()]
            last[name, quantity] = finite[-1].item() if len(finite) else math.nan
        self.publisher.restore(trainer, last, torch.empty(0, dtype=dtype, device=device))
        self.failed = False

    def post(self, trainer: pl.Trainer, step: int, x: int | None, vector: Tensor) -> None:
        """Takes a record: whether there is one, 1 or NaN, and the quantities of all probes, one after the other.

        ``callback_metrics`` hold its values at once, still on the device: a callback that scores the weights of this
        step must not score them by the record before.
        """
        self._mailbox.post(step, x, vector)
        self.publisher.anticipate(trainer, self.keys, vector[1:])

    def receive(self) -> None:
        """Moves what was posted into the trajectories."""
        for step, x, (recorded, *values) in self._mailbox.collect():
            if recorded != recorded:
                self.failed = True
                continue
            scalars: dict[tuple[str, str], float] = {}
            for name, trajectory in self.trajectories.items():
                row, values = values[: len(trajectory.quantities)], values[len(trajectory.quantities) :]
                trajectory.append(step, row)
                scalars.update(((name, quantity), row[i]) for i, quantity in enumerate(trajectory.quantities))
            self._unpublished.append((step, x, scalars))

    def deliver(self, trainer: pl.Trainer) -> None:
        """Publishes what has not been published yet.

        Raises:
            FloatingPointError: under ``strict``, where logits were not finite.
        """
        self.receive()
        while self._unpublished:
            step, x, scalars = self._unpublished.pop(0)
            self.publisher.publish(trainer, x, scalars)
            lost = sorted(name for name in self.trajectories if scalars[name, "length"] != scalars[name, "length"])
            if lost:
                self._report_nan(step, lost)

    def state_dict(self) -> dict[str, Any]:
        """Returns the trajectories as tensors and plain values."""
        self.receive()
        return {name: trajectory.state_dict() for name, trajectory in self.trajectories.items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes on from where ``state_dict`` left off."""
        self.trajectories = {name: Trajectory.from_state_dict(saved) for name, saved in state.items()}

    def _report_nan(self, step: int, probes: list[str]) -> None:
        message = (
            f"`InfoGeometryMonitor`: logits on probe {', '.join(probes)} at step {step} are not all finite. The record "
            "is NaN and left out of the path; `trajectories[...].skipped` counts such records."
        )
        if self.strict:
            raise FloatingPointError(message)
        if not self._warned_of_nan:
            self._warned_of_nan = True
            rank_zero_warn(message)
