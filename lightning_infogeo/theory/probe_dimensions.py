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
        first, trajectory = probe.batches[0], trajectories[name]
        plain = isinstance(first, Tensor) and first.is_floating_point() and first[0].numel() <= features
        if not plain or not probe.joinable or probe.labels is None or probe.labels.dim() != 1:
            continue
        inputs = probe.inputs
        if not bool(inputs.isfinite().all()):
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
