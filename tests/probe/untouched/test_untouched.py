"""Reading leaves no trace, wherever state hides; each place is first shown to change without the context."""

import io
import itertools
import multiprocessing
import random
import sys
import types

import lightning.pytorch as pl
import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from lightning_infogeo.probe.untouched import untouched, used_up, walk
from tests.helpers.classifiers import Classifier
from tests.helpers.hiding_places import WORLDS, Holder
from tests.helpers.hiding_places_in_code import IN_CODE
from tests.helpers.pipelines import LOADERS, Images, UnseededRandomizable


@pytest.mark.parametrize("world", (WORLDS | IN_CODE).values(), ids=WORLDS | IN_CODE)
def test_a_read_changes_the_place(world):
    _, read, look = world()
    before = look()
    read()
    assert look() != before


@pytest.mark.parametrize("world", (WORLDS | IN_CODE).values(), ids=WORLDS | IN_CODE)
def test_a_read_leaves_no_trace(world):
    root, read, look = world()
    before = look()
    with untouched(root) as trace:
        read()
        read()
    assert trace.changed == []
    assert not trace.truncated
    assert look() == before


def epochs(loader, count=2):
    return [torch.as_tensor(batch[0]) for _ in range(count) for batch in loader]


def alike(a, b):
    return len(a) == len(b) and all(map(torch.equal, a, b))


@pytest.mark.parametrize("make", LOADERS.values(), ids=LOADERS)
def test_the_next_batches_are_those_there_would_have_been(make):
    loader = make()
    np.random.RandomState.set_state(UnseededRandomizable.R, np.random.RandomState(9).get_state())
    with untouched(loader) as trace:
        expected = epochs(loader)
    assert trace.changed == []
    with untouched(loader):
        next(iter(loader))
        epochs(loader)
    assert alike(epochs(loader), expected)
    assert not alike(epochs(loader), expected), "a read without the context would have gone unnoticed"


@pytest.mark.parametrize("make", LOADERS.values(), ids=LOADERS)
def test_an_epoch_under_way_goes_on_as_it_would_have(make):
    np.random.RandomState.set_state(UnseededRandomizable.R, np.random.RandomState(9).get_state())
    with untouched(loader := make()):
        expected = epochs(loader, 1)
    under_way = iter(loader)
    first = torch.as_tensor(next(under_way)[0])
    with untouched(loader):
        epochs(loader, 1)
    assert alike([first, *(torch.as_tensor(batch[0]) for batch in under_way)], expected)


def test_everything_is_put_back_after_an_exception_too():
    owner = Holder(count=0, rng=np.random.default_rng(0))
    before = owner.rng.bit_generator.state

    def read():
        owner.count += owner.rng.integers(1, 9)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), untouched(owner):
        read()
    assert owner.count == 0
    assert owner.rng.bit_generator.state == before


def test_containers_and_generators_stay_the_same_objects():
    rng = np.random.default_rng(0)
    cache, order = {}, [1, 2]
    owner = Holder(cache=cache, order=order, rng=rng, other=Holder(rng=rng, cache=cache))
    with untouched(owner):
        owner.other.cache["a"] = owner.rng.random()
        order.clear()
        owner.cache, owner.rng = {}, np.random.default_rng(1)
        owner.other.rng.random()
    assert owner.cache is owner.other.cache is cache
    assert owner.order is order == [1, 2]
    assert owner.rng is owner.other.rng is rng
    assert cache == {}
    assert rng.random() == np.random.default_rng(0).random()


def close(holder):
    holder.file.close()


def too_large(holder):
    holder.big.add_(1)


def a_parameter():
    return Holder(big=torch.nn.Parameter(torch.zeros(2), requires_grad=False))


class Statistics(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("big", torch.zeros(2**22))


def count(holder):
    holder.net["a"].big.add_(1)


def step(holder):
    next(holder.pair[0])


def under_a_frame(holder):
    next(holder.ids)


def held_in_a_frame():
    ids = itertools.count()
    frame = (one for one in ids)
    next(frame)
    return Holder(ids=ids, keep=[frame])


@pytest.mark.parametrize(
    ("make", "read", "named"),
    [
        (lambda: Holder(file=io.BytesIO(b"abc")), close, "file (io.BytesIO)"),
        (lambda: Holder(big=torch.zeros(2**22)), too_large, "big (torch.Tensor)"),
        (
            lambda: Holder(big=torch.nn.Parameter(torch.zeros(2), False)),
            too_large,
            "big (torch.nn.parameter.Parameter)",
        ),
        (lambda: Holder(net=torch.nn.ModuleDict({"a": Statistics()})), count, "net.a.big (torch.Tensor)"),
        (lambda: Holder(pair=(itertools.count(),)), step, "pair[0] (itertools.count)"),
        (held_in_a_frame, under_a_frame, "ids (itertools.count)"),
    ],
    ids=[
        "closed file",
        "large tensor",
        "parameter",
        "large buffer",
        "counter in a tuple",
        "counter in a running generator",
    ],
)
def test_what_cannot_be_put_back_is_named(make, read, named):
    owner = make()
    with untouched(owner) as trace:
        pass
    assert trace.changed == []
    with untouched(owner) as trace:
        read(owner)
    assert trace.changed == [named]


def test_what_a_class_refuses_is_named():
    class Stubborn(np.random.SeedSequence):
        def __setstate__(self, state):
            raise TypeError

    owner = Holder(transform={"seeds": [Stubborn(1)]})
    with untouched(owner) as trace:
        owner.transform["seeds"][0].spawn(1)
    assert len(trace.changed) == 1
    assert trace.changed[0].startswith("transform['seeds'][0] (tests.probe.untouched.test_untouched.")


def test_what_is_not_seen_is_named():
    owner = Holder(images=np.zeros((2, 2**20)), small=np.zeros(3))
    with untouched(owner) as trace:
        owner.images[0, 0] = 1
    assert trace.changed == []
    assert trace.unseen == ["images (numpy.ndarray): 16,777,216 bytes"]


def test_memory_that_running_processes_may_write_is_compared_and_not_put_back():
    owner = Holder(epoch=multiprocessing.Value("i", 3))
    gate = multiprocessing.Event()
    process = multiprocessing.get_context("fork").Process(target=gate.wait)
    process.start()
    try:
        with untouched(owner) as trace:
            owner.epoch.value = 4
    finally:
        gate.set()
        process.join()
    assert owner.epoch.value == 4
    assert trace.changed == ["epoch._obj (ctypes.c_int)"]
    with untouched(owner) as trace:
        owner.epoch.value = 5
    assert owner.epoch.value == 4
    assert trace.changed == []


class Odd:
    """Everything a walk might call raises."""

    def _refuse(self, *_):
        raise RuntimeError("called")

    __getattribute__ = __getattr__ = __setattr__ = __eq__ = __hash__ = __bool__ = __len__ = __iter__ = _refuse
    __getitem__ = __contains__ = __repr__ = __str__ = __dir__ = __reduce_ex__ = __getstate__ = __copy__ = _refuse
    __deepcopy__ = __delattr__ = __call__ = __index__ = _refuse
    __class__ = property(_refuse)


def test_objects_of_which_nothing_can_be_called_are_walked_and_put_back():
    odd, rng = Odd(), random.Random(1)
    before = rng.getstate()
    attributes = vars(Odd)["__dict__"].__get__(odd)
    attributes["rng"] = rng
    attributes["count"] = 0
    cells = np.empty(2, object)
    cells.fill(odd)
    owner = Holder(odd=odd, all=[odd, {"a": odd}, (odd,), cells])
    with untouched(owner, odd) as trace:
        attributes["count"] = 1
        rng.random()
    assert attributes["count"] == 0
    assert rng.getstate() == before
    assert trace.changed == trace.unseen == []
    assert used_up(owner, odd) == []


def test_a_class_of_an_odd_metaclass_is_walked():
    class Meta(type):
        def __getattribute__(cls, name):
            raise RuntimeError("called")

        def __setattr__(cls, name, value):
            raise RuntimeError("called")

    class Owner(metaclass=Meta):
        count = 0

        def read(self):
            type.__setattr__(type(self), "count", 1)

    owner = Owner()
    with untouched(owner):
        owner.read()
    assert owner.count == 0


def test_trainers_and_callbacks_are_not_followed():
    module = Classifier()
    trainer = pl.Trainer(accelerator="cpu", logger=False, enable_checkpointing=False, callbacks=[CountingCallback()])
    module.trainer = trainer
    callback = trainer.callbacks[0]
    with untouched(module, trainer.callbacks) as trace:
        callback.count += 1
        trainer.fit_loop.epoch_progress.current.ready += 1
        module.calls = 1
        module.net[0].weight.data = module.net[0].weight.data
    assert callback.count == 1
    assert trainer.fit_loop.epoch_progress.current.ready == 1
    assert not hasattr(module, "calls")
    assert trace.changed == []


class CountingCallback(pl.Callback):
    count = 0


def test_the_bound_is_reported(monkeypatch):
    owner = Holder(chain=[])
    for _ in range(200):
        owner.chain = [Holder(below=owner.chain)]
    with untouched(owner) as trace:
        pass
    assert not trace.truncated
    monkeypatch.setattr(walk, "MAX_OBJECTS", 100)
    with untouched(owner) as trace:
        pass
    assert trace.truncated


def test_long_tables_of_plain_values_are_not_visited_and_of_records_last(monkeypatch):
    names = [(f"{index}.png", index % 10, ("a", 1.0)) for index in range(5000)]
    records = [{"id": index, "box": [1, 2]} for index in range(5000)]
    deep = Holder(one=Holder(two=Holder(rng=random.Random(1))))
    owner = Holder(names=names, records=records, deep=deep)
    before = deep.one.two.rng.getstate()
    with untouched(owner) as trace:
        names.pop()
        records[4321]["box"].append(3)
        deep.one.two.rng.random()
    assert (len(names), records[4321]) == (5000, {"id": 4321, "box": [1, 2]})
    assert trace.unseen == []
    monkeypatch.setattr(walk, "MAX_OBJECTS", 100)
    with untouched(owner) as trace:
        names.pop()
        deep.one.two.rng.random()
    assert len(names) == 5000
    assert deep.one.two.rng.getstate() == before
    assert trace.unseen == ["records (list): 5,000 records"]
    assert not trace.truncated


def test_one_generator_among_many_plain_values_is_found():
    rng = random.Random(1)
    before = rng.getstate()
    owner = Holder(table=[*range(3000), rng, *range(3000)])
    with untouched(owner):
        rng.random()
    assert rng.getstate() == before


def test_a_loop_of_objects_ends():
    first, second = Holder(), Holder()
    first.next, second.next = second, first
    with untouched(first):
        second.count = 1
    assert not hasattr(second, "count")


def test_workers_that_are_running_go_on_and_those_of_the_read_end():
    loader = DataLoader(Images(np.copy), batch_size=8, num_workers=1, persistent_workers=True)
    under_way = iter(loader)
    first = next(under_way)[0]
    with untouched(loader) as trace:
        assert loader._iterator is None
        read = iter(loader)
        assert torch.equal(next(read)[0], first)
        workers = read._workers
    assert trace.changed == []
    assert loader._iterator is under_way
    assert not any(worker.is_alive() for worker in workers)
    assert alike([first, *(batch[0] for batch in under_way)], epochs(loader, 1))


def test_a_loader_may_be_read_in_this_process_instead():
    loader = DataLoader(Images(np.copy), batch_size=8, num_workers=2)
    with untouched(loader):
        vars(loader)["num_workers"] = 0
        next(iter(loader))
    assert loader.num_workers == 2


def test_installed_packages_lose_no_more_than_generators_and_counters(monkeypatch):
    code = """
class Thing:
    made = 0
    def read(self):
        global made
        made = rng.random()
        Thing.made += 1
"""
    module = types.ModuleType("installed")
    vars(module).update(made=None, rng=random.Random(1), __file__="/anywhere/site-packages/installed/__init__.py")
    monkeypatch.setitem(sys.modules, "installed", module)
    exec(code, vars(module))
    thing, before = module.Thing(), module.rng.getstate()
    with untouched(Holder(thing=thing)):
        thing.read()
    assert module.made is not None
    assert module.Thing.made == 0
    assert module.rng.getstate() == before


def test_what_a_managers_process_holds_is_put_back():
    with multiprocessing.Manager() as manager:
        values = [manager.list([1, 2]), manager.dict(a=1), manager.Value("i", 3), manager.Namespace(epoch=0)]
        owner = Holder(values=values)
        seen, counts, value, names = values
        with untouched(owner) as trace:
            seen.append(3)
            counts["b"] = 2
            value.value = 4
            names.epoch, names.late = 1, 2
        assert trace.changed == []
        assert (list(seen), dict(counts), value.value, names.epoch) == ([1, 2], {"a": 1}, 3, 0)
        assert not hasattr(names, "late")
        assert used_up(owner) == []
        assert used_up(Holder(queue=manager.Queue())) == ["queue (multiprocessing.managers.AutoProxy[Queue])"]
