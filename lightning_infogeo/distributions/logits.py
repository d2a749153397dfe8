"""Amplitudes, entropy and distance to truth of predictions, from logits.

Logits of lower precision are first cast to float32, float64 stays: the softmax of bfloat16 logits is off by 2e-3, and
a step of 1e-3 in the probabilities would be overstated several-fold.

A logit of −∞ is a probability of 0. NaN, +∞, and −∞ for all classes of a sample are not predictions and give NaN.
"""

from __future__ import annotations

import torch
from torch import Tensor


def precise(logits: Tensor) -> Tensor:
    """Returns ``logits`` in float32, or unchanged where they are float64.

    Raises:
        TypeError: where ``logits`` are not of a floating type.
    """
    if not logits.is_floating_point():
        raise TypeError(f"`logits`: must be a floating tensor, got {logits.dtype}; convert with logits.float().")
    return logits if logits.dtype == torch.float64 else logits.float()


def finite(values: Tensor) -> Tensor:
    """Returns which numbers are finite, bool, as ``isfinite`` does in twice as many operations."""
    return values * 0 == 0


def log_probabilities(logits: Tensor) -> Tensor:
    """Returns log-softmax over the last dimension.

    Args:
        logits: shape (..., C), any floating type.

    Returns:
        Shape (..., C), nats, range (−∞, 0]; float32, or float64 for float64 logits.
    """
    return torch.log_softmax(precise(logits), dim=-1)


def amplitudes(logits: Tensor) -> Tensor:
    """Returns the square roots of the softmax probabilities: a point on the unit sphere in R^C for each sample.

    a = exp(log_softmax(logits) / 2), after Mao et al., arXiv 2305.01604.

    Args:
        logits: shape (..., C), any floating type.

    Returns:
        Shape (..., C), unit 2-norm over the last dimension, range [0, 1]; float32, or float64 for float64 logits.

    Raises:
        TypeError: where ``logits`` are not of a floating type.

    Example:
        >>> amplitudes(torch.tensor([0.0, 0.0, 0.0, 0.0]))
        tensor([0.5000, 0.5000, 0.5000, 0.5000])
    """
    return torch.exp(log_probabilities(logits) / 2)


def distance_to_truth(logits: Tensor, labels: Tensor) -> Tensor:
    """Returns the Bhattacharyya distance to the one-hot truth, which is half the mean cross-entropy.

    d_B(P, P_*) = −½ mean_n ln p_n(y_n), from log-softmax, so that no confident mistake is clipped.

    Args:
        logits: shape (N, C).
        labels: shape (N,), int64 class indices.

    Returns:
        Scalar, nats per sample, range [0, ∞]; ½ ln C for the uniform prediction, ∞ where a label has a logit of −∞.

    Example:
        >>> z = torch.tensor([[0.0, 0.0, float("-inf")]])
        >>> distance_to_truth(z, torch.tensor([0])), distance_to_truth(z, torch.tensor([2]))  # ½ ln 2, and ∞
        (tensor(0.3466), tensor(inf))
    """
    return distances_to_truth(logits, labels).mean()


def distances_to_truth(logits: Tensor, labels: Tensor) -> Tensor:
    """Returns −½ ln p_n(y_n) of every sample, shape (N,), nats; see ``distance_to_truth``."""
    return minus_half_logs(log_probabilities(logits), labels)


def entropy(logits: Tensor) -> Tensor:
    """Returns the mean Shannon entropy of the predictions, mean_n −Σ_c p ln p.

    Args:
        logits: shape (N, C).

    Returns:
        Scalar, nats, range [0, ln C].

    Example:
        >>> entropy(torch.tensor([[0.0, 0.0, float("-inf")]]))  # ln 2
        tensor(0.6931)
    """
    return entropies(log_probabilities(logits)).mean()


def minus_half_logs(log_p: Tensor, labels: Tensor) -> Tensor:
    """Returns −½ ln p_n(y_n) of every sample, shape (N,), for log-probabilities of shape (N, C)."""
    return log_p.gather(-1, labels.unsqueeze(-1))[..., 0].abs() / 2


def entropies(log_p: Tensor) -> Tensor:
    """Returns the entropy of every sample in nats, shape (N,), for log-probabilities of shape (N, C)."""
    return (log_p.exp() * log_p.clamp_min(torch.finfo(log_p.dtype).min)).sum(-1).abs()
