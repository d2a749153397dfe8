"""Where data sets and transforms keep state: one small world each, with what a read does and what to look at."""

import array
import collections
import ctypes
import io
import itertools
import multiprocessing
import random
from multiprocessing import shared_memory

import numpy as np
import torch


class Holder:
    """An object with the attributes given."""

    def __init__(self, **attributes):
        self.__dict__.update(attributes)


def held(name, make, read, look):
    """A place in an attribute, two objects deep."""

    def world():
        value = make()
        return Holder(inner=Holder(parts=[Holder(it=value)])), lambda: read(value), lambda: look(value)

    return name, world


def _counter():
    holder = Holder(inner=Holder(count=0))

    def read():
        holder.inner.count += 1

    return holder, read, lambda: holder.inner.count


def _lazy_handle():
    holder = Holder(file=None, path=__file__)

    def read():
        if holder.file is None:
            holder.file = io.StringIO("opened")

    return holder, read, lambda: holder.file


def _new_and_deleted_attributes():
    holder = Holder(a=1, b=2)

    def read():
        vars(holder).pop("a", None)
        holder.c = 3

    return holder, read, lambda: list(vars(holder).items())


class Slotted:
    __slots__ = ("count", "unset")

    def __init__(self):
        self.count = 0


class Frozen(Slotted):
    """Refuses to be set from outside."""

    __slots__ = ()

    def __setattr__(self, name, value):
        if name != "count":
            raise AttributeError(name)
        object.__setattr__(self, name, value)


def _slots():
    slotted = Frozen()

    def read():
        slotted.count += 1
        Slotted.unset.__set__(slotted, 3)

    return [slotted], read, lambda: (slotted.count, hasattr(slotted, "unset"))


def _odd_container():
    class Table(dict):
        __getattr__ = dict.__getitem__

        def __setitem__(self, key, value):
            raise TypeError

        def __eq__(self, other):
            raise TypeError

        __hash__ = None

        def __iter__(self):
            raise TypeError

    table = Table()
    return Holder(table=table), lambda: dict.__setitem__(table, "a", 1), lambda: dict.copy(table)


def _shared_memory():
    block = shared_memory.SharedMemory(create=True, size=8)
    block.unlink()
    return Holder(block=block), lambda: block.buf.__setitem__(0, 9), lambda: bytes(block.buf)


def _array_over_shared_memory():
    raw = multiprocessing.Array("d", 4)
    view = np.frombuffer(raw.get_obj())
    return Holder(view=view), lambda: view.__setitem__(2, 5.0), lambda: view.tolist()


def _view_of_an_array():
    base = np.zeros(6)
    return Holder(view=base[2:4]), lambda: base.__setitem__(slice(None), 1.0), lambda: base.tolist()


def _shared_value(make, read, look):
    def world():
        value = make()
        return Holder(epoch=value), lambda: read(value), lambda: look(value)

    return world


def _text_file():
    file = io.TextIOWrapper(io.BytesIO(b"one\ntwo\nthree\n"))
    return Holder(file=file), file.readline, file.tell


def _opened():
    file = io.BufferedReader(io.BytesIO(b"123456789"))
    return Holder(file=file), lambda: file.read(3), file.tell


def _iterated_text_file():
    file = io.TextIOWrapper(io.BytesIO(b"one\ntwo\nthree\n"))

    def look():
        try:
            return file.tell()
        except OSError:
            return "in mid-iteration"

    return Holder(file=file), lambda: next(file), look


def _count():
    holder = Holder(ids=itertools.count(5, 2))
    return holder, lambda: next(holder.ids), lambda: repr(holder.ids)


def _cycle():
    holder = Holder(turns=[itertools.cycle("abc" and ["a", "b", "c"])])
    next(holder.turns[0])

    def look():
        copied = [next(holder.turns[0]) for _ in range(7)]
        for _ in range(2):  # to where it was
            next(holder.turns[0])
        return copied

    return holder, lambda: next(holder.turns[0]), look


def _spawned_seeds():
    seeds = np.random.SeedSequence(3)
    return Holder(seeds=seeds), lambda: seeds.spawn(2), lambda: seeds.n_children_spawned


def _spawning_generator():
    rng = np.random.default_rng(3)
    return Holder(rng=rng), lambda: rng.spawn(2), lambda: rng.bit_generator.seed_seq.n_children_spawned


def _object_array():
    cells = np.array([None, [1], None], dtype=object)

    def read():
        cells[0] = "loaded"
        cells[1].append(2)

    return Holder(cells=cells), read, lambda: (cells[0], cells[1][:])


def _inside_a_zip():
    rng = random.Random(1)
    return Holder(pairs=zip([rng], [1], strict=True)), rng.random, rng.getstate


def _twisted():
    state = np.random.RandomState(3)
    return Holder(R=state), state.randn, lambda: repr(state.get_state())


class _Fields(ctypes.Structure):
    _fields_ = [("epoch", ctypes.c_int), ("scale", ctypes.c_double * 2)]


WORLDS = dict(
    [
        ("counter", _counter),
        ("handle opened on demand", _lazy_handle),
        ("attributes made and deleted", _new_and_deleted_attributes),
        ("slots", _slots),
        held("list", lambda: [1, 2], lambda x: x.append(3), list),
        held("list shuffled", lambda: [1, 2, 3, 4], lambda x: x.reverse(), list),
        held("dict", dict, lambda x: x.update(a=1), lambda x: list(x.items())),
        held("order of a dict", lambda: {"a": 1, "b": 2}, lambda x: x.update(a=x.pop("a")), lambda x: list(x.items())),
        held("defaultdict", lambda: collections.defaultdict(list), lambda x: x["a"].append(1), dict),
        held("Counter", collections.Counter, lambda x: x.update("aab"), dict),
        held(
            "order of an OrderedDict",
            lambda: collections.OrderedDict(a=1, b=2),
            lambda x: x.move_to_end("a"),
            lambda x: list(x.items()),
        ),
        held("set", lambda: {1, 2, 3}, lambda x: x.pop(), set),
        held("deque", lambda: collections.deque([1, 2], maxlen=2), lambda x: x.append(3), list),
        held("bytearray", lambda: bytearray(b"ab"), lambda x: x.extend(b"c"), bytes),
        held("array", lambda: array.array("d", [1.0, float("nan")]), lambda x: x.append(2.0), lambda x: x.tobytes()),
        held("torch.Generator", lambda: torch.Generator().manual_seed(1), lambda x: torch.rand(1, generator=x),
             lambda x: x.get_state().tolist()),
        held("numpy Generator", lambda: np.random.default_rng(1), lambda x: x.random(),
             lambda x: x.bit_generator.state),
        held("numpy MT19937", lambda: np.random.Generator(np.random.MT19937(1)), lambda x: x.random(),
             lambda x: repr(x.bit_generator.state)),
        held("BitGenerator", lambda: np.random.Philox(1), lambda x: x.random_raw(), lambda x: repr(x.state)),
        held("RandomState", lambda: np.random.RandomState(1), lambda x: x.randn(), lambda x: repr(x.get_state())),
        held("random.Random", lambda: random.Random(1), lambda x: x.gauss(0, 1), lambda x: x.getstate()),
        held("method of a generator", lambda: np.random.default_rng(1).integers, lambda x: x(5),
             lambda x: x.__self__.bit_generator.state),
        ("spawned seeds", _spawned_seeds),
        ("generator that spawns", _spawning_generator),
        ("dict of an odd class", _odd_container),
        ("Value", _shared_value(lambda: multiprocessing.Value("i", 1), lambda v: setattr(v, "value", 2),
             lambda v: v.value)),
        ("RawValue", _shared_value(lambda: multiprocessing.RawValue("d", 1), lambda v: setattr(v, "value", 2),
             lambda v: v.value)),
        ("Array", _shared_value(lambda: multiprocessing.Array("i", 3), lambda v: v.__setitem__(1, 2), lambda v: v[:])),
        ("Structure", _shared_value(_Fields, lambda v: v.scale.__setitem__(1, 2.0), lambda v: v.scale[1])),
        ("SharedMemory", _shared_memory),
        ("array over shared memory", _array_over_shared_memory),
        ("view of an array", _view_of_an_array),
        held("tensor", lambda: torch.zeros(3), lambda x: x.add_(1), lambda x: x.tolist()),
        held("tensor written as an array", lambda: torch.zeros(3), lambda x: x.numpy().__setitem__(1, 1),
             lambda x: x.tolist()),
        held("tensor in shared memory", lambda: torch.zeros(()).share_memory_(), lambda x: x.add_(1),
             lambda x: x.item()),
        held("bfloat16 tensor", lambda: torch.zeros(2, 3, dtype=torch.bfloat16).t(), lambda x: x.add_(1),
             lambda x: x.tolist()),
        held("numpy array", lambda: np.zeros(3), lambda x: x.__setitem__(1, np.nan), lambda x: repr(x)),
        held("array of no dimension", lambda: np.zeros((), int), lambda x: x.__iadd__(1), lambda x: int(x)),
        ("array of objects", _object_array),
        ("text file", _text_file),
        ("text file iterated over", _iterated_text_file),
        ("file", _opened),
        held("BytesIO", lambda: io.BytesIO(b"abc"), lambda x: x.read(2), lambda x: (x.tell(), x.getvalue())),
        held("StringIO written", io.StringIO, lambda x: x.write("ab"), lambda x: (x.tell(), x.getvalue())),
        ("itertools.count", _count),
        ("itertools.cycle", _cycle),
        ("generator inside a zip", _inside_a_zip),
    ]
)  # fmt: skip
