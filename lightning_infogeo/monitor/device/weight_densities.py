"""The densities of the weights: extended beside the record, on the device, in the first process."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from lightning_infogeo.copies import Portable
from lightning_infogeo.errors import ConfigurationError
from lightning_infogeo.parameters import QUANTITIES, DensityState, ParameterDensity
from lightning_infogeo.quantities import WEIGHT_QUANTITIES, names
from lightning_infogeo.trajectory import WEIGHTS

NETWORK = f"{WEIGHTS}network"


def groups_in(trajectories: Iterable[str]) -> list[str]:
    """Returns the names of the groups of weights, given those of all trajectories."""
    return [name.removeprefix(WEIGHTS) for name in trajectories if name.startswith(WEIGHTS)]


class WeightDensities(Portable, left_behind={"_groups": {}}):
    """Holds the densities of a module's weights and turns each record into quantities.

    Args:
        density: how to follow them; None for not at all.
        known: names of the groups followed so far, in the order of their state.
    """

    def __init__(self, density: ParameterDensity | None, known: Sequence[str] = ()) -> None:
        self._density = density
        self._known = tuple(known)
        self._groups: dict[str, list[Tensor]] = {}
        self._rows: tuple[str, ...] = ()
        self._state: DensityState | None = None

    @property
    def quantities(self) -> dict[str, tuple[str, ...]]:
        """What is recorded of each group, and the interval of the record; known after ``prepare``."""
        return {f"{WEIGHTS}{name}": names(WEIGHT_QUANTITIES) for name in self._rows}

    def prepare(self, module: nn.Module) -> None:
        """Finds the weights, and begins to follow them or brings what was begun to their device.

        Raises:
            ConfigurationError: where there is nothing to follow, or something else than before.
        """
        if self._density is None:
            return
        try:
            found = self._density.groups_of(module)
            known = [name for name in self._known if name in found]  # in the order of the state, not of the model
            self._groups = {name: found[name] for name in [*known, *found]}
            fresh = self._density.start(self._groups)
        except ValueError as error:
            raise ConfigurationError(f"`InfoGeometryMonitor(parameters=...)`: {error}") from error
        self._known, self._rows = tuple(self._groups), self._density.rows_of(self._groups)
        begun = self._state or fresh
        if any(a.shape != b.shape for a, b in zip(begun, fresh, strict=True)) or (
            begun.sizes.tolist() != fresh.sizes.tolist()
        ):
            raise ConfigurationError(
                f"`InfoGeometryMonitor(parameters={self._density})`: finds groups of {fresh.sizes.tolist()} weights "
                f"where the densities so far are of {begun.sizes.tolist()}; go on with the same settings and model."
            )
        self._state = DensityState(*(a.to(b) for a, b in zip(begun, fresh, strict=True)))

    def extend(self, step: int, like: Tensor) -> dict[str, Tensor]:
        """Adds a record and returns ``quantities`` by name, of the type of ``like``; reads nothing from the device."""
        if self._density is None or self._state is None:
            return {}
        before = self._state
        self._state, rows = self._density.extend(before, step, self._groups)
        interval = torch.where(before.started, step - before.last_step, 0).to(rows).expand(len(rows))
        columns = {**dict(zip(QUANTITIES, rows.unbind(1), strict=True)), "interval": interval}
        rows = torch.stack([columns[name] for name in names(WEIGHT_QUANTITIES)], dim=1)
        return dict(zip(self.quantities, rows.to(like.dtype), strict=True))

    def release(self) -> None:
        """Takes everything off the device; ``prepare`` brings it back."""
        self._groups = {}
        if self._state is not None:
            self._state = DensityState(*(tensor.cpu() for tensor in self._state))

    def state_dict(self) -> dict[str, Any]:
        """Returns CPU tensors and names from which ``load_state_dict`` goes on."""
        if self._state is None:
            return {}
        return {"groups": list(self._known), **{name: t.cpu().clone() for name, t in self._state._asdict().items()}}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on from where ``state_dict`` left off; to be followed by ``prepare``."""
        tensors = dict(state)
        self._known = tuple(tensors.pop("groups", self._known))
        self._state = DensityState(**tensors) if tensors else None
