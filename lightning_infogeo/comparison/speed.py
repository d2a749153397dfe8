"""How many steps a run takes to reach a given progress."""

from __future__ import annotations

import torch
from torch import Tensor


def steps_to_reach(steps: Tensor, progress: Tensor, values: Tensor) -> Tensor:
    """Returns the step at which progress first reaches each value, interpolated linearly between records.

    Args:
        steps: of the records, shape (T,).
        progress: at them, shape (T,).
        values: shape (V,).

    Returns:
        Shape (V,), float64: the first record's step where progress is as large there already, NaN where it never is.

    Example:
        >>> steps_to_reach(torch.tensor([0, 10, 20]), torch.tensor([0.0, 0.5, 0.4]), torch.tensor([0.25, 0.9]))
        tensor([5., nan], dtype=torch.float64)
    """
    t, p, u = steps.double(), progress.double(), values.double()
    after = torch.searchsorted(p.cummax(0).values, u)
    never, after = after == len(p), after.clamp_max(len(p) - 1)
    before = (after - 1).clamp_min(0)
    rise = p[after] - p[before]
    fraction = torch.where(after > before, (u - p[before]) / torch.where(rise > 0, rise, 1), 0)
    return torch.where(never, torch.nan, t[before] + fraction * (t[after] - t[before]))
