"""How the eigenvalues of raw images decay: the figures of docs/theory.md.

    python -m replications.image_spectra --data DIR [--sets cifar-10 ...]

For each data set the inputs' eigenvalues, pixels between 0 and 1 and nothing taken off, of all images trained on; c of
e^−ci and α of i^−α over the first 20, 50, 100 and 300 of them, with R². A minute.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from lightning_infogeo.theory import input_spectrum
from lightning_infogeo.theory.slope import Decay
from replications.data_sets import NAMES, load
from replications.options import check

MODES = (20, 50, 100, 300)


def eigenvalues(name: str, folder: Path | None) -> Tensor:
    """Returns the eigenvalues of the raw images of a data set, decreasing."""
    images = load(name, folder).train
    batches = (part.flatten(1).float() / 255 for part in torch.split(images, 1_000))
    return input_spectrum(batches, max_rank=max(MODES), exact_features=4_096).eigenvalues


def rows(name: str, values: Tensor) -> list[tuple[str, int, Decay]]:
    """Returns both fits of a spectrum over its first modes, as many as it has."""
    count = int((values > 1e-9 * values[0]).sum())
    return [(name, modes, Decay.of(values, (0, modes))) for modes in sorted({min(each, count) for each in MODES})]


def main(arguments: list[str] | None = None) -> list[tuple[str, int, Decay]]:
    """Prints the fits."""
    made = argparse.ArgumentParser(
        prog="python -m replications.image_spectra",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--data", type=Path, metavar="DIR", help="as `python -m replications.fetch --data DIR` fills it")
    made.add_argument("--sets", nargs="+", choices=(*NAMES, "digits"), default=NAMES, help="data sets")
    options = made.parse_args(arguments)
    check(made, options.sets, options.data)
    found = [row for name in options.sets for row in rows(name, eigenvalues(name, options.data))]
    table = Table("images", "modes", "c", "R²", "α", "R²", title="Decay of the eigenvalues of raw images")
    for name, modes, decay in found:
        fits = [f"{each:.3f}" for fit in decay for each in (fit.value, fit.r_squared)]
        table.add_row(name, f"1 to {modes}", *fits)
    Console().print(table)
    return found


if __name__ == "__main__":
    main()
