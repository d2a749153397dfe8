"""What a recorded trajectory did, beside what the linear theory says of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from lightning_infogeo.theory.prediction import Spectrum, predicted_spectrum, sorted_spectrum
from lightning_infogeo.theory.slope import Decay, Slope
from lightning_infogeo.theory.spectrum import input_spectrum, kernel_spectrum

_COLUMNS = 4096


class ProbeSpectrum(NamedTuple):
    """The number of dimensions of a probe's trajectory, predicted and measured.

    Attributes:
        slope: c of the probe's inputs, on its range of modes; None where they have fewer than two.
        predicted: spectrum of a linear model trained on the probe.
        measured: spectrum of the recorded distances.
        predicted_dimensions: for 95 % of the variance.
        measured_dimensions: the same of the record.
        decay: of the inputs' eigenvalues, by an exponential and by a power law; None as ``slope``.
    """

    slope: Slope | None
    predicted: Spectrum
    measured: Spectrum
    predicted_dimensions: int
    measured_dimensions: int
    decay: Decay | None = None


def gaussian_distances(predictions: Tensor, variance: float = 1.0) -> Tensor:
    """Returns the Bhattacharyya distances of predictions that are means of normal distributions.

    d_B = ‖f − f'‖² / (8 N s²), nats per sample. Its InPCA is plain PCA, with no negative eigenvalue.

    Args:
        predictions: shape (T, N) or (T, N, outputs).
        variance: s² of every output.

    Returns:
        Shape (T, T), float64, symmetric, with an exactly zero diagonal.

    Raises:
        ValueError: where there are no records or samples, or ``variance`` is not positive.

    Example:
        >>> gaussian_distances(torch.tensor([[0.0], [4.0]]))[0, 1]
        tensor(2., dtype=torch.float64)
    """
    if predictions.dim() not in (2, 3) or not predictions.numel() or not variance > 0:
        raise ValueError(
            f"`gaussian_distances(predictions, variance={variance!r})`: needs shape (T, N) or (T, N, outputs) and a "
            f"positive variance, got {tuple(predictions.shape)}."
        )
    flat = predictions.detach().double().flatten(1)
    flat = flat - flat.mean(0)
    gaps = torch.cdist(flat, flat, compute_mode="donot_use_mm_for_euclid_dist").square()
    return gaps / (8 * predictions.shape[1] * variance)


def measured_spectrum(distances: Tensor, weights: Tensor | None = None) -> Spectrum:
    """Returns all eigenvalues of a trajectory's InPCA ÷ number of records.

    Args:
        distances: shape (T, T), symmetric, used as squared distances.
        weights: weights of the records, shape (T,); None for equal ones.

    Raises:
        ValueError: where the table is not square, symmetric and finite.
    """
    d = distances.detach().double()
    if d.dim() != 2 or d.shape[0] != d.shape[1] or not len(d) or not d.isfinite().all():
        raise ValueError(
            f"`measured_spectrum(distances=...)`: must be finite and of shape (T, T), T ≥ 1, got {tuple(d.shape)}."
        )
    if not torch.allclose(d, d.mT, rtol=1e-5, atol=1e-12):
        raise ValueError("`measured_spectrum(distances=...)`: is not symmetric.")
    w = torch.full_like(d[0], 1 / len(d)) if weights is None else weights.to(d) / weights.to(d).sum()
    if w.shape != d.shape[:1] or not (w.isfinite() & (w >= 0)).all():
        raise ValueError("`measured_spectrum(weights=...)`: give one for each record, none negative and not all zero.")
    means = d @ w
    centred = -0.5 * (d - means[:, None] - means[None] + w @ means)
    return sorted_spectrum(torch.linalg.eigvalsh(w.sqrt()[:, None] * centred * w.sqrt()))


def probe_spectrum(
    inputs: Tensor,
    labels: Tensor,
    distances: Tensor,
    steps: Sequence[int] | Tensor,
    *,
    lr: float | None = None,
    momentum: float = 0.0,
    weights: Tensor | None = None,
    max_rank: int = 100,
) -> ProbeSpectrum:
    """Returns the number of dimensions the linear theory predicts for a run's trajectory, and what it had.

    The prediction is of a linear model of the probe's inputs, its weights 0 to begin with, that learns the probe's
    labels (one-hot, less the uniform prediction) with squared loss, recorded at the same steps. A network is not that
    model and its loss may be another: the two numbers are to be read beside each other, not as a test. Weights of 0
    mean σ_w = 0, targets infinitely large against the initial weights, where the theory gives two to five dimensions
    for almost any inputs: that "2" was predicted and measured says little.

    Args:
        inputs: inputs of the probe, shape (N, ...), floating or integer.
        labels: classes, shape (N,); or what is to be learned, floating, shape (N,) or (N, outputs).
        distances: recorded, shape (T, T).
        steps: optimizer steps of the records, shape (T,).
        lr: learning rate of gradient descent; None, also for optimizers that adapt it, for 1/λ_1, the largest
            without overshooting.
        momentum: β of the optimizer, range [0, 1).
        weights: weights of the records, shape (T,); None for equal ones.
        max_rank: modes of the inputs that count.

    Raises:
        ValueError: where shapes do not belong together, inputs are all zero, or ``lr`` diverges on a linear model.

    Example:
        Records at equal distances along one line: one dimension.

        >>> steps = torch.arange(1, 20)
        >>> distances = (steps[:, None] - steps).double() ** 2
        >>> found = probe_spectrum(torch.eye(4), torch.tensor([0, 0, 1, 1]), distances, steps)
        >>> found.predicted_dimensions, found.measured_dimensions
        (1, 1)
    """
    rows = inputs.detach().flatten(1) if inputs.dim() > 1 else inputs.detach()[:, None]
    if rows.shape[1] > len(rows):  # of many features and few samples: the same eigenvalues by the smaller matrix
        pieces = (part.double() for part in torch.split(rows, _COLUMNS, dim=1))
        gram = sum((part @ part.mT for part in pieces), torch.zeros((), dtype=torch.float64, device=rows.device))
        spectrum = kernel_spectrum(gram, max_rank=max_rank)
    else:
        spectrum = input_spectrum(rows, max_rank=max_rank)
    if not len(spectrum.eigenvalues):
        raise ValueError("`probe_spectrum(inputs=...)`: are all zero.")
    if len(distances) != len(torch.as_tensor(steps)):
        raise ValueError(
            f"`probe_spectrum(distances, steps)`: {tuple(distances.shape)} distances of {len(steps)} recorded steps."
        )
    outputs = labels if labels.is_floating_point() else _one_hot(labels)
    targets = spectrum.targets(outputs, rows)
    rate = 1 / float(spectrum.eigenvalues[0]) if lr is None else lr
    predicted = predicted_spectrum(spectrum.eigenvalues, targets, 0.0, rate, steps, momentum=momentum, weights=weights)
    measured = measured_spectrum(distances, weights)
    counts = predicted.dimensions(), measured.dimensions()
    return ProbeSpectrum(spectrum.slope, predicted, measured, *counts, spectrum.decay)


def _one_hot(labels: Tensor) -> Tensor:
    classes = int(labels.max()) + 1 if len(labels) else 1
    if labels.dim() != 1 or not len(labels) or int(labels.min()) < 0:
        raise ValueError(f"`probe_spectrum(labels=...)`: must be classes ≥ 0 of shape (N,), got {tuple(labels.shape)}.")
    return torch.nn.functional.one_hot(labels.long(), classes).double() - 1 / classes
