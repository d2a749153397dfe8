"""How the weights' densities are to be followed: a value to hand around, which starts and extends them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from lightning_infogeo.parameters import density
from lightning_infogeo.parameters.density import DensityState, Groups
from lightning_infogeo.parameters.estimators import FEW
from lightning_infogeo.parameters.groups import Grouping, parameter_groups
from lightning_infogeo.parameters.weights import Reduce

NETWORK, INDEPENDENT = "network", "network_independent"
"""The rows of all groups: one density of all weights, and the groups as independent coordinates."""


@dataclass(frozen=True)
class ParameterDensity:
    """How to follow the distribution of a network's weights; the random variable is one weight of a group.

    Γ² = ∫ (∂_t p)²/p dx and L = ∫ Γ dt, after Kim, Entropy 23, 1393 (2021), following the quantity defined in
    Thiruthummal, Kim & Shelyag, arXiv 2406.05295. Γ is measured as the distance between two records ÷ their interval.

    Args:
        groups: as ``parameter_groups`` takes them: "layer", "tensor", "network", or names with regular expressions.
        estimator: "histogram"; "gaussian", from mean and variance alone; or "auto", the latter below 10,000 weights.
        bins: nominal number B of them; None for int(1.4 · 2.59 · N^(1/3)) of N weights. Widths are powers of two, and
            between B/2 and 2B of them are used as the weights spread or draw together.
        biases: whether biases and normalisation parameters are "pooled" in a group of their own, or left "out".

    Raises:
        ValueError: for values other than these.

    Example:
        >>> settings, module = ParameterDensity(groups="network"), nn.Linear(100, 200)
        >>> groups = settings.groups_of(module)
        >>> state, _ = settings.extend(settings.start(groups), 0, groups)
        >>> _ = nn.init.normal_(module.weight)
        >>> state, rows = settings.extend(state, 10, groups)
        >>> settings.rows_of(groups), tuple(rows.shape)
        (('network',), (1, 3))
    """

    groups: Grouping = "layer"
    estimator: Literal["auto", "histogram", "gaussian"] = "auto"
    bins: int | None = None
    biases: Literal["pooled", "out"] = "pooled"

    def __post_init__(self) -> None:
        if isinstance(self.groups, str):
            if self.groups not in ("layer", "tensor", "network"):
                raise ValueError(
                    f'`ParameterDensity(groups={self.groups!r})`: must be "layer", "tensor", "network", or a mapping '
                    "of names to regular expressions."
                )
        elif not self.groups or any(not name or "/" in name for name in self.groups):
            raise ValueError(
                f"`ParameterDensity(groups={dict(self.groups)!r})`: must have at least one name, and none with "
                '"/" in it.'
            )
        elif {NETWORK, INDEPENDENT} & set(self.groups):
            raise ValueError(
                f'`ParameterDensity(groups={dict(self.groups)!r})`: "{NETWORK}" and "{INDEPENDENT}" stand for all '
                "groups together; choose other names."
            )
        if self.estimator not in ("auto", "histogram", "gaussian"):
            raise ValueError(
                f'`ParameterDensity(estimator={self.estimator!r})`: must be "auto", "histogram" or "gaussian".'
            )
        if self.bins is not None and (not isinstance(self.bins, int) or self.bins < 2):
            raise ValueError(f"`ParameterDensity(bins={self.bins!r})`: must be an int of at least 2, or None.")
        if self.biases not in ("pooled", "out"):
            raise ValueError(f'`ParameterDensity(biases={self.biases!r})`: must be "pooled" or "out".')

    def groups_of(self, module: nn.Module) -> dict[str, list[Tensor]]:
        """Returns the module's parameters by group (``parameter_groups``); valid while it keeps these parameters."""
        return parameter_groups(module, self.groups, self.biases)

    def rows_of(self, groups: Groups) -> tuple[str, ...]:
        """Returns the names of the rows of ``extend``: the groups, "network" and "network_independent".

        A single group named "network" is the network: there is only its row.
        """
        return (NETWORK,) if tuple(groups) == (NETWORK,) else (*groups, NETWORK, INDEPENDENT)

    def start(self, groups: Groups, sizes: Mapping[str, int] | None = None) -> DensityState:
        """Returns the state before the first record, on the device of the weights.

        Args:
            groups: tensors by name, all on one device, as from ``groups_of``.
            sizes: number of weights of each group in all processes, where they are sharded; else None.

        Raises:
            ValueError: where a group has no weights at all.
        """
        empty = [n for n, t in groups.items() if not (sizes[n] if sizes is not None else sum(x.numel() for x in t))]
        if empty or not groups:
            raise ValueError(
                f"`ParameterDensity.start(groups={list(groups)!r})`: no weights in {', '.join(empty) or 'it'}; leave "
                "out groups without any."
            )
        return density.start(groups, self.bins, self._few, sizes)

    def extend(
        self,
        state: DensityState,
        step: int,
        groups: Groups,
        sizes: Mapping[str, int] | None = None,
        reduce: Reduce | None = None,
    ) -> tuple[DensityState, Tensor]:
        """Adds one record; reads nothing back from the device. ``density.extend`` says what the quantities are.

        Args:
            state: from ``start`` or an earlier call.
            step: optimizer steps taken, more than at any record before.
            groups: as for ``start``.
            sizes: as for ``start``.
            reduce: f(tensor, "sum" | "max") over the processes that hold other shards of the weights.

        Returns:
            The new state, and a row of ``QUANTITIES`` for each of ``rows_of``. Where not all weights are finite the
            state is unchanged and all rows NaN.
        """
        state, rows = density.extend(state, step, groups, self._few, sizes, reduce)
        return state, rows[-2:-1] if self.rows_of(groups) == (NETWORK,) else rows

    @property
    def _few(self) -> float:
        return {"auto": FEW, "histogram": 0, "gaussian": torch.inf}[self.estimator]
