"""Paired differences of many samples: their mean against what chance and the choice of a reference account for."""

from __future__ import annotations

import math

import torch
from torch import Tensor

FOLDS = 5


def updated(average: Tensor, value: Tensor, share: Tensor) -> Tensor:
    """Returns a running average with another value, begun by the first finite one; others leave it as it is."""
    value = value.to(average)
    begun = torch.where(average.isfinite(), torch.lerp(average, value, share), value)
    return torch.where(value.isfinite(), begun, average)


def folds(samples: int, device: torch.device) -> Tensor:
    """Returns the fold of each sample: multiples of the golden ratio, which fall in step with no period of the data."""
    return (torch.arange(samples, dtype=torch.float32, device=device) * 0.6180339887).frac().mul(FOLDS).long()


def means_of_others(values: Tensor, fold: Tensor) -> Tensor:
    """Returns for each fold the mean over all samples but its own, shape (F,); over all where there is one sample."""
    others = fold != torch.arange(FOLDS, device=values.device)[:, None]
    if len(values) == 1:
        others = torch.ones_like(others)
    return (values * others).sum(-1) / others.sum(-1)


def paired(differences: Tensor, noise: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Returns the mean of paired differences, that mean in standard errors corrected for skewness, and the error."""
    samples = len(differences)
    mean = differences.mean()
    centred = differences - mean
    square = centred.square().mean().clamp_min(torch.finfo(mean.dtype).tiny)
    sampling = square / max(samples - 1, 1)
    error = (sampling + noise).sqrt()
    # Of the mean, in units of its error; the noise of training counts as symmetric.
    skewness = (centred / square.sqrt()).pow(3).mean() / math.sqrt(samples) * (sampling.sqrt() / error).pow(3)
    t = mean / error
    return mean, t + skewness * (1 / 6 + t.square() / 3) + skewness.square() * t.pow(3) / 27, error
