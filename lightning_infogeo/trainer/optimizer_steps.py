"""How many optimizer steps a training has taken: by Lightning's count, or by its own where Lightning counts none."""

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

PATIENCE = 10
"""Batches without a step after which to look whether weights have moved all the same."""

_SAMPLES = 64
"""Numbers of each parameter that are compared."""


class OptimizerSteps:
    """Counts the steps of optimizers that hold parameters of the module, under manual optimization.

    ``trainer.global_step`` counts the steps of the optimizers that Lightning has wrapped. Where these take none, but
    others do (``use_pl_optimizer=False``, optimizers made by hand or inside of others), steps are those counted here,
    from the first on and for the whole training: the two counts are never mixed.

    Args:
        trainer: whose training it is.
        module: that is trained.
        state: to go on from; empty to begin.

    Attributes:
        own: whether steps are those counted here.
    """

    def __init__(self, trainer: pl.Trainer, module: pl.LightningModule, state: Mapping[str, Any]) -> None:
        self.own = False
        self._counted = self._began = trainer.global_step
        self.load_state_dict(state)
        self._inside = 0
        self._batches = 0
        self._look = PATIENCE
        self._handles: list[Any] = []
        self._parameters: set[int] = set()
        self._before: list[Tensor] = []
        if not module.automatic_optimization:  # under automatic optimization there is no need to
            self._parameters = {id(parameter) for parameter in module.parameters()}
            self._before = _sampled(module)
            self._handles = [
                register_optimizer_step_pre_hook(self._enter),
                register_optimizer_step_post_hook(self._leave),
            ]

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_handles": [], "_parameters": set(), "_before": [], "_inside": 0}

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

    def batch(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Takes note of the end of a batch: says once who counts, or that nobody can."""
        self._inside = 0  # an optimizer that raises does not say that its step is over
        if not self._handles or self.own:
            return
        if trainer.global_step != self._began:
            self.close()  # Lightning counts
        elif self._counted != self._began:
            self.own = True
            rank_zero_info(
                "[infogeo] `trainer.global_step` stands still, since the optimizers are stepped past Lightning: steps "
                "are those of the optimizers, counted by the monitor."
            )
        else:
            self._batches += 1
            if self._batches == self._look:
                self._look *= 2
                before, self._before = self._before, _sampled(module)
                if [a.shape for a in before] == [b.shape for b in self._before] and not all(
                    torch.equal(a, b) for a, b in zip(before, self._before, strict=True)
                ):
                    self._warn(module)

    def state_dict(self) -> dict[str, Any]:
        """Returns plain values from which ``load_state_dict`` goes on."""
        return {"own": self.own, "counted": self._counted if self.own else 0}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes on from where ``state_dict`` left off; from nothing by Lightning's count."""
        counted = counted_in(state)
        self.own, self._counted = counted is not None, self._began if counted is None else counted

    def _warn(self, module: pl.LightningModule) -> None:
        self.close()
        rank_zero_warn(
            f"`InfoGeometryMonitor`: the weights of `{type(module).__name__}` have moved in {self._batches} batches, "
            "but no optimizer step was counted, so nothing can be recorded: the schedule counts optimizer steps. Move "
            "them by a torch optimizer's `step()`, such as that of `self.optimizers()`."
        )

    def _enter(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        self._inside += 1

    def _leave(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        self._inside = max(0, self._inside - 1)
        if self._inside:  # within the step of an optimizer that holds this one
            return
        held = (id(parameter) for group in optimizer.param_groups for parameter in group["params"])
        self._counted += any(parameter in self._parameters for parameter in held)


def _sampled(module: pl.LightningModule) -> list[Tensor]:
    """Returns a copy of some numbers of every trainable parameter, of those in parts of this process's part."""
    found = []
    for parameter in module.parameters():
        if parameter.requires_grad:
            local = parameter.detach()
            local = (local.to_local() if hasattr(local, "to_local") else local).reshape(-1)
            found.append(local[:: max(1, local.numel() // _SAMPLES)].clone())
    return found


def counted_in(state: Mapping[str, Any]) -> int | None:
    """Returns the steps that a state has counted by itself; None where Lightning counts them.

    Raises:
        ValueError: where it is none.
    """
    own, counted = state.get("own", False), state.get("counted", 0)
    if not (isinstance(own, bool) and is_int(counted)):
        raise ValueError(f"no count of steps: {state}")
    return counted if own else None
