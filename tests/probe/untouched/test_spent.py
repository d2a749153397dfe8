"""What a read would take for good is found before anything is read, wherever it is held."""

import asyncio
import collections
import csv
import functools
import io
import itertools
import multiprocessing
import os
import queue
import random
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

from lightning_infogeo.probe.untouched import untouched, used_up
from tests.helpers.hiding_places import Holder
from tests.helpers.pipelines import LOADERS

FEED = queue.Queue()


def started(generator):
    next(generator)
    return generator


class Pipe:
    def __init__(self):
        reading, writing = os.pipe()
        os.close(writing)
        self.file = os.fdopen(reading, "rb")

    def __del__(self):
        self.file.close()


class Sockets:
    def __init__(self):
        self.one, other = socket.socketpair()
        other.close()

    def __del__(self):
        self.one.close()


class Connections:
    def __init__(self):
        self.one, other = multiprocessing.Pipe()
        other.close()


HELD = {
    "queue.Queue": queue.Queue,
    "queue.SimpleQueue": queue.SimpleQueue,
    "PriorityQueue": queue.PriorityQueue,
    "multiprocessing.Queue": multiprocessing.Queue,
    "multiprocessing.SimpleQueue": multiprocessing.SimpleQueue,
    "torch.multiprocessing.Queue": torch.multiprocessing.Queue,
    "asyncio.Queue": asyncio.Queue,
    "Connection": Connections,
    "socket": Sockets,
    "pipe": Pipe,
    "generator": lambda: (i for i in range(3)),
    "generator under way": lambda: started(i for i in range(3)),
    "iterator of a list": lambda: iter([1, 2]),
    "iterator of a dict": lambda: iter({1: 2}),
    "map": lambda: map(str, [1]),
    "zip": lambda: zip([1], [2], strict=True),
    "islice": lambda: itertools.islice([1, 2], 1),
    "chain": lambda: itertools.chain([1], [2]),
    "cycle of a generator": lambda: itertools.cycle(i for i in range(3)),
    "csv.reader": lambda: csv.reader(["a,b"]),
    "epoch of another loader": lambda: iter(DataLoader(TensorDataset(torch.zeros(3)))),
}


class Buffered(IterableDataset):
    def __init__(self, source):
        self.stages = [{"buffer": functools.partial(self._take, Holder(source=collections.deque([source])))}]

    def _take(self, holder):
        return holder

    def __iter__(self):
        raise AssertionError("read")


@pytest.mark.parametrize("make", HELD.values(), ids=HELD)
def test_what_is_read_once_is_found_however_deep(make):
    source = make()
    names = used_up(DataLoader(Buffered(source)))
    assert len(names) == 1
    assert names[0].startswith("dataset.stages[0]['buffer'].args[0].source[0]")


def test_the_name_says_where_and_what():
    assert used_up(Holder(inner=[Holder(queue=queue.Queue())])) == ["inner[0].queue (queue.Queue)"]
    assert used_up(i for i in range(3)) == ["generator"]


def test_what_closures_and_globals_hold_is_found():
    source = iter([1, 2])

    class Reads(IterableDataset):
        def __iter__(self):
            return iter(FEED.get, None)

    assert used_up(lambda: next(source)) == [".source (list_iterator)".lstrip(".")]
    assert used_up(DataLoader(Reads())) == [f"{__name__}.FEED (queue.Queue)"]


def test_live_threads_and_processes_are_found_and_ended_ones_are_not():
    gate, fork = threading.Event(), multiprocessing.get_context("fork")
    thread, process = threading.Thread(target=gate.wait), fork.Process(target=int)
    assert used_up(Holder(thread=thread, process=process)) == []
    thread.start()
    assert used_up(Holder(thread=thread)) == ["thread (threading.Thread)"]
    gate.set()
    thread.join()
    closed = fork.Event()
    process = fork.Process(target=closed.wait)
    process.start()
    try:
        assert used_up(Holder(process=process)) == ["process (multiprocessing.context.ForkProcess)"]
    finally:
        closed.set()
        process.join()
    assert used_up(Holder(thread=thread, process=process)) == []


class Turns:
    """An iterator in Python: all its state is in attributes."""

    def __init__(self):
        self.at = 0

    def __iter__(self):
        return self

    def __next__(self):
        self.at += 1
        return self.at


FINE = {
    "counter": itertools.count,
    "cycle": lambda: itertools.cycle([1, 2]),
    "repeat": lambda: itertools.repeat(1),
    "iterator in Python": Turns,
    "generator at its end": lambda: ended(i for i in ()),
    "seekable file": lambda: io.BufferedReader(io.BytesIO(b"abc")),
    "closed file": lambda: closed_file(),
    "generators of random numbers": lambda: [np.random.default_rng(0), random.Random(0), torch.Generator()],
    "pool": lambda: ThreadPoolExecutor(1),
    "lock": threading.Lock,
    "main thread": threading.main_thread,
    "view of a dict": lambda: {1: 2}.items(),
    "array": lambda: np.zeros(3),
    "shared value": lambda: multiprocessing.Value("i"),
    "module": lambda: itertools,
}


def ended(generator):
    assert next(generator, None) is None
    return generator


def closed_file():
    file = io.BufferedReader(io.BytesIO(b"abc"))
    file.close()
    return file


@pytest.mark.parametrize("make", FINE.values(), ids=FINE)
def test_what_can_be_read_again_is_not_found(make):
    assert used_up(Holder(inner=[make()])) == []


def test_an_iterator_in_python_is_put_back():
    owner = Holder(turns=Turns())
    with untouched(owner) as trace:
        assert next(owner.turns) == 1
    assert (trace.changed, next(owner.turns)) == ([], 1)


@pytest.mark.parametrize("make", LOADERS.values(), ids=LOADERS)
def test_loaders_that_can_be_read_again_are_not_found(make):
    loader = make()
    assert used_up(loader) == []
    iter(loader)
    assert used_up(loader) == []


def test_a_loader_whose_workers_are_running_is_not_used_up():
    loader = DataLoader(TensorDataset(torch.zeros(8)), num_workers=1, persistent_workers=True)
    next(iter(loader))
    assert used_up(loader) == []


def test_nothing_is_read_to_find_out():
    source = queue.Queue()
    source.put(1)
    one, items = iter([1, 2]), map(str, [1, 2])
    used_up(Holder(a=source, b=one, c=items))
    assert (source.qsize(), next(one), next(items)) == (1, 1, "1")
