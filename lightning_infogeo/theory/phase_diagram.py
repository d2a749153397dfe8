"""Where trajectories are low-dimensional: a map over two of the three controls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from lightning_infogeo.theory.covariance import covariance_factor
from lightning_infogeo.theory.prediction import THRESHOLD
from lightning_infogeo.theory.slope import Model

CONTROLS = ("decay", "scale", "steps")
_CELLS = 256
"""Covariances at a time."""


class PhaseDiagram(NamedTuple):
    """Predictions on a grid of two controls, rows × columns.

    Attributes:
        rows: name of the control along the rows: "decay" (c, or the exponent α of a power law), "scale" (|w*_i| / σ_w)
            or "steps" (T).
        columns: name of the one along the columns.
        row_values: shape (rows,).
        column_values: shape (columns,).
        fixed: value of the third control.
        explained_variance: share of the first three dimensions, shape (rows, columns), range [0, 1].
        explained_stress: share of the first two.
        dimensions: for 95 % of the variance, int64.
        threshold: share of the variance in three dimensions from which on a trajectory is low-dimensional.
        model: of the eigenvalues: "exponential", e^{−ci}, or "power", (i + 1)^−α.
    """

    rows: str
    columns: str
    row_values: Tensor
    column_values: Tensor
    fixed: float
    explained_variance: Tensor
    explained_stress: Tensor
    dimensions: Tensor
    threshold: float
    model: Model = "exponential"

    @property
    def is_low_dimensional(self) -> Tensor:
        """Whether three dimensions hold ``threshold`` of the variance, shape (rows, columns), bool."""
        return self.explained_variance >= self.threshold

    @property
    def is_ribbon(self) -> Tensor:
        """The earlier name of ``is_low_dimensional``."""
        return self.is_low_dimensional

    @property
    def boundary(self) -> list[tuple[float, float]]:
        """Points (row value, column value) of the boundary: every change of verdict along a row, between two columns.

        Linear in explained variance, and in the logarithm of the column's control unless that is the decay.
        """
        x = self.column_values if self.columns == "decay" else self.column_values.log()
        gap = self.explained_variance - self.threshold
        points = []
        for row, column in (self.is_low_dimensional[:, 1:] != self.is_low_dimensional[:, :-1]).nonzero().tolist():
            before, after = gap[row, column], gap[row, column + 1]
            at = x[column] + (x[column + 1] - x[column]) * before / (before - after)
            points.append((float(self.row_values[row]), float(at if self.columns == "decay" else at.exp())))
        return points


def phase_diagram(
    decay: float | Sequence[float] | Tensor,
    scale: float | Sequence[float] | Tensor,
    steps: int | Sequence[int] | Tensor,
    *,
    model: Model = "exponential",
    modes: int = 60,
    lr: float = 1.0,
    momentum: float = 0.0,
    threshold: float = THRESHOLD,
) -> PhaseDiagram:
    """Returns what the linear theory predicts on a grid of two of the three controls.

    Modes have λ_i = e^{−ci}, or (i + 1)^−α as those of real inputs, i = 0, 1, …; all |w*_i| are equal; records are
    uniform, k = 0, …, T − 1.

    Args:
        decay: c, per index, or α. Two of the three are sequences, in the order decay, scale, steps rows and columns.
        scale: |w*_i| / σ_w, positive.
        steps: T, whole numbers.
        model: of the eigenvalues, "exponential" or "power". Under a power law the number of modes matters, which fall
            off slowly.
        modes: number of modes.
        lr: η; λ_1 is 1.
        momentum: β, range [0, 1).
        threshold: share from which the verdict is low-dimensional.

    Raises:
        ValueError: where not exactly two are sequences, or a value is out of its range.

    Example:
        >>> diagram = phase_diagram(decay=[0.1, 0.5], scale=[0.01, 100.0], steps=1000)
        >>> diagram.dimensions
        tensor([[57,  3],
                [17,  3]])
        >>> phase_diagram(decay=[1.0, 2.0], scale=[0.01, 100.0], steps=1000, model="power").dimensions
        tensor([[57,  2],
                [55,  3]])
    """
    axes = {
        name: torch.as_tensor(value, dtype=torch.float64)
        for name, value in zip(CONTROLS, (decay, scale, steps), strict=True)
    }
    names = [name for name, value in axes.items() if value.dim() == 1 and len(value)]
    if len(names) != 2 or any(value.dim() > 1 for value in axes.values()):
        raise ValueError(
            "`phase_diagram(decay, scale, steps)`: two of the three must be sequences, the third a number."
        )
    for name, value in axes.items():
        least = 0 if name == "decay" else 1 if name == "steps" else torch.finfo(torch.float64).tiny
        if not (value.isfinite() & (value >= least)).all() or (name == "steps" and (value != value.round()).any()):
            raise ValueError(f"`phase_diagram({name}=...)`: must be finite and {_RANGES[name]}.")
    if model not in ("exponential", "power"):
        raise ValueError(f'`phase_diagram(model={model!r})`: must be "exponential" or "power".')
    if modes < 1 or not 0 < threshold <= 1:
        raise ValueError(
            f"`phase_diagram(modes={modes!r}, threshold={threshold!r})`: modes must be a positive int, threshold in "
            "(0, 1]."
        )
    (fixed,) = (float(value) for name, value in axes.items() if name not in names)
    c, s, t = (value.reshape(-1) for value in axes.values())
    index = torch.arange(modes, dtype=torch.float64)
    if model == "power":
        index = (index + 1).log()
    tables = torch.zeros(3, len(c), len(s), len(t), dtype=torch.float64)
    for k, count in enumerate(t.tolist()):
        for part in torch.split(torch.arange(len(c)), _CELLS):
            lam = torch.exp(-c[part, None] * index)
            factor = covariance_factor(lam, torch.ones_like(lam), 1.0, lr, int(count), momentum=momentum)
            signal, spread = factor.signal.mT @ factor.signal, torch.diag_embed(factor.spread)
            for j, size in enumerate(s.tolist()):
                tables[:, part, j, k] = _figures(torch.linalg.eigvalsh(size**2 * signal + spread))
    variance, stress, dimensions = tables.reshape(3, len(axes[names[0]]), len(axes[names[1]]))
    return PhaseDiagram(
        names[0],
        names[1],
        axes[names[0]],
        axes[names[1]],
        fixed,
        variance,
        stress,
        dimensions.long(),
        threshold,
        model,
    )


_RANGES = {"decay": "at least 0", "scale": "positive", "steps": "whole numbers, at least 1"}


def _figures(eigenvalues: Tensor) -> Tensor:
    """Returns explained variance, stress and number of dimensions, shape (3, cells), of (cells, modes) ascending."""
    values = eigenvalues.clamp_min(0).flip(-1)
    squares = values.square()
    variance = values[:, :3].sum(-1) / values.sum(-1)
    stress = 1 - (squares[:, 2:].sum(-1) / squares.sum(-1)).sqrt()
    beyond = values.flip(-1).cumsum(-1).flip(-1)
    return torch.stack([variance, stress, (beyond > (0.05 + 1e-12) * beyond[:, :1]).sum(-1).double()])
