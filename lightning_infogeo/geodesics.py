"""Geodesics between predictions, how far along one a prediction is, and trajectories re-indexed by that progress.

Source: Mao et al., arXiv 2305.01604. All samples of a geodesic share the parameter t.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

Objective = Literal["arc", "bhattacharyya"]

_GRIDS = {("cpu", False): (64, 4), ("cpu", True): (2, 24), ("", False): (256, 3), ("", True): (16, 6)}
"""Sections of a round, and rounds, on the CPU and elsewhere, for few samples and for many.

The points of the finest grid are the same, 2⁻²⁴ apart, float32's resolution of [0, 1]: few rounds where a call costs,
few evaluations where data do.
"""
_MANY = 2**14
"""Samples of all predictions from which evaluations cost more than calls."""


def ignorance(like: Tensor) -> Tensor:
    """Returns P_0, the amplitudes of the uniform prediction, of the shape (N, C), type and device of ``like``."""
    return torch.full_like(like, like.shape[-1] ** -0.5)


def truth(labels: Tensor, like: Tensor) -> Tensor:
    """Returns P_*, the amplitudes of certainty in ``labels`` (N,), of the shape (N, C) and type of ``like``."""
    return torch.zeros_like(like).scatter_(-1, labels[:, None], 1)


def geodesic(a: Tensor, b: Tensor, t: Tensor | float) -> Tensor:
    """Returns the points at ``t`` of the geodesic from ``a`` to ``b``.

    γ_n(t) = [sin((1 − t) θ_n) a_n + sin(t θ_n) b_n] / sin θ_n, with θ_n the arc between a_n and b_n.

    Args:
        a: amplitudes, shape (N, C).
        b: amplitudes, shape (N, C).
        t: position in [0, 1], scalar or shape (K,).

    Returns:
        Amplitudes, shape (N, C) or (K, N, C).

    Example:
        Half way between two certainties lies indecision.

        >>> geodesic(torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]]), 0.5)
        tensor([[0.7071, 0.7071]])
    """
    position = torch.as_tensor(t, dtype=a.dtype, device=a.device)[..., None, None]
    start, end = _weights(a, b, position)
    return start * a + end * b


def progress(a: Tensor, start: Tensor, end: Tensor, objective: Objective = "arc") -> Tensor:
    """Returns how far along the geodesic from ``start`` to ``end`` a prediction is.

    The t in [0, 1] whose point γ(t) is nearest to ``a``: in the mean arc d_G of arXiv 2305.01604, or in the mean
    Bhattacharyya distance of arXiv 2210.17011. Both are convex in t, so the sign of the derivative brackets the
    minimum, ever closer on a fixed number of grids, without reading anything from the device. Where the minimum is an
    interval (two classes, an even number of samples) it is its midpoint. The two objectives differ by up to 0.25 late
    in training: never mix them.

    Args:
        a: amplitudes, shape (..., N, C).
        start: amplitudes, shape (N, C).
        end: amplitudes, shape (N, C).
        objective: "arc" or "bhattacharyya".

    Returns:
        Shape (...), range [0, 1].

    Raises:
        ValueError: where ``objective`` is unknown.

    Example:
        >>> start, end = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])
        >>> round(float(progress(geodesic(start, end, 0.3), start, end)), 4)
        0.3

        Excluded classes are knowledge: undecided between two of four is half way from ignorance to the truth.

        >>> a = torch.tensor([[0.5, 0.5, 0.0, 0.0]]).sqrt()
        >>> round(float(progress(a, ignorance(a), truth(torch.tensor([0]), a))), 4)
        0.5
    """
    if objective not in ("arc", "bhattacharyya"):
        raise ValueError(f'`progress(objective={objective!r})`: must be "arc" or "bhattacharyya".')
    return progress_in(Plane.of(a, start, end), objective)


def progress_in(plane: Plane, objective: Objective = "arc") -> Tensor:
    """Returns ``progress`` from where predictions lie relative to the geodesic, shape (...)."""
    radius = plane.radius
    sections, rounds = _GRIDS["cpu" if radius.device.type == "cpu" else "", radius.numel() >= _MANY]
    grid, edges = _search(sections, _FLAT if objective == "arc" else 0.0, radius.dtype, radius.device)
    slope = _slopes(plane, objective)
    # The first edge is where the derivative stops being negative, the second where it begins to be positive.
    low, width = radius.new_zeros(*radius.shape[:-1], 1, 1, 1), 1.0
    for _ in range(rounds):
        width /= sections
        before = (slope(torch.add(low, grid, alpha=width)) < edges).sum(-2, keepdim=True)
        low = torch.add(low, before, alpha=width)
    return low.mean((-1, -2, -3)) + width / 2


_FLAT = 1e-6
"""A derivative, in radians per unit of t, below which the mean arc counts as flat; mean d_B is nowhere flat."""


@cache
def _search(sections: int, flat: float, dtype: torch.dtype, device: torch.device) -> tuple[Tensor, Tensor]:
    """Returns the inner ends of sections, shape (K, 1), and what slopes are below before either edge, (2, 1, 1)."""
    above = math.nextafter(flat, 1) if dtype == torch.float64 else float(np.nextafter(np.float32(flat), np.float32(1)))
    edges = torch.tensor([-flat, above], dtype=dtype, device=device)[:, None, None]
    return torch.arange(1, sections, dtype=dtype, device=device)[:, None], edges


def _slopes(plane: Plane, objective: Objective) -> Callable[[Tensor], Tensor]:
    """Returns f(t) -> the derivative of the mean distance between a and γ(t), for t of shape (..., E, K, 1)."""
    angle = plane.angle
    shape = *angle.shape[:-1], 1, 1, angle.shape[-1]
    back, same = angle.reshape(shape).neg(), plane.arcs.shape == (1,)
    arcs = plane.arcs if same else plane.arcs.reshape(*shape[angle.dim() - plane.arcs.dim() :])
    if objective == "bhattacharyya":
        return lambda t: (arcs * torch.addcmul(back, t, arcs).clamp(-_RIGHT, _RIGHT).tan()).mean(-1, keepdim=True)
    # Of a point off the plane the arc has the sine √(rest + r² sin²), and the derivative is θ sin ÷ √(rest/r² + sin²):
    # a number that is none of float's but above 0 keeps it from 0 ÷ 0 on the geodesic itself.
    off = (plane.rest / plane.radius.square()).nan_to_num(torch.inf).add(torch.finfo(arcs.dtype).tiny)
    off = off.reshape(shape)

    def slope(t: Tensor) -> Tensor:
        sine = torch.addcmul(back, t, arcs).sin_()
        slopes = torch.addcmul(off, sine, sine).rsqrt_().mul_(sine)
        return (slopes if same else slopes.mul_(arcs)).mean(-1, keepdim=True)  # a factor changes no sign

    return slope


def reindex(history: Tensor, progress_values: Tensor, n: int = 100) -> Tensor:
    """Returns a trajectory at ``n`` equally spaced values of progress in (0, 1].

    At each value u the first record past it is taken, never an earlier one than for the value before, and the point
    between it and its predecessor by spherical interpolation, the fraction being linear in progress. Before the first
    record the first is repeated, past the last the last.

    Args:
        history: amplitudes, shape (T, N, C), in the order of time.
        progress_values: shape (T,), range [0, 1].
        n: number of values.

    Returns:
        Amplitudes, shape (n, N, C).

    Raises:
        ValueError: where the two do not have the same number of records, at least one.

    Example:
        The middle and the end of the geodesic, from records that are dense at its beginning.

        >>> ways = torch.tensor([0.0, 0.1, 0.2, 0.4, 1.0])
        >>> path = geodesic(torch.tensor([[0.8, 0.6]]), torch.tensor([[1.0, 0.0]]), ways)
        >>> torch.allclose(reindex(path, ways, n=2)[1], path[-1])
        True
    """
    if history.dim() != 3 or progress_values.shape != history.shape[:1] or not len(history):
        raise ValueError(
            f"`reindex(history, progress_values)`: needs shapes (T, N, C) and (T,) with T ≥ 1, got "
            f"{tuple(history.shape)} and {tuple(progress_values.shape)}."
        )
    before, after, fraction = brackets(progress_values, n)
    start, end = _weights(history[before], history[after], fraction[:, None, None])
    return start * history[before] + end * history[after]


def brackets(progress_values: Tensor, n: int = 100) -> tuple[Tensor, Tensor, Tensor]:
    """Returns between which records, and at which fraction of the way, ``reindex`` interpolates: (n,) each."""
    values = torch.arange(1, n + 1, dtype=progress_values.dtype, device=progress_values.device) / n
    reached = progress_values.cummax(0).values  # the first record past u is the first at which the maximum is
    after = torch.searchsorted(reached, values, right=False).clamp_max(len(progress_values) - 1)
    before = (after - 1).clamp_min(0)
    rise = progress_values[after] - progress_values[before]
    fraction = torch.where(rise > 0, (values - progress_values[before]) / rise, 1.0).clamp(0, 1)
    return before, after, fraction


def _arc(a: Tensor, b: Tensor) -> Tensor:
    return 2 * torch.asin(((a - b).square().sum(-1).sqrt() / 2).clamp_max(1))


def _weights(a: Tensor, b: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
    arc = _arc(a, b).unsqueeze(-1)
    apart = arc > 1e-8
    sine = torch.where(apart, arc.sin(), 1)
    start = torch.where(apart, ((1 - t) * arc).sin() / sine, 1)
    end = torch.where(apart, (t * arc).sin() / sine, 0)
    return start, end


class Plane(NamedTuple):
    """Where ``a`` lies relative to the great circle from start to end: all that distances to its points depend on.

    With e the unit vector at right angles to start in the plane of both, a = r (cos φ start + sin φ e) + rest, so that
    ⟨a, γ(t)⟩ = r cos(tθ − φ), and its arc has the sine √(‖rest‖² + r² sin²(tθ − φ)), free of cancellation.
    The arc θ may be one for all samples, shape (1,).
    """

    arcs: Tensor
    radius: Tensor
    angle: Tensor
    rest: Tensor

    @classmethod
    def of(cls, a: Tensor, start: Tensor, end: Tensor) -> Plane:
        """Returns it for amplitudes ``a`` (..., N, C) and the ends of the geodesic (N, C)."""
        arcs = _arc(start, end)
        sine = torch.where(arcs > 1e-8, arcs.sin(), 1)[..., None]
        across = (end - arcs.cos()[..., None] * start) / sine
        x, y = (a * start).sum(-1, keepdim=True), (a * across).sum(-1, keepdim=True)
        rest = (a - x * start - y * across).square().sum(-1)
        return cls(arcs, torch.hypot(x, y)[..., 0], torch.atan2(y, x)[..., 0], rest)

    @classmethod
    def to_truth(cls, a: Tensor, labels: Tensor) -> Plane:
        """Returns ``of`` for the geodesic from ignorance to truth, whose ends need not be written out.

        Args:
            a: amplitudes, shape (N, C).
            labels: shape (N, 1), int64 class indices.
        """
        cosine = a.shape[-1] ** -0.5
        sine = math.sqrt(1 - cosine**2)
        x = a.sum(-1) * cosine
        y = torch.sub(a.gather(-1, labels)[:, 0], x, alpha=cosine) / sine
        # What is left of ``a`` without (x − y cos θ/sin θ)/√C in all classes, and y/sin θ in the label's.
        even = torch.sub(x, y, alpha=cosine / sine) * cosine
        rest = (a - even[:, None]).scatter_add_(-1, labels, (y / -sine)[:, None])
        arcs = torch.full_like(x, math.acos(cosine))
        return cls(arcs, torch.hypot(x, y), torch.atan2(y, x), rest.square().sum(-1))


_RIGHT = math.pi / 2 - 1e-6
"""Just short of a right angle, where predictions are disjoint and d_B would be infinite."""
