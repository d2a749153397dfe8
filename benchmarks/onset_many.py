"""The overfitting flag on many trajectories at once."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from lightning_infogeo.markers import OverfittingOnset


class ManyOnsets:
    """``OverfittingOnset`` on T trajectories that have the same steps; the bootstrap's multipliers are held once."""

    def __init__(self, marker: OverfittingOnset | None = None) -> None:
        self.marker = marker or OverfittingOnset()
        self.state: Any = None

    def extend(self, step: int, held_out: Tensor, trained: Tensor | None = None) -> None:
        """Adds a record.

        Args:
            step: optimizer steps taken.
            held_out: distance to truth, shape (T, N).
            trained: mean distance of samples trained on, shape (T,); None where there are none.
        """
        if self.state is None:
            one = self.marker.start(held_out[0])
            self.axes = type(one)(**{name: None if name in self.marker.constants else 0 for name in one._fields})
            self.state = torch.vmap(self.marker.start, out_dims=self.axes)(held_out)
        told = held_out.new_full((len(held_out),), torch.nan) if trained is None else trained
        extend = torch.vmap(self.marker.extend, in_dims=(self.axes, None, 0, 0), out_dims=self.axes)
        self.state = extend(self.state, step, held_out, told)

    @property
    def ever(self) -> Tensor:
        """Whether a trajectory has been flagged at any time, shape (T,)."""
        return self.state.firing.times > 0

    @property
    def stands(self) -> Tensor:
        """Whether it is flagged now, shape (T,)."""
        return self.state.firing.times > self.state.recovery.times

    @property
    def known_at(self) -> Tensor:
        """Step at which the last flag was raised, shape (T,); NaN where there was none."""
        return self.state.firing.detected_at
