"""How many dimensions a run's trajectory has, beside what the linear theory predicts from the probe's inputs.

For a running training, whose history is on the device, and for a recorded one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from lightning_infogeo.archive import ArchivedTrajectory
from lightning_infogeo.probe import Probe
from lightning_infogeo.theory.measured import ProbeSpectrum, probe_spectrum
from lightning_infogeo.trajectory import Trajectory

FEATURES = 10_000
"""The most features of an input: beyond, the spectrum of the inputs takes seconds, and nobody has asked for it."""

_LEAST, _MOST = 3, 1000
"""Records that a spectrum needs, and that it is computed of in an archive, which holds all."""


def dimensions_of(
    trajectories: Mapping[str, Trajectory], probes: Mapping[str, Probe], features: int = FEATURES
) -> dict[str, ProbeSpectrum]:
    """Returns both numbers by probe, of those for which there is something to predict from.

    These are probes with labels whose inputs are one floating tensor, and whose history is kept.

    Args:
        trajectories: by probe.
        probes: by name.
        features: inputs with more of them are left out.
    """
    spectra = {}
    for name, probe in probes.items():
        trajectory, labels = trajectories[name], probe.labels
        # The first batch is looked at before all are joined: what is too large is not copied.
        if labels is None or not _few_features(probe.batches[0], features) or not probe.joinable or not trajectory.kept:
            continue
        history = trajectory.history
        if len(history.steps) >= _LEAST:
            spectrum = _spectrum(probe.inputs, labels, history.distances, history.steps, history.weights, features)
            spectra.update({} if spectrum is None else {name: spectrum})
    return spectra


def recorded_dimensions(
    recorded: ArchivedTrajectory, distances: Tensor | None, steps: Tensor, own: Tensor
) -> ProbeSpectrum | None:
    """Returns both numbers for a recorded probe; None where there is nothing to predict from or to measure.

    Args:
        recorded: the probe in an archive.
        distances: between checkpoints of several runs, shape (T, T); None where they were not computed.
        steps: optimizer steps of these checkpoints, shape (T,).
        own: which of them are of this run, int64.

    Raises:
        ArchiveError: where the inputs are stored and damaged.
    """
    labels = recorded.labels
    if "inputs" not in recorded.attributes or labels is None or recorded.targets is not labels:
        return None
    if distances is None or not _LEAST <= len(own) <= _MOST:
        return None
    return _spectrum(recorded.inputs(), labels, distances[own][:, own], steps[own], None, FEATURES)


def _few_features(inputs: Any, features: int) -> bool:
    plain = isinstance(inputs, Tensor) and inputs.is_floating_point() and inputs.dim() > 0 and len(inputs) > 0
    return plain and inputs[0].numel() <= features


def _spectrum(
    inputs: Any, labels: Tensor, distances: Tensor, steps: Tensor, weights: Tensor | None, features: int
) -> ProbeSpectrum | None:
    if not _few_features(inputs, features) or labels.dim() != 1 or len(inputs) != len(labels):
        return None
    if not bool(inputs.isfinite().all()):
        return None
    try:
        return probe_spectrum(inputs.cpu(), labels.cpu(), distances, steps, weights=weights)
    except ValueError:  # inputs that are all zero, and such: there is nothing to predict from
        return None
