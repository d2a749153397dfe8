"""Which steps of a linear training are recorded, as a sum over few steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from lightning_infogeo.schedules import is_int

_NODES = 14
"""Steps that stand for a block: a mode's sum is then wrong by less than 1e-16, whatever its rate (12 would do)."""


class Records(NamedTuple):
    """Steps with weights.

    Attributes:
        steps: shape (M,), float64, at least 0; between whole numbers where a step stands for many.
        odd: whether those it stands for are odd, shape (M,), bool; an error that overshoots changes sign from step to
            step.
        weights: shape (M,), summing to 1.
    """

    steps: Tensor
    odd: Tensor
    weights: Tensor


def recorded(steps: int | Sequence[int] | Tensor, weights: Tensor | None, transient: int) -> Records:
    """Returns the records of a schedule.

    T uniform records are replaced by some hundred: the steps from ``transient`` on, even and odd ones apart, are cut
    into blocks that double in length, and the sum over a block is the Gauss rule of its whole numbers. What is summed
    are decaying exponentials of the step, for which that is exact to rounding.

    Args:
        steps: T, for k = 0, …, T − 1; or the recorded steps themselves, shape (M,).
        weights: weights of the recorded steps, shape (M,); None for equal ones.
        transient: steps that are taken one by one, even.

    Raises:
        ValueError: where there is no record, or a step is negative or not whole.
    """
    if is_int(steps):
        count = int(steps)  # type: ignore[arg-type]
        if count < 1 or weights is not None:
            raise ValueError(
                f"`trajectory_covariance(steps={steps!r})`: must be at least 1, and weights are for steps given one by "
                "one."
            )
        return _uniform(count, transient)
    given = torch.as_tensor(steps).detach().cpu().double()
    p = torch.ones_like(given) if weights is None else weights.detach().cpu().double()
    if given.dim() != 1 or not len(given) or not (given.isfinite() & (given >= 0) & (given == given.round())).all():
        raise ValueError("`trajectory_covariance(steps=...)`: give at least one step, each a non-negative int.")
    if p.shape != given.shape or not (p.isfinite() & (p >= 0)).all() or not p.sum() > 0:
        raise ValueError(
            "`trajectory_covariance(weights=...)`: give one for each step, none negative and not all zero."
        )
    return Records(given, given.remainder(2) == 1, p / p.sum())


def _uniform(count: int, transient: int) -> Records:
    first = min(count, transient)
    steps = [torch.arange(first, dtype=torch.float64)]
    odd = [torch.arange(first) % 2 == 1]
    weights = [torch.ones(first, dtype=torch.float64)]
    for parity in (0, 1):
        length = (count - first - parity + 1) // 2  # whole numbers m with step first + parity + 2 m
        start, block = 0, _NODES
        while start < length:
            size = min(block, length - start)
            at, weight = _gauss(size)
            steps.append(first + parity + 2 * (start + at))
            odd.append(torch.full(at.shape, (first + parity) % 2 == 1))
            weights.append(weight)
            start += size
            block = max(_NODES, start)
    return Records(torch.cat(steps), torch.cat(odd), torch.cat(weights) / count)


def _gauss(size: int) -> tuple[Tensor, Tensor]:
    """Returns nodes and weights with Σ w f(x) = Σ_{m < size} f(m) for polynomials up to degree 2 × nodes − 1.

    From the recurrence of the polynomials orthogonal on whole numbers, Chebyshev's of a discrete variable, by Golub and
    Welsch's eigenvalue problem.
    """
    if size <= _NODES:
        return torch.arange(size, dtype=torch.float64), torch.ones(size, dtype=torch.float64)
    n = torch.arange(1, _NODES, dtype=torch.float64)
    off = n / 2 * ((float(size) ** 2 - n.square()) / (4 * n.square() - 1)).sqrt()
    at, vectors = torch.linalg.eigh(torch.diag(off, 1) + torch.diag(off, -1))
    return at + (size - 1) / 2, size * vectors[0].square()
