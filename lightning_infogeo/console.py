"""Lines on the console that are not warnings: what is followed, before the first step."""

from __future__ import annotations

import logging
import sys

from lightning_utilities.core import rank_zero


@rank_zero.rank_zero_only
def say(message: str) -> None:
    """Writes a line to what ``sys.stderr`` is at the time, in the first process, where Lightning's log is not quiet.

    Not through that log, whose handler keeps the stream that it found when it was imported: notebooks and whoever
    redirects the stream would not see the line.
    """
    if rank_zero.log.isEnabledFor(logging.INFO):
        print(f"[infogeo] {message}", file=sys.stderr, flush=True)
