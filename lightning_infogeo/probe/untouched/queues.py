"""Queues in this process: items that a read takes out are put back."""

from __future__ import annotations

import queue
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from lightning_infogeo.probe.untouched.walk import Walk


def queues_of(*roots: Any) -> list[queue.Queue[Any]]:
    """Returns the first-in, first-out queues that can be reached from the roots."""
    return [reached for reached in Walk(roots, remember=False).objects if type(reached) is queue.Queue]


@contextmanager
def handed_back(queues: Sequence[queue.Queue[Any]]) -> Iterator[None]:
    """Puts the items that the block takes out back in front, before any that others have put in since.

    Example:
        >>> waiting = queue.Queue()
        >>> waiting.put("first")
        >>> with handed_back([waiting]):
        ...     taken = waiting.get(), waiting.put("second")
        >>> list(waiting.queue)
        ['first', 'second']
    """
    before = []
    for waiting in queues:
        with waiting.mutex:
            before.append((list(waiting.queue), waiting.unfinished_tasks))
    try:
        yield
    finally:
        for waiting, (items, unfinished) in zip(queues, before, strict=True):
            with waiting.mutex:
                still_there, known = {id(item) for item in waiting.queue}, {id(item) for item in items}
                added = sum(id(item) not in known for item in waiting.queue)
                waiting.queue.extendleft(reversed([item for item in items if id(item) not in still_there]))
                waiting.unfinished_tasks = unfinished + added
