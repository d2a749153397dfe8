"""Trajectories as tables: pandas frames and CSV files."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from lightning_infogeo.trajectory import LABELLED_QUANTITIES, Trajectory

if TYPE_CHECKING:
    import pandas


def to_frame(trajectory: Trajectory) -> pandas.DataFrame:
    """Returns a frame with one row for each record, indexed by step; ``attrs`` says how it was recorded.

    Raises:
        ModuleNotFoundError: where pandas is not installed.
    """
    try:
        import pandas
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            "`to_frame()` needs pandas: pip install 'lightning-infogeo[analysis]'; `to_csv(path)` does not."
        ) from None
    columns = {name: getattr(trajectory, name).numpy() for name in trajectory.quantities}
    frame: pandas.DataFrame = pandas.DataFrame(columns, index=pandas.Index(trajectory.steps.numpy(), name="step"))
    frame.attrs = {"schedule": trajectory.schedule, "lag": trajectory.lag, "precision": trajectory.precision}
    return frame


def to_csv(trajectories: Mapping[str, Trajectory], path: str | Path) -> None:
    """Writes all trajectories to one file in UTF-8, with a row for each probe and record.

    Columns are the quantities of probes and, where weights are followed, of weights. Undefined values are left empty.
    """
    all_quantities = [quantity for trajectory in trajectories.values() for quantity in trajectory.quantities]
    header = tuple(dict.fromkeys((*LABELLED_QUANTITIES, *all_quantities)))
    with open(path, "w", newline="", encoding="utf-8", errors="replace") as file:
        writer = csv.writer(file)
        writer.writerow(["probe", "step", *header, "schedule", "lag", "precision"])
        for name, trajectory in trajectories.items():
            columns = [
                getattr(trajectory, quantity).tolist()
                if quantity in trajectory.quantities
                else [float("nan")] * len(trajectory)
                for quantity in header
            ]
            for step, *values in zip(trajectory.steps.tolist(), *columns, strict=True):
                cells = ["" if value != value else repr(value) for value in values]
                writer.writerow([name, step, *cells, trajectory.schedule, trajectory.lag, trajectory.precision])
