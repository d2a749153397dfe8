"""Which objects a read would consume."""

from __future__ import annotations

import _io
import itertools
import multiprocessing.connection
import multiprocessing.managers
import multiprocessing.process
import multiprocessing.queues
import queue
import socket
import threading
import types
from typing import Any

from torch.utils.data.dataloader import _BaseDataLoaderIter, _MultiProcessingDataLoaderIter

from lightning_infogeo.probe.untouched.state_kind import module_of, mro_of, qualname_of
from lightning_infogeo.probe.untouched.state_kinds import FILES
from lightning_infogeo.probe.untouched.streams import REPLACEABLE, copied_iterator
from lightning_infogeo.probe.untouched.walk import Walk

_CONSUMED = frozenset(
    {queue.Queue, queue.SimpleQueue, multiprocessing.queues.Queue, multiprocessing.queues.SimpleQueue, socket.socket}
    | {multiprocessing.connection._ConnectionBase, multiprocessing.connection.Listener, _BaseDataLoaderIter}
)
_BY_NAME = frozenset(
    {("asyncio.queues", "Queue"), ("zmq.sugar.socket", "Socket"), ("kafka.consumer.group", "KafkaConsumer")}
    | {("cimpl", "Consumer"), ("pika.channel", "Channel"), ("janus", "Queue")}
)


def used_up(*roots: Any, stream: bool = True, handed_back: bool = False) -> list[str]:
    """Returns the names of objects that reading the roots would consume, so that training could not read them.

    These are queues, sockets and pipes; files that cannot be sought; generators and other iterators that can be read
    once; and live threads and processes, which feed the objects that hold them. An iterator written in Python, whose
    state is in attributes, is none of these, nor is a ``count`` or ``cycle`` of itertools that can be copied.

    Args:
        roots: what is to be read.
        stream: whether it is read in its own order. Data that is read by index may hold queues of connections, and
            threads that do not feed it: then only generators and other iterators count.
        handed_back: whether the caller puts back what a ``queue.Queue`` gives, by ``handed_back``.
    """
    walk = Walk(roots, remember=False)
    names: list[str] = []
    inside: set[int] = set()
    for node, reached in enumerate(walk.objects):
        if walk.link(node).node in inside:  # an iterator that is used up takes along what it iterates over
            inside.add(node)
        elif handed_back and type(reached) is queue.Queue:
            continue
        elif _is_used_up(reached, stream):
            inside.add(node)
            names.append(walk.name(node))
    return names


def _is_used_up(reached: Any, stream: bool) -> bool:
    kind = type(reached)
    mro = mro_of(kind)
    if kind is types.GeneratorType:
        return reached.gi_frame is not None
    if not stream:  # a loader may keep the iterator of its workers, which training reads on
        return _MultiProcessingDataLoaderIter in mro or _is_iterator(reached, mro)
    if not _CONSUMED.isdisjoint(mro) or any((module_of(base), qualname_of(base)) in _BY_NAME for base in mro):
        return True
    if threading.Thread in mro:
        return bool(reached.is_alive()) and reached is not threading.main_thread()
    if multiprocessing.process.BaseProcess in mro:
        return reached in multiprocessing.process.active_children()
    if multiprocessing.managers.BaseProxy in mro:
        return "Queue" in str(reached._token.typeid)
    if _io._IOBase in mro:
        return any(base in FILES for base in mro) and _is_pipe(reached)
    return _is_iterator(reached, mro)


def _is_pipe(file: Any) -> bool:
    if file.closed or not file.readable():
        return False
    try:
        return not file.seekable() or file.tell() < 0
    except OSError:  # a text file being iterated over, which does not tell where it stands
        return True


def _is_iterator(reached: Any, mro: tuple[type, ...]) -> bool:
    """Whether an object is an iterator whose state is not in attributes."""
    if type(reached) in REPLACEABLE:
        return copied_iterator(reached) is None
    for base in mro:
        step = type.__dict__["__dict__"].__get__(base).get("__next__")
        if step is not None:
            return not isinstance(step, types.FunctionType) and type(reached) is not itertools.repeat
    return types.AsyncGeneratorType in mro
