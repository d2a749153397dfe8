"""The densities of the weights: extended beside the record, on the device, in the first process."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from lightning_infogeo.copies import Portable
from lightning_infogeo.parameters import QUANTITIES, DensityState, ParameterDensity
from lightning_infogeo.probe import ConfigurationError
from lightning_infogeo.trajectory import WEIGHTS

NETWORK = f"{WEIGHTS}network"


class Weights(Portable, left_behind={"_groups": {}}):
    """Holds the densities of a module's weights and turns each record into quantities.

    Args:
        density: how to follow them; None for not at all.
    """

    def __init__(self, density: ParameterDensity | None) -> None:
        self._density = density
        self._groups: dict[str, list[Tensor]] = {}
        self._rows: tuple[str, ...] = ()
        self._state: DensityState | None = None

    @property
    def quantities(self) -> dict[str, tuple[str, ...]]:
        """What is recorded of each group, and the interval of the record; in the order of ``extend``."""
        return {f"{WEIGHTS}{name}": (*QUANTITIES, "interval") for name in self._rows}

    def prepare(self, module: nn.Module) -> None:
        """Finds the weights, and begins to follow them or brings what was begun to their device.

        Raises:
            ConfigurationError: where there is nothing to follow, or something else than before.
        """
        if self._density is None:
            return
        try:
            self._groups = self._density.groups_of(module)
            fresh = self._density.start(self._groups)
        except ValueError as error:
            raise ConfigurationError(f"`InfoGeometryMonitor(parameters=...)`: {error}") from error
        self._rows = self._density.rows_of(self._groups)
        begun = self._state or fresh
        if any(a.shape != b.shape for a, b in zip(begun, fresh, strict=True)) or (
            begun.sizes.tolist() != fresh.sizes.tolist()
        ):
            raise ConfigurationError(
                f"`InfoGeometryMonitor(parameters={self._density})`: finds groups of {fresh.sizes.tolist()} weights "
                f"where the densities so far are of {begun.sizes.tolist()}; go on with the same settings and model."
            )
        self._state = DensityState(*(a.to(b) for a, b in zip(begun, fresh, strict=True)))

    def extend(self, step: int, like: Tensor) -> list[Tensor]:
        """Adds a record; reads nothing back from the device.

        Returns:
            ``quantities`` of all groups as one vector of the type of ``like``, or nothing where none are followed.
        """
        if self._density is None or self._state is None:
            return []
        before = self._state
        self._state, rows = self._density.extend(before, step, self._groups)
        interval = torch.where(before.started, step - before.last_step, 0).to(rows).expand(len(rows), 1)
        return [torch.cat([rows, interval], dim=1).flatten().to(like.dtype)]

    def release(self) -> None:
        """Takes everything off the device; ``prepare`` brings it back."""
        self._groups = {}
        if self._state is not None:
            self._state = DensityState(*(tensor.cpu() for tensor in self._state))

    def state_dict(self) -> dict[str, Tensor]:
        """Returns CPU tensors from which ``load_state_dict`` goes on."""
        return {} if self._state is None else {name: t.cpu().clone() for name, t in self._state._asdict().items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on from where ``state_dict`` left off; to be followed by ``prepare``."""
        self._state = DensityState(**state) if state else None
