"""The incoming weights of neurons, followed on the schedule of the records, in the first process only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from lightning_infogeo.copies import Portable
from lightning_infogeo.errors import ConfigurationError
from lightning_infogeo.loggers import HostCopies
from lightning_infogeo.schedules import is_int
from lightning_infogeo.topology import NeuronRecorder, NeuronSettings


class NeuronTrajectory(NamedTuple):
    """The neurons of one layer.

    Attributes:
        steps: of the records, shape (T,), int64.
        vectors: incoming weights, or their projections, shape (T, neurons, fan_in), float32.
    """

    steps: Tensor
    vectors: Tensor


class NeuronLog(Portable, left_behind={"recorder": None}):
    """Records neurons and keeps them within the budget on the host.

    Args:
        state: to go on from; empty to begin.

    Attributes:
        recorder: layers, projections and shapes, while they are followed.

    Raises:
        ValueError: where the state is not one of this class.
    """

    def __init__(self, state: Mapping[str, Any]) -> None:
        planned = state.get("planned", 0)
        if not is_int(planned):
            raise ValueError(f"no number of records: {planned!r}")
        self._planned = planned
        self._records: dict[int, dict[str, Tensor]] = {s: dict(of) for s, of in state.get("kept", {}).items()}
        self._memory = 0
        self.recorder: NeuronRecorder | None = None
        self._copies: dict[str, HostCopies] = {}

    @classmethod
    def start(cls, settings: NeuronSettings, module: nn.Module, records: int, state: Mapping[str, Any]) -> NeuronLog:
        """Returns a log for the neurons of a module.

        Args:
            settings: which layers, and how many bytes.
            module: with the layers.
            records: how many are expected, where the state does not say.
            state: to go on from; empty to begin.

        Raises:
            ConfigurationError: where there are no such layers, or other ones than before.
        """
        log = cls(state)
        log._planned, log._memory = log._planned or records, settings.memory
        try:
            log.recorder = settings.start(module, log._planned)
        except ValueError as error:
            raise ConfigurationError(f"`InfoGeometryMonitor(neurons=...)`: {error}") from error
        before = next(iter(log._records.values()), None)
        shapes = {} if before is None else {layer: tuple(vectors.shape) for layer, vectors in before.items()}
        if before is not None and shapes != log.recorder.shapes:
            raise ConfigurationError(
                f"`InfoGeometryMonitor(neurons=...)`: finds layers {log.recorder.shapes} where those so far are "
                f"{shapes}; go on with the same settings and model."
            )
        return log

    @property
    def trajectories(self) -> dict[str, NeuronTrajectory]:
        """What has been received and kept of each layer."""
        steps = sorted(self._records)
        layers = self._records[steps[0]] if steps else {}
        at = torch.tensor(steps, dtype=torch.int64)
        stacked = {layer: torch.stack([self._records[step][layer] for step in steps]) for layer in layers}
        return {layer: NeuronTrajectory(at, vectors) for layer, vectors in stacked.items()}

    def record(self, step: int, module: nn.Module) -> None:
        """Starts the copy of the vectors as they are now; reads nothing back from the device."""
        if self.recorder is not None:
            for layer, vectors in self.recorder.record(module).items():
                self._copies.setdefault(layer, HostCopies()).start_copy(step, None, vectors)

    def receive(self) -> dict[int, dict[str, Tensor]]:
        """Returns what has reached the host since the last call, by step and layer, and keeps it within the budget.

        Beyond the budget every second record goes.
        """
        received: dict[int, dict[str, Tensor]] = {}
        for layer, copies in self._copies.items():
            for step, _, vectors in copies.finished():
                received.setdefault(step, {})[layer] = vectors
        self._records.update(received)
        while self.recorder and len(self._records) > 3 and len(self._records) * self.recorder.bytes > self._memory:
            steps = sorted(self._records)
            self._records = {step: self._records[step] for step in sorted({steps[0], *steps[-1::-2]})}
        return received

    def close(self) -> None:
        """Lets go of the device; what has been received stays."""
        self.recorder = None

    def state_dict(self) -> dict[str, Any]:
        """Returns CPU tensors and plain numbers to go on from."""
        return {"planned": self._planned, "kept": {step: dict(of) for step, of in self._records.items()}}
