"""Lines on the console that are not warnings, such as which probes are followed."""

from __future__ import annotations

import logging
import sys

import rich
from lightning_utilities.core import rank_zero
from rich.text import Text


@rank_zero.rank_zero_only
def say(message: str) -> None:
    """Writes a line to the current ``sys.stderr``, in the first process, unless Lightning's log level hides it.

    Lightning's logger itself is not used: its handler keeps the stream of the time of its import, so the line would be
    lost in notebooks and where the stream is redirected.
    """
    if not rank_zero.log.isEnabledFor(logging.INFO):
        return
    line = f"[infogeo] {message}"
    if hasattr(sys.stderr, "rich_proxied_file"):  # a live display, which would break a long line, and with it a link
        rich.get_console().print(Text(line), soft_wrap=True)
    else:
        print(line, file=sys.stderr, flush=True)
