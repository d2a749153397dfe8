"""What happens when a marker has fired: a line on the console, the user's function, the end of training if asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import lightning_infogeo.lightnings as pl
from lightning_infogeo.lightnings import rank_zero_info, rank_zero_warn
from lightning_infogeo.markers import Event, OverfittingOnset


class Herald:
    """Announces events, in every process at the same hook.

    Args:
        on_event: called with each event, in every process; None for nothing.
        on_overfitting: "stop" to end the training at a flag, or "flag".
        strict: whether a failing ``on_event`` raises instead of warning.
    """

    def __init__(
        self, on_event: Callable[[Event], object] | None, on_overfitting: Literal["flag", "stop"], strict: bool
    ) -> None:
        self._on_event = on_event
        self._stops = on_overfitting == "stop"
        self._strict = strict

    def announce(self, trainer: pl.Trainer, event: Event) -> None:
        """Tells of one event."""
        rank_zero_info(f"[infogeo] {event.name} (known at step {event.detected_at}): {event.message}")
        if self._on_event is not None:
            try:
                self._on_event(event)
            except Exception as error:
                if self._strict:
                    raise
                rank_zero_warn(
                    f"`InfoGeometryMonitor(on_event=...)`: raised {type(error).__name__}: {error}. Training goes on."
                )
        if self._stops and event.name == OverfittingOnset.name:
            trainer.should_stop = True
