"""Where code keeps state: closures, defaults, classes, globals; as in hiding_places."""

import contextvars
import functools
import random
import threading

import numpy as np

from tests.helpers.hiding_places import Holder

CALLS = 0


RNG = np.random.default_rng(7)


LOG = []


LAZY_NAME = "opened_on_demand"


def _closure():
    count, rng = 0, random.Random(3)

    def transform():
        nonlocal count
        count += 1
        return rng.random()

    return Holder(transform=transform), transform, lambda: (count, rng.getstate())


def _empty_cell():
    def fill():
        nonlocal late
        late = 3

    holder = Holder(fill=fill)
    if not holder:
        late = 0
    return holder, fill, lambda: "late" in dict_of_cells(fill)


def dict_of_cells(function):
    found = {}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__, strict=True):
        try:
            found[name] = cell.cell_contents
        except ValueError:
            continue
    return found


def _partial():
    rng = np.random.default_rng(0)
    partial = functools.partial(lambda n, *, rng: rng.random(n), 3, rng=rng)
    return Holder(collate_fn=partial), partial, lambda: rng.bit_generator.state


def _bound_method():
    holder = Holder(seen=[])
    return (
        Holder(collate_fn=functools.partial(holder.seen.append, 1)),
        lambda: holder.seen.append(1),
        lambda: [*holder.seen],
    )


class Method:
    def __init__(self):
        self.count = 0

    def step(self):
        self.count += 1


def _method():
    owner = Method()
    return owner.step, owner.step, lambda: owner.count


def _function_attribute():
    def transform():
        transform.calls += 1

    transform.calls = 0
    return [transform], transform, lambda: transform.calls


def _mutable_default():
    def transform(seen=[], *, named={}):  # noqa: B006
        seen.append(1)
        named[len(named)] = 1

    return (transform,), transform, lambda: (transform.__defaults__[0][:], dict(transform.__kwdefaults__["named"]))


class OnTheClass:
    made = 0
    seen: dict = {}  # noqa: RUF012

    def read(self):
        OnTheClass.made += 1
        self.seen[self.made] = True

    @staticmethod
    def helper():
        OnTheClass.made += 1


def _class_attribute():
    owner = OnTheClass()
    return {"transform": owner}, owner.read, lambda: (OnTheClass.made, dict(OnTheClass.seen))


def _class_that_code_names():
    def read():
        OnTheClass.helper()

    return read, read, lambda: OnTheClass.made


class UsesGlobals:
    def __getitem__(self, index):
        global CALLS
        CALLS += 1
        LOG.append(index)
        return self.helper() + RNG.random()

    def helper(self):
        return draw_from_module()


def draw_from_module():
    return MODULE_RANDOM.random()


MODULE_RANDOM = random.Random(4)


def _module_globals():
    owner = UsesGlobals()
    return (
        owner,
        lambda: owner[3],
        lambda: (CALLS, RNG.bit_generator.state, [*LOG], MODULE_RANDOM.getstate()),
    )


class OpensOnDemand:
    def __getitem__(self, index):
        global opened_on_demand
        opened_on_demand = index
        return opened_on_demand


def _global_made_on_demand():
    owner = OpensOnDemand()
    return owner, lambda: owner[2], lambda: LAZY_NAME in globals()


def _lru_cache():
    rng = random.Random(1)

    @functools.lru_cache(None)
    def load(index):
        return index + rng.random()

    return Holder(load=load), lambda: load(3), lambda: (load.cache_info().currsize, rng.getstate())


class Cached:
    def __init__(self):
        self.rng = random.Random(0)

    @functools.cached_property
    def table(self):
        return self.rng.random()


def _cached_property():
    owner = Cached()
    return owner, lambda: owner.table, lambda: dict(vars(owner))


def _context_variable():
    variable = contextvars.ContextVar("variable", default=0)
    variable.set(1)
    return Holder(variable=variable), lambda: variable.set(2), variable.get


def _thread_local():
    local = threading.local()
    local.count = 0
    return Holder(local=local), lambda: setattr(local, "count", 1), lambda: local.count


IN_CODE = dict(
    [
        ("closure", _closure),
        ("empty cell", _empty_cell),
        ("partial", _partial),
        ("bound method", _method),
        ("method of a list", _bound_method),
        ("function attribute", _function_attribute),
        ("mutable defaults", _mutable_default),
        ("class attribute", _class_attribute),
        ("class that code names", _class_that_code_names),
        ("globals of the module", _module_globals),
        ("global made on demand", _global_made_on_demand),
        ("lru_cache", _lru_cache),
        ("cached_property", _cached_property),
        ("context variable", _context_variable),
        ("threading.local", _thread_local),
    ]
)
