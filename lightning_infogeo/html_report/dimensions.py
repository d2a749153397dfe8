"""How many dimensions each run's trajectory has, beside what the linear theory predicts from the probe's inputs."""

from __future__ import annotations

import torch
from torch import Tensor

from lightning_infogeo.archive import Archive
from lightning_infogeo.comparison import JointEmbedding
from lightning_infogeo.theory import ProbeSpectrum, probe_spectrum

FEATURES = 10_000
"""Of an input at most: the spectrum of larger ones takes seconds a run."""

_RECORDS = 1000


def dimensions_of(archive: Archive, probe: str, k: int, found: JointEmbedding) -> ProbeSpectrum | None:
    """Returns both numbers for run ``k`` of an embedding; None where inputs, labels or distances are not there.

    Raises:
        ArchiveError: where the inputs are stored and damaged.
    """
    recorded = archive[probe]
    inputs = _inputs(archive, probe)
    own = (found.member == k).nonzero()[:, 0]
    if inputs is None or recorded.labels is None or found.distances is None or not 3 <= len(own) <= _RECORDS:
        return None
    try:
        return probe_spectrum(inputs, recorded.labels, found.distances[own][:, own], found.steps[own])
    except ValueError:  # inputs that are all zero, and such
        return None


def _inputs(archive: Archive, probe: str) -> Tensor | None:
    recorded = archive[probe]
    if "inputs" not in recorded.attributes or recorded.targets is not recorded.labels:
        return None
    inputs = recorded.inputs()
    plain = isinstance(inputs, Tensor) and inputs.is_floating_point() and inputs.dim() > 0 and len(inputs) > 0
    if not plain or inputs[0].numel() > FEATURES or not bool(torch.isfinite(inputs).all()):
        return None
    return inputs if recorded.labels is not None and len(inputs) == len(recorded.labels) else None
