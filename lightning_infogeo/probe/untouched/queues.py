"""Queues inside this process: what a read takes out of them is handed back."""

from __future__ import annotations

import queue
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from lightning_infogeo.probe.untouched.walk import Walk


def queues_of(*roots: Any) -> list[queue.Queue[Any]]:
    """Returns the first-in, first-out queues that can be reached from the roots."""
    return [one for one in Walk(roots, remember=False).objects if type(one) is queue.Queue]


@contextmanager
def handed_back(queues: Sequence[queue.Queue[Any]]) -> Iterator[None]:
    """Puts what the block takes out of the queues back in front, before what others have put in meanwhile.

    Example:
        >>> waiting = queue.Queue()
        >>> waiting.put("first")
        >>> with handed_back([waiting]):
        ...     taken = waiting.get(), waiting.put("second")
        >>> list(waiting.queue)
        ['first', 'second']
    """
    before = []
    for one in queues:
        with one.mutex:
            before.append((list(one.queue), one.unfinished_tasks))
    try:
        yield
    finally:
        for one, (items, unfinished) in zip(queues, before, strict=True):
            with one.mutex:
                left, known = {id(item) for item in one.queue}, {id(item) for item in items}
                added = sum(id(item) not in known for item in one.queue)
                one.queue.extendleft(reversed([item for item in items if id(item) not in left]))
                one.unfinished_tasks = unfinished + added
