"""Lines on the console that are not warnings, such as which probes are followed."""

from __future__ import annotations

import logging
import sys

from lightning_utilities.core import rank_zero


@rank_zero.rank_zero_only
def say(message: str) -> None:
    """Writes a line to the current ``sys.stderr``, in the first process, unless Lightning's log level hides it.

    Lightning's logger itself is not used: its handler keeps the stream of the time of its import, so the line would be
    lost in notebooks and where the stream is redirected.
    """
    if rank_zero.log.isEnabledFor(logging.INFO):
        print(f"[infogeo] {message}", file=sys.stderr, flush=True)
