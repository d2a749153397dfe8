"""What decides whether Lightning, and the monitor with it, writes lines: levels of logs, and the rank of a process."""

import logging
from contextlib import contextmanager

from lightning_utilities.core.rank_zero import rank_zero_only


@contextmanager
def lightnings_log_is_put_back():
    """Puts levels and rank back: a test that silences a log, as replications do, does so for its process."""
    before = {log: log.level for log in _logs()}
    rank = getattr(rank_zero_only, "rank", None)  # none before Lightning is imported
    try:
        yield
    finally:
        for log, level in before.items():
            log.setLevel(level)
        if rank is not None:
            rank_zero_only.rank = rank


def _logs():
    named = logging.root.manager.loggerDict.items()
    return [log for name, log in named if "lightning" in name and isinstance(log, logging.Logger)]
