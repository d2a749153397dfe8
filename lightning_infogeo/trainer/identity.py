"""Which training a monitor follows, and which restored states belong to it."""

from __future__ import annotations

import weakref
from typing import Any

import lightning_infogeo.lightnings as pl


class TrainingIdentity:
    """Identifies a training by its trainer and module, to which it keeps weak references; copies and pickles have none.

    Lightning restores state without saying why. The state may be that of a checkpoint from which training continues;
    one that a callback such as ``LearningRateFinder`` saved just before, to try something out; or that of a checkpoint
    which is only evaluated.

    Attributes:
        running: whether training has begun and not ended.
        loaded: whether training continues from a checkpoint with a state of this monitor.
        foreign: whether training continues from a checkpoint without one.
        lost: whether such a checkpoint was loaded in the middle of a fit.
    """

    def __init__(self) -> None:
        self.running = False
        self.loaded = False
        self.foreign = False
        self.lost = False
        self._trainer: Any = lambda: None
        self._module: Any = lambda: None
        self._saved_before_fit = False
        self._ignored = False

    def __reduce__(self) -> tuple[Any, ...]:
        return TrainingIdentity, ()

    def set_up(self) -> None:
        """Notes that a fit is being set up."""
        self.running = self.loaded = self.foreign = self._saved_before_fit = False

    def begin(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Notes that training begins."""
        self._trainer, self._module = weakref.ref(trainer), weakref.ref(module)
        self.running, self.loaded, self.foreign, self.lost = True, False, False, False

    def end(self) -> None:
        """Notes that training has ended or failed."""
        self.running = False

    def forget(self) -> None:
        """Notes that the training is no longer the one that was recorded."""
        self._trainer = self._module = lambda: None
        self.lost = True

    def is_of(self, trainer: pl.Trainer, module: pl.LightningModule) -> bool:
        """Returns whether this trainer has trained this module with the monitor before."""
        return self._trainer() is trainer and self._module() is module

    @property
    def current(self) -> tuple[pl.Trainer, pl.LightningModule] | None:
        """Trainer and module while training runs; else None."""
        trainer, module = self._trainer(), self._module()
        return (trainer, module) if self.running and trainer is not None and module is not None else None

    def state_saved(self) -> None:
        """Notes that the state is being saved."""
        self._saved_before_fit = not self.running

    def checkpoint_loaded(self, fitting: bool, known: bool) -> None:
        """Notes that a checkpoint is being loaded, in a fit or not, and with a state known to this monitor or not."""
        self._ignored = not fitting
        if fitting and not known and not self._saved_before_fit:
            self.foreign = True
        if not known:
            self._saved_before_fit = False

    def accept_state(self) -> bool:
        """Returns whether to accept the state that is being restored."""
        ignored, self._ignored = self._ignored, False
        saved_before_fit, self._saved_before_fit = self._saved_before_fit, False
        if not (ignored or saved_before_fit or self.running):
            self.loaded, self.foreign, self.lost = True, False, False
        return not ignored
