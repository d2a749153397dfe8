"""Where linear networks turn low-dimensional, measured beside what theory predicts, after arXiv 2505.08915.

    python -m replications.phase_boundary [--logdir DIR] [--workers 2] [--fast] [--save]

2,000 linear networks at a time learn the same targets with squared loss by gradient descent, from initial weights of
their own. Inputs have eigenvalues e^{−ci} or (i + 1)^−α, targets are `scale` times the initial weights, on a grid of
6 × 6 for each of the two; outputs are recorded at every step. Their covariance over all steps of all networks has to
have the explained variance that the closed form predicts, and the boundary of 90 % in three dimensions has to be where
it says. Needs no data; some five minutes on one core.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from rich.console import Console
from scipy.stats import t as student
from torch import Tensor

from lightning_infogeo.figures import phase_diagram as draw
from lightning_infogeo.figures.palette import COLOURS
from lightning_infogeo.theory import PhaseDiagram, Spectrum, phase_diagram
from lightning_infogeo.theory.slope import Model
from replications.claims import Claim, Replication, decided
from replications.jobs import run
from replications.linear_networks import GROUPS, Cell, Moments, measure, read
from replications.options import command, parser

DECAYS: dict[Model, tuple[float, ...]] = {
    "exponential": (0.05, 0.2, 0.5, 1.0, 2.0, 3.0),
    "power": (0.5, 1.0, 2.0, 3.0, 4.0, 6.0),
}
SCALES = tuple(torch.logspace(-2, 2, 6).tolist())
NAMES = {"exponential": "e^−ci", "power": "i^−α"}
VERMILION = COLOURS[1]
SYMBOLS = {"exponential": "c", "power": "α"}


class Measured(NamedTuple):
    """A grid, predicted and measured at the same cells.

    Attributes:
        predicted: by the closed form.
        measured: by simulation.
        low: lower ends of the 95 % intervals of the explained variance, by jackknife over groups of initialisations,
            which takes out that of a finite number of networks the first eigenvalues come out too large.
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

    def boundary_errors(self, explained_variance: Tensor | None = None) -> Tensor:
        """Returns where a row crosses the boundary, ln scale less the predicted, in steps of the grid, shape (rows,).

        0 where neither crosses, infinite where one does and the other does not.

        Args:
            explained_variance: of the cells; None for the measured one.
        """
        here = self.measured
        if explained_variance is not None:
            here = here._replace(explained_variance=explained_variance)
        step = float(self.predicted.column_values.log().diff().mean())
        crossings = [dict(one.boundary) for one in (here, self.predicted)]
        errors = []
        for row in self.predicted.row_values.tolist():
            found, wanted = (crossing.get(row) for crossing in crossings)
            if found is None or wanted is None:
                errors.append(0.0 if found is wanted else math.inf)
            else:
                errors.append(math.log(found / wanted) / step)
        return torch.tensor(errors)


def measured_grid(predicted: PhaseDiagram, moments: list[Moments]) -> Measured:
    """Returns a predicted grid beside what was measured at its cells, row by row."""
    shape = predicted.explained_variance.shape
    whole = [one.spectrum() for one in moments]
    ends = torch.tensor([_interval(one) for one in moments])
    tables = ([read_off(each) for each in whole] for read_off in _READ_OFF)
    variance, stress, dimensions = (torch.tensor(table).reshape(shape) for table in tables)
    measured = predicted._replace(
        explained_variance=variance.double(), explained_stress=stress.double(), dimensions=dimensions
    )
    return Measured(predicted, measured, *ends.T.reshape(2, *shape))


_READ_OFF = (Spectrum.explained_variance, Spectrum.explained_stress, Spectrum.dimensions)


def _interval(moments: Moments) -> tuple[float, float]:
    """Returns the 95 % interval of the explained variance, by jackknife over the groups of initialisations."""
    whole, every = moments.spectrum().explained_variance(), torch.arange(GROUPS)
    without = torch.tensor([moments.spectrum(every[every != k]).explained_variance() for k in range(GROUPS)])
    alone = GROUPS * whole - (GROUPS - 1) * without
    reach = float(student.ppf(0.975, GROUPS - 1)) * float(alone.std()) / math.sqrt(GROUPS)
    return float(alone.mean()) - reach, float(alone.mean()) + reach


def claims(grids: Mapping[tuple[Model, int], Measured]) -> tuple[Claim, ...]:
    """Returns what theory says of the boundary and of the cells, for each model of the eigenvalues."""
    rows = []
    for (model, steps), grid in grids.items():
        crossing, step = len(grid.predicted.boundary), float(grid.predicted.column_values.log().diff().mean())
        errors = torch.stack([grid.boundary_errors(each) for each in (None, grid.low, grid.high)])
        worst, ends = float(errors[0].abs().max()), errors.abs().max(0).values
        factor, row = math.exp(worst * step), float(grid.predicted.row_values[ends.argmax()])
        # Of a row whose error is beyond a step wherever in the intervals its cells are.
        beyond = bool(((errors > 1).all(0) | (errors < -1).all(0)).any())
        rows.append(
            Claim(
                f"Eigenvalues {NAMES[model]}, T = {steps:,}: 90 % of the variance in three dimensions begin at the "
                "predicted scale",
                f"within one step of the grid, a factor of {math.exp(step):.1f} in scale (acceptance), also where all "
                "cells of a row are at one end of their intervals; undecided where only measured so",
                f"farthest of {crossing} crossings {worst:.3f} steps, a factor of {factor:.2f}; "
                f"another verdict in {grid.disagreements} of {grid.predicted.dimensions.numel()} cells",
                f"at most {float(ends.max()):.3f} steps at the ends of the cells' 95 % intervals, of the row "
                f"{SYMBOLS[model]} = {row:g}",
                decided(float(ends.max()) <= 1, beyond),
            )
        )
        inside = (
            (grid.low <= grid.predicted.explained_variance) & (grid.predicted.explained_variance <= grid.high)
        ).sum()
        rows.append(
            Claim(
                f"Eigenvalues {NAMES[model]}, T = {steps:,}: explained variance of every cell",
                "the closed form; largest difference below 0.02, as in examples/linear_ribbon.py",
                f"largest difference {grid.largest_error:.4f}; dimensions for 95 % differ by at most "
                f"{int((grid.measured.dimensions - grid.predicted.dimensions).abs().max())}",
                f"prediction inside the 95 % interval of {int(inside)} of {grid.low.numel()} cells, whose median width "
                f"is {float((grid.high - grid.low).median()):.4f}",
                decided(grid.largest_error < 0.02),
            )
        )
    return tuple(rows)


def title(rows: tuple[Claim, ...]) -> str:
    """Returns what was found, in a sentence."""
    count = Counter(row.verdict for row in rows)
    start = "Linear networks turn low-dimensional where theory says"
    if count["does not hold"]:
        return f"{start} in part only: {count['does not hold']} of {len(rows)} statements do not hold"
    if count["undecided"]:
        return f"{start}, as far as could be told: {count['undecided']} of {len(rows)} statements undecided"
    return f"{start} they do"


def picture(grids: Mapping[tuple[Model, int], Measured], steps: int, size: int = 60) -> Figure:
    """Returns predicted phase diagrams on a fine grid, and on them the cells, filled by what was measured."""
    shown = {model: grid for (model, until), grid in grids.items() if until == steps}
    fine = []
    for model, grid in shown.items():
        decays, scales = grid.predicted.row_values, grid.predicted.column_values.log()
        ends = [torch.linspace(float(axis[0]), float(axis[-1]), size) for axis in (decays, scales)]
        fine.append(phase_diagram(ends[0], ends[1].exp(), steps, model=model))
    figure = draw(fine, f"Linear networks, T = {steps:,}: predicted (ground) and measured (discs)", dimensions=False)
    for axes, grid in zip(figure.axes, shown.values(), strict=False):
        table = grid.measured
        scale, decay = torch.meshgrid(table.column_values, table.row_values, indexing="xy")
        rings = [VERMILION if low else "white" for low in table.is_low_dimensional.flatten()]
        values = table.explained_variance.flatten()
        look: dict[str, Any] = {"cmap": "cividis", "vmin": 0, "vmax": 1, "zorder": 5, "clip_on": False}
        where = (scale.flatten(), decay.flatten(), 130)
        axes.scatter(*where, values, edgecolors=rings, linewidths=1.6, **look)
        axes.set_title(f"eigenvalues {NAMES[table.model]}", fontsize="medium")
    look = {"linestyle": "", "marker": "o", "markersize": 10, "markeredgewidth": 1.8, "markerfacecolor": "0.5"}
    handles = [
        Line2D([], [], color=VERMILION, linewidth=2.5, label="predicted: from here on 90 % in three dimensions"),
        Line2D([], [], markeredgecolor=VERMILION, **look, label="measured: 90 % or more"),
        Line2D([], [], markeredgecolor="white", **look, label="measured: less"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=3, facecolor="0.8", frameon=True)
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
    paths = run(cells, measure, options.workers, console, "cells", done=lambda cell: cell.origin.kept(cell.path))
    found = [read(path) for path in paths]
    grids = {}
    for until in reversed(untils):
        for model, values in decays.items():
            predicted = phase_diagram(values, scales, until, model=model, modes=modes)
            own = [moments[until] for cell, (moments, _) in zip(cells, found, strict=True) if cell.model == model]
            grids[model, until] = measured_grid(predicted, own)
    rows = claims(grids)
    made = Replication(
        "phase_boundary",
        title(rows),
        "2505.08915",
        f"{runs:,} linear networks a cell with squared loss, {modes} modes, all |w*_i| equal, η λ₁ = 1, gradient "
        f"descent from N(0, σ_w²), recorded at every step, T = {' and '.join(f'{until:,}' for until in untils)}; "
        f"{len(decays['power'])} decays × {len(scales)} scales |w*| ÷ σ_w from {scales[0]:.3g} to {scales[-1]:.3g}, "
        "for exponential and power-law eigenvalues. Predictions are the closed form, measurements the covariance of "
        "simulated outputs; intervals by jackknife over initialisations. Crossings are interpolated between cells, "
        "alike for both, so that they test the cells next to the boundary: on a fine grid, as in the picture, the "
        "predicted boundary lies up to half a step lower.",
        rows,
        f"{sum(seconds for _, seconds in found) / 3600:.2f} CPU hours",
        (
            "Networks and loss are those of the theory: this tests the formulas and our code, not networks in general.",
            "Of the paper the abstract and the caption of Fig. 1 could be read: its three controls are named there, "
            "the axes of its phase diagrams and the share that it calls low-dimensional are not.",
        ),
        {
            "boundary": f"Explained variance of three dimensions, T = {untils[-1]:,}: predicted (ground), measured "
            "(discs). Discs with a vermilion ring have 90 % and should lie beyond the line, the others not."
        },
        options.command,
    )
    made.print(console)
    made.save({"boundary": picture(grids, untils[-1], 12 if options.fast else 60)}, options.logdir, options.save)
    return made


if __name__ == "__main__":
    command(main)
