"""Lengths of simulated trainings whose knee is known."""

import math

import torch


def crossover(early=1.0, late=0.3, at=300, noise=0.25, correlation=0.0, last=10_000, seed=0):
    """Steps, and a length that grows as t^early up to ``at`` and as t^late from there, by noisy increments."""
    steps = log_spaced(last)
    return steps, shaken(steps**early / (1 + (steps / at) ** 6) ** ((early - late) / 6), noise, seed, correlation)


def scaled(n, shift=-0.5, a=0.3, b=-0.2, noise=0.05, seed=0, dips=1):
    """Steps, and a length whose curvature is −0.2 s^−b / cosh²(u s^a / 1.5), u = ln t − ln(1500 s^shift), s = n/64.

    With two dips a second one follows, and the curves of sizes with one and with two have no common shape.
    """
    steps, s = log_spaced(100_000), n / 64
    u = steps.log() - math.log(1500 * s**shift)
    width = 1.5 * s**-a
    if dips == 1:
        logs = 0.6 * u - 0.2 * s**-b * width**2 * log_cosh(u / width)
    else:
        logs = 0.7 * u - 0.25 * log_cosh(u + 0.3) - 0.24 * log_cosh(u - 2.2)
    return steps, shaken(logs.exp(), noise, seed)


def log_cosh(x):
    return x.abs() + torch.log1p(torch.exp(-2 * x.abs()))


def log_spaced(last, per_decade=24):
    count = int(per_decade * math.log10(last)) + 1
    return torch.tensor(sorted({round(10 ** (k / per_decade)) for k in range(count)}), dtype=torch.float64)


def shaken(length, noise, seed, correlation=0.0):
    """The length summed from increments that are off by a share, correlated from record to record."""
    normal = torch.randn(len(length), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    for k in range(1, len(normal)):
        normal[k] = correlation * normal[k - 1] + math.sqrt(1 - correlation**2) * normal[k]
    increments = length.diff(prepend=length.new_zeros(1))
    return (increments * (1 + noise * normal).clamp_min(0.05)).cumsum(0)
