"""The densities of the weights: extended beside the record, on the device, in the first process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from lightning_infogeo.copies import Portable
from lightning_infogeo.errors import ConfigurationError
from lightning_infogeo.parameters import QUANTITIES, DensityState, ParameterDensity
from lightning_infogeo.quantities import WEIGHT_QUANTITIES, names
from lightning_infogeo.trajectory.series import of_weights


class WeightDensities(Portable, left_behind={"_groups": {}}):
    """Holds the densities of a module's weights and turns each record into quantities.

    Args:
        density: how to follow them.
        module: with the weights.
        state: to go on from; empty to begin.
        known: names of the groups followed so far, where the state does not say.

    Attributes:
        series: one a group, and those of the whole network.

    Raises:
        ConfigurationError: where there is nothing to follow, or something else than before.
    """

    def __init__(
        self, density: ParameterDensity, module: nn.Module, state: Mapping[str, Any], known: Sequence[str] = ()
    ) -> None:
        tensors = dict(state)
        followed = tensors.pop("groups", known)
        self._density = density
        try:
            groups = density.groups_of(module)
            # In the order of the state, not of the model.
            self._groups = {name: groups[name] for name in [*(n for n in followed if n in groups), *groups]}
            fresh = density.start(self._groups)
        except ValueError as error:
            raise ConfigurationError(f"`InfoGeometryMonitor(parameters=...)`: {error}") from error
        self._names = tuple(self._groups)
        self.series = tuple(of_weights(name, names(WEIGHT_QUANTITIES)) for name in density.rows_of(self._groups))
        begun = DensityState(**tensors) if tensors else fresh
        if any(a.shape != b.shape for a, b in zip(begun, fresh, strict=True)) or (
            begun.sizes.tolist() != fresh.sizes.tolist()
        ):
            raise ConfigurationError(
                f"`InfoGeometryMonitor(parameters={density})`: finds groups of {fresh.sizes.tolist()} weights where "
                f"the densities so far are of {begun.sizes.tolist()}; go on with the same settings and model."
            )
        self._state = DensityState(*(a.to(b) for a, b in zip(begun, fresh, strict=True)))

    def extend(self, step: int, like: Tensor) -> dict[str, Tensor]:
        """Adds a record and returns the rows by series, of the type of ``like``; reads nothing from the device."""
        before = self._state
        self._state, rows = self._density.extend(before, step, self._groups)
        interval = torch.where(before.started, step - before.last_step, 0).to(rows).expand(len(rows))
        columns = {**dict(zip(QUANTITIES, rows.unbind(1), strict=True)), "interval": interval}
        table = torch.stack([columns[name] for name in names(WEIGHT_QUANTITIES)], dim=1).to(like.dtype)
        return {series.name: row for series, row in zip(self.series, table, strict=True)}

    def to(self, device: torch.device) -> None:
        """Brings what was measured to a device, and lets go of the weights."""
        self._groups = {}
        self._state = DensityState(*(tensor.to(device) for tensor in self._state))

    def state_dict(self) -> dict[str, Any]:
        """Returns CPU tensors and names to go on from."""
        return {"groups": list(self._names), **{name: t.cpu().clone() for name, t in self._state._asdict().items()}}
