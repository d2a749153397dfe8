"""How many dimensions the trajectory of each probe had, beside what the linear theory predicts from its inputs."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from lightning_infogeo.probe import Probe
from lightning_infogeo.theory import ProbeSpectrum, probe_spectrum
from lightning_infogeo.trajectory import Trajectory

FEATURES = 10_000
"""Of an input at most: beyond, the spectrum of the inputs takes seconds, and nobody has asked for it."""

_LEAST = 3


def dimensions_of(
    trajectories: Mapping[str, Trajectory], probes: Mapping[str, Probe], features: int = FEATURES
) -> dict[str, ProbeSpectrum]:
    """Returns what there is to say of those probes whose inputs are one floating tensor of at most so many features."""
    found = {}
    for name, probe in probes.items():
        inputs, trajectory = probe.inputs, trajectories[name]
        plain = isinstance(inputs, Tensor) and inputs.is_floating_point() and bool(inputs.isfinite().all())
        if not plain or probe.labels is None or probe.labels.dim() != 1 or inputs[0].numel() > features:
            continue
        history = trajectory.history if trajectory.kept else None
        if history is None or len(history.steps) < _LEAST:
            continue
        try:
            found[name] = probe_spectrum(
                inputs.cpu(), probe.labels.cpu(), history.distances, history.steps, weights=history.weights
            )
        except ValueError:  # inputs that are all zero, and such: there is nothing to predict from
            continue
    return found
