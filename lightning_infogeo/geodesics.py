"""Geodesics between predictions, how far along one a prediction is, and trajectories re-indexed by that progress.

Source: Mao et al., arXiv 2305.01604. All samples of a geodesic share the parameter t.
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import torch
from torch import Tensor

Objective = Literal["arc", "bhattacharyya"]

_SECTIONS = 16
_ROUNDS = 6
"""Each round narrows the interval 16-fold: 16⁻⁶ = 6e-8 in the end, float32's resolution of [0, 1]."""
_MANY = 2**14
"""Samples of all predictions from which, on the CPU, evaluations cost more than calls."""


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
    # The same points of the same finest grid either way: few rounds where a call costs, few evaluations where data do.
    many = radius.device.type == "cpu" and radius.numel() >= _MANY
    sections, rounds = (2, 4 * _ROUNDS) if many else (_SECTIONS, _ROUNDS)
    grid = torch.arange(1, sections + 1, dtype=radius.dtype, device=radius.device)
    flat = _FLAT if objective == "arc" else 0.0
    # The first edge is where the derivative stops being negative, the second where it begins to be positive.
    low = torch.zeros(*radius.shape[:-1], 2, dtype=radius.dtype, device=radius.device)
    width = 1.0
    for _ in range(rounds):
        width /= sections
        slope = plane.slope((low[..., None] + width * grid).flatten(-2), objective)
        slope = slope.reshape(*low.shape, sections)
        before = torch.stack([slope[..., 0, :] < -flat, slope[..., 1, :] <= flat], dim=-2).sum(-1)
        low = low + width * before.clamp_max(sections - 1)
    ended = (before == sections) & (low + width >= 1 - 1e-6)
    return torch.where(ended, 1, low + width / 2).mean(-1)


_FLAT = 1e-6
"""A derivative, in radians per unit of t, below which the mean arc counts as flat; mean d_B is nowhere flat."""


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

    def slope(self, t: Tensor, objective: Objective) -> Tensor:
        """Returns the derivative of the mean distance between a and γ(t), shape (..., K) for t of shape (..., K)."""
        turned = t[..., None] * self.arcs - self.angle[..., None, :]  # (..., K, N)
        if objective == "bhattacharyya":
            slopes = self.arcs * turned.clamp(-_RIGHT, _RIGHT).tan()
        else:
            sine = self.radius[..., None, :] * turned.sin()
            length = (self.rest[..., None, :] + sine.square()).sqrt()
            slopes = self.arcs * sine / length.clamp_min(torch.finfo(t.dtype).tiny)
        return slopes.mean(-1)


_RIGHT = math.pi / 2 - 1e-6
"""Just short of a right angle, where predictions are disjoint and d_B would be infinite."""
