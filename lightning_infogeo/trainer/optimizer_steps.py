"""Counting the optimizer steps of a training: by Lightning, or by the monitor where Lightning does not see them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

import lightning_infogeo.lightnings as pl
from lightning_infogeo.lightnings import rank_zero_info, rank_zero_warn
from lightning_infogeo.schedules import is_int

CHECK_AFTER = 10
"""Batches without a step after which weights are first checked for having changed all the same."""

_SAMPLES = 64
"""About how many numbers of each parameter are compared."""


class OptimizerSteps:
    """Counts the steps of optimizers that hold parameters of the module, under manual optimization.

    ``trainer.global_step`` counts the steps of optimizers that Lightning has wrapped. Where only others take steps
    (``use_pl_optimizer=False``, optimizers made by hand or inside of others), steps are counted here, from the first on
    and for the whole training: the two counts are never mixed.

    Args:
        trainer: whose training it is.
        module: that is trained.
        state: to go on from; empty to begin.

    Attributes:
        own: whether this count is used instead of Lightning's.
    """

    def __init__(self, trainer: pl.Trainer, module: pl.LightningModule, state: Mapping[str, Any]) -> None:
        self.own = False
        self._counted = self._first_step = trainer.global_step
        self.load_state_dict(state)
        self._depth = 0
        self._batches = 0
        self._next_check = CHECK_AFTER
        self._handles: list[Any] = []
        self._parameters: set[int] = set()
        self._before: list[Tensor] = []
        if not module.automatic_optimization:  # under automatic optimization there is no need to
            self._parameters = {id(parameter) for parameter in module.parameters()}
            self._before = _weight_samples(module)
            self._handles = [
                register_optimizer_step_pre_hook(self._enter),
                register_optimizer_step_post_hook(self._leave),
            ]

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_handles": [], "_parameters": set(), "_before": [], "_depth": 0}

    def close(self) -> None:
        """Counts no more."""
        for handle in self._handles:
            handle.remove()
        self._handles, self._parameters, self._before = [], set(), []

    def at(self, trainer: pl.Trainer) -> int:
        """Returns the steps taken so far."""
        return self._counted if self.own else trainer.global_step

    @property
    def counted(self) -> int | None:
        """The steps counted here; None where Lightning counts them."""
        return self._counted if self.own else None

    def batch_ended(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Takes note of the end of a batch: says once who counts, or that nobody can."""
        self._depth = 0  # an optimizer that raises does not say that its step is over
        if not self._handles or self.own:
            return
        if trainer.global_step != self._first_step:
            self.close()  # Lightning counts
        elif self._counted != self._first_step:
            self.own = True
            rank_zero_info(
                "[infogeo] `trainer.global_step` does not advance, since the optimizers are not stepped through "
                "Lightning: the monitor counts their steps itself."
            )
        else:
            self._batches += 1
            if self._batches == self._next_check:
                self._next_check *= 2
                before, self._before = self._before, _weight_samples(module)
                if [a.shape for a in before] == [b.shape for b in self._before] and not all(
                    torch.equal(a, b) for a, b in zip(before, self._before, strict=True)
                ):
                    self._warn(module)

    def state_dict(self) -> dict[str, Any]:
        """Returns plain values for ``load_state_dict``."""
        return {"own": self.own, "counted": self._counted if self.own else 0}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes on from where ``state_dict`` left off; from nothing by Lightning's count."""
        counted = counted_in(state)
        self.own, self._counted = counted is not None, self._first_step if counted is None else counted

    def _warn(self, module: pl.LightningModule) -> None:
        self.close()
        rank_zero_warn(
            f"`InfoGeometryMonitor`: the weights of `{type(module).__name__}` have changed in {self._batches} batches "
            "without an optimizer step, so nothing can be recorded: the schedule counts optimizer steps. Update the "
            "weights by a torch optimizer's `step()`, such as that of `self.optimizers()`."
        )

    def _enter(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        self._depth += 1

    def _leave(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        self._depth = max(0, self._depth - 1)
        if self._depth:  # within the step of another optimizer
            return
        held = (id(parameter) for group in optimizer.param_groups for parameter in group["params"])
        self._counted += any(parameter in self._parameters for parameter in held)


def _weight_samples(module: pl.LightningModule) -> list[Tensor]:
    """Returns a copy of some numbers of every trainable parameter, or of its local part if it is sharded."""
    samples = []
    for parameter in module.parameters():
        if parameter.requires_grad:
            local = parameter.detach()
            local = (local.to_local() if hasattr(local, "to_local") else local).reshape(-1)
            samples.append(local[:: max(1, local.numel() // _SAMPLES)].clone())
    return samples


def counted_in(state: Mapping[str, Any]) -> int | None:
    """Returns the steps that a state has counted by itself; None where Lightning counts them.

    Raises:
        ValueError: where the state is not one of this class.
    """
    own, counted = state.get("own", False), state.get("counted", 0)
    if not (isinstance(own, bool) and is_int(counted)):
        raise ValueError(f"no count of steps: {state}")
    return counted if own else None
