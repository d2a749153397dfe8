"""How many held-out samples markers of samples get beyond a probe's: as asked, as before, or as many as cost little."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import lightning_infogeo.lightnings as pl
from lightning_infogeo.monitor.arguments import Arguments
from lightning_infogeo.monitor.budget import FORWARDS
from lightning_infogeo.probe import Further, training_batch_size
from lightning_infogeo.schedules import Clock, foreseen, is_int

SHARE = 0.01
"""The most that evaluations of further samples take, as a part of the forwards of all training samples."""

MOST, LEAST = 4096, 64
"""The most samples of a probe and its further ones together, and the fewest further ones that are worth their calls."""

COUNTED = 10**5
"""Records are counted up to this number, which takes some tenths of a second; beyond, each step may be one."""


def further_size(arguments: Arguments, trainer: pl.Trainer, saved: Mapping[str, Any], clock: Clock) -> Further | None:
    """Returns how many further samples to draw; None for none.

    Args:
        arguments: of the monitor.
        trainer: of the fit.
        saved: the recorder's state to go on from, whose numbers hold for the whole training; empty to begin.
        clock: before the first step.

    Raises:
        ValueError: where a saved number is none.
    """
    if not any(marker.scope == "samples" for marker in arguments.markers):
        return None
    if saved:
        asked = {name: one["asked"] for name, one in saved.get("further", {}).items()}
        if not all(is_int(number) and number > 0 for number in asked.values()):
            raise ValueError(f"no numbers of samples: {asked}")
        return Further(0, asked=asked)
    if arguments.flag_size is not None:
        return Further(arguments.flag_size)
    batch = training_batch_size(trainer.train_dataloader)
    if clock.final is None or batch is None:
        return None
    trained = clock.final * trainer.accumulate_grad_batches * batch
    return Further(MOST, int(FORWARDS * SHARE * trained / _records(arguments, clock.final, clock)), LEAST)


def _records(arguments: Arguments, final: int, clock: Clock) -> int:
    """Returns how many records a training may make, one a step at most."""
    try:
        records = foreseen(arguments.schedule, clock, COUNTED)
    except Exception:  # of a user's schedule, which will be asked again when it is due
        return final + 1
    return final + 1 if records > COUNTED else records
