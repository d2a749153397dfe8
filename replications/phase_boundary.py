"""Where linear networks turn low-dimensional, measured beside what theory predicts, after arXiv 2505.08915.

    python -m replications.phase_boundary [--logdir DIR] [--workers 2] [--fast] [--save]

2,000 linear networks at a time learn the same targets with squared loss by gradient descent, from initial weights of
their own. Inputs have eigenvalues e^{−ci} or (i + 1)^−α, targets are `scale` times the initial weights, on a grid of
6 × 6 for each of the two; outputs are recorded at every step. Their covariance over all steps of all networks has to
have the explained variance that the closed form predicts, and the boundary of 90 % in three dimensions has to be where
it says. Needs no data; some five minutes on one core.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from matplotlib.figure import Figure
from rich.console import Console
from torch import Tensor

from lightning_infogeo.figures import phase_diagram as draw
from lightning_infogeo.theory import PhaseDiagram, Spectrum, phase_diagram
from lightning_infogeo.theory.slope import Model
from replications.claims import Claim, Replication
from replications.jobs import run
from replications.linear_networks import GROUPS, Cell, Moments, measure, read
from replications.options import parser

DECAYS: dict[Model, tuple[float, ...]] = {
    "exponential": (0.05, 0.2, 0.5, 1.0, 2.0, 3.0),
    "power": (0.5, 1.0, 2.0, 3.0, 4.0, 6.0),
}
SCALES = tuple(torch.logspace(-2, 2, 6).tolist())
NAMES = {"exponential": "e^−ci", "power": "i^−α"}
DRAWS = 1_000
"""Of the bootstrap."""


class Measured(NamedTuple):
    """A grid, predicted and measured at the same cells.

    Attributes:
        predicted: by the closed form.
        measured: by simulation.
        low: lower ends of the 95 % intervals of the measured explained variance, over initialisations.
        high: upper ends.
    """

    predicted: PhaseDiagram
    measured: PhaseDiagram
    low: Tensor
    high: Tensor

    @property
    def largest_error(self) -> float:
        """Largest difference of the explained variance over the cells."""
        return float((self.measured.explained_variance - self.predicted.explained_variance).abs().max())

    @property
    def disagreements(self) -> int:
        """Cells with another verdict."""
        return int((self.measured.is_low_dimensional != self.predicted.is_low_dimensional).sum())

    @property
    def boundary_errors(self) -> Tensor:
        """Where a row crosses the boundary, ln scale measured less predicted, in steps of the grid, shape (rows,).

        0 where neither crosses, infinite where one does and the other does not.
        """
        step = float(self.predicted.column_values.log().diff().mean())
        crossings = [dict(one.boundary) for one in (self.measured, self.predicted)]
        errors = []
        for row in self.predicted.row_values.tolist():
            here, there = (crossing.get(row) for crossing in crossings)
            if here is None or there is None:
                errors.append(0.0 if here is there else torch.inf)
            else:
                errors.append(float(torch.tensor(here / there).log()) / step)
        return torch.tensor(errors)


def measured_grid(predicted: PhaseDiagram, moments: list[Moments]) -> Measured:
    """Returns a predicted grid beside what was measured at its cells, row by row."""
    shape = predicted.explained_variance.shape
    whole = [one.spectrum() for one in moments]
    generator = torch.Generator().manual_seed(0)
    draws = torch.randint(GROUPS, (DRAWS, GROUPS), generator=generator)
    ends = torch.tensor([_interval(one, draws) for one in moments])
    tables = ([read_off(each) for each in whole] for read_off in _READ_OFF)
    variance, stress, dimensions = (torch.tensor(table).reshape(shape) for table in tables)
    measured = predicted._replace(
        explained_variance=variance.double(), explained_stress=stress.double(), dimensions=dimensions
    )
    return Measured(predicted, measured, *ends.T.reshape(2, *shape))


_READ_OFF = (Spectrum.explained_variance, Spectrum.explained_stress, Spectrum.dimensions)


def _interval(moments: Moments, draws: Tensor) -> list[float]:
    """Returns the 95 % interval of the explained variance, from groups of initialisations drawn with replacement."""
    counts = torch.stack([(draws == group).sum(1) for group in range(GROUPS)], dim=1).double()
    first, second = counts @ moments.first, (counts @ moments.second.flatten(1)).unflatten(1, moments.second.shape[1:])
    whole = moments.count * GROUPS
    covariance = second / whole - torch.einsum("di,dj->dij", first, first) / whole**2
    values = torch.linalg.eigvalsh(covariance).clamp_min(0)
    shares = values[:, -3:].sum(1) / values.sum(1)
    return shares.quantile(torch.tensor([0.025, 0.975], dtype=shares.dtype)).tolist()


def claims(grids: Mapping[tuple[Model, int], Measured]) -> tuple[Claim, ...]:
    """Returns what theory says of the boundary and of the cells, for each model of the eigenvalues."""
    rows = []
    for (model, steps), grid in grids.items():
        errors = grid.boundary_errors
        crossing = len(grid.predicted.boundary)
        worst = float(errors.abs().max())
        rows.append(
            Claim(
                f"Eigenvalues {NAMES[model]}, T = {steps:,}: 90 % of the variance in three dimensions begin at the "
                "predicted scale",
                "within one step of the grid, a factor of "
                f"{float(grid.predicted.column_values.log().diff().mean().exp()):.1f} in scale (acceptance)",
                f"farthest of {crossing} crossings {worst:.3f} steps; another verdict in {grid.disagreements} of "
                f"{grid.predicted.dimensions.numel()} cells",
                "",
                worst <= 1,
            )
        )
        inside = (
            (grid.low <= grid.predicted.explained_variance) & (grid.predicted.explained_variance <= grid.high)
        ).sum()
        rows.append(
            Claim(
                f"Eigenvalues {NAMES[model]}, T = {steps:,}: explained variance of every cell",
                "the closed form; 0.02 in examples/linear_ribbon.py",
                f"largest difference {grid.largest_error:.4f}; dimensions for 95 % differ by at most "
                f"{int((grid.measured.dimensions - grid.predicted.dimensions).abs().max())}",
                f"prediction inside the 95 % interval of {int(inside)} of {grid.low.numel()} cells, whose median width "
                f"is {float((grid.high - grid.low).median()):.4f}",
                grid.largest_error < 0.02,
            )
        )
    return tuple(rows)


def picture(grids: Mapping[tuple[Model, int], Measured], steps: int, size: int = 60) -> Figure:
    """Returns predicted phase diagrams on a fine grid, and on them the cells, filled by what was measured."""
    shown = {model: grid for (model, until), grid in grids.items() if until == steps}
    fine = []
    for model, grid in shown.items():
        decays, scales = grid.predicted.row_values, grid.predicted.column_values.log()
        ends = [torch.linspace(float(axis[0]), float(axis[-1]), size) for axis in (decays, scales)]
        fine.append(phase_diagram(ends[0], ends[1].exp(), steps, model=model))
    figure = draw(fine, "predicted (ground; vermilion: the boundary) and measured (discs; ring: low-dimensional)")
    for axes, grid in zip(figure.axes, shown.values(), strict=False):
        table = grid.measured
        scale, decay = torch.meshgrid(table.column_values, table.row_values, indexing="xy")
        rings = ["#D55E00" if low else "white" for low in table.is_low_dimensional.flatten()]
        values, look = table.explained_variance.flatten(), {"cmap": "cividis", "vmin": 0, "vmax": 1}
        axes.scatter(scale.flatten(), decay.flatten(), 130, values, edgecolors=rings, linewidths=1.6, zorder=5, **look)
        axes.margins(0.06)
    return figure


def main(arguments: list[str] | None = None) -> Replication:
    """Measures the grids, prints and keeps the claims."""
    options = parser(__doc__ or "", "phase_boundary").parse_args(arguments)
    console = Console(width=140)
    untils, modes, runs = ((50, 100), 20, 400) if options.fast else ((100, 1_000), 60, 2_000)
    decays = {model: values[::2] if options.fast else values for model, values in DECAYS.items()}
    scales = SCALES[1::2] if options.fast else SCALES
    cells = [
        Cell(options.logdir / "cells", model, decay, scale, untils, modes, runs)
        for model, values in decays.items()
        for decay in values
        for scale in scales
    ]
    paths = run(cells, measure, options.workers, console, "cells", done=lambda cell: cell.path.exists())
    found = [read(path) for path in paths]
    grids = {}
    for until in reversed(untils):
        for model, values in decays.items():
            predicted = phase_diagram(values, scales, until, model=model, modes=modes)
            own = [moments[until] for cell, (moments, _) in zip(cells, found, strict=True) if cell.model == model]
            grids[model, until] = measured_grid(predicted, own)
    rows = claims(grids)
    held = all(row.holds for row in rows)
    made = Replication(
        "phase_boundary",
        "Linear networks turn low-dimensional where theory says they do"
        if held
        else "Linear networks turn low-dimensional where theory says in part only",
        "2505.08915",
        f"{runs:,} linear networks a cell with squared loss, {modes} modes, all |w*_i| equal, η λ₁ = 1, gradient "
        f"descent from N(0, σ_w²), recorded at every step, T = {' and '.join(f'{until:,}' for until in untils)}; "
        f"{len(decays['power'])} decays × {len(scales)} scales |w*| ÷ σ_w from {scales[0]:.3g} to {scales[-1]:.3g}, "
        "for exponential and power-law eigenvalues. Predictions are the closed form, measurements the covariance of "
        "simulated outputs; intervals by bootstrap over initialisations.",
        rows,
        f"{sum(seconds for _, seconds in found) / 3600:.2f} CPU hours",
        (
            "Networks and loss are those of the theory: this tests the formulas and our code, not networks in general.",
            "The body of the paper could not be read: its axes, and the share that it calls low-dimensional, may be "
            "others.",
        ),
        {"boundary": f"Explained variance of three dimensions, T = {untils[-1]:,}: predicted and measured."},
    )
    made.print(console)
    made.save({"boundary": picture(grids, untils[-1], 12 if options.fast else 60)}, options.logdir, options.save)
    return made


if __name__ == "__main__":
    main()
