"""Which training a monitor follows, and what was restored into it since."""

from __future__ import annotations

import weakref
from typing import Any

import lightning_infogeo.lightnings as pl


class TrainingIdentity:
    """Knows a training by its trainer and its module, as long as they live; a copy of it, or a pickle, knows none.

    Lightning hands over restored state without saying why. A state may be that of a checkpoint to go on from; one that
    was saved a moment ago by a callback that tries something out before training (``LearningRateFinder``), and says
    nothing of this training; or one of a checkpoint that is only evaluated.

    Attributes:
        running: whether training has begun and not ended.
        loaded: whether the state is that of a checkpoint which training goes on from.
        foreign: whether training goes on from a checkpoint without a state of this monitor.
        lost: whether it has done so in the middle of a fit.
    """

    def __init__(self) -> None:
        self.running = False
        self.loaded = False
        self.foreign = False
        self.lost = False
        self._trainer: Any = lambda: None
        self._module: Any = lambda: None
        self._lent = False
        self._ignored = False

    def __reduce__(self) -> tuple[Any, ...]:
        return TrainingIdentity, ()

    def approach(self) -> None:
        """A fit is being set up."""
        self.running = self.loaded = self.foreign = self._lent = False

    def begin(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Training begins."""
        self._trainer, self._module = weakref.ref(trainer), weakref.ref(module)
        self.running, self.loaded, self.foreign, self.lost = True, False, False, False

    def end(self) -> None:
        """Training is over, or has failed."""
        self.running = False

    def forget(self) -> None:
        """It is not the training that was recorded any more."""
        self._trainer = self._module = lambda: None
        self.lost = True

    def is_of(self, trainer: pl.Trainer, module: pl.LightningModule) -> bool:
        """Returns whether this trainer has trained this module with the monitor before."""
        return self._trainer() is trainer and self._module() is module

    @property
    def now(self) -> tuple[pl.Trainer, pl.LightningModule] | None:
        """Trainer and module where training runs."""
        trainer, module = self._trainer(), self._module()
        return (trainer, module) if self.running and trainer is not None and module is not None else None

    def lend(self) -> None:
        """The state is being saved."""
        self._lent = not self.running

    def announce(self, fitting: bool, known: bool) -> None:
        """A checkpoint is being restored: in a fit or not, with a state of this monitor or not."""
        self._ignored = not fitting
        if fitting and not known and not self._lent:
            self.foreign = True
        if not known:
            self._lent = False

    def receive(self) -> bool:
        """A state is being restored; returns whether to take it."""
        ignored, self._ignored = self._ignored, False
        lent, self._lent = self._lent, False
        if not (ignored or lent or self.running):
            self.loaded, self.foreign, self.lost = True, False, False
        return not ignored
