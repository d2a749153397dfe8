"""State that advances with use: random generators, positions in files, counters of itertools."""

from __future__ import annotations

import ast
import contextvars
import io
import itertools
import operator
import random
import sys
import warnings
from typing import Any

import numpy as np
import torch

from lightning_infogeo.probe.untouched.state_kind import MISSING, NO_PARTS, UNREADABLE, Parts, StateKind, equal


class TorchGenerator(StateKind):
    """A ``torch.Generator``, of any device."""

    def read(self, owner: Any) -> Any:
        return torch.Generator.get_state(owner)

    def same(self, before: Any, now: Any) -> bool:
        return equal(before, now)

    def put_back(self, owner: Any, before: Any) -> None:
        torch.Generator.set_state(owner, before)


class NumpyGenerator(StateKind):
    """A ``numpy.random.Generator``: all its state is in its bit generator."""

    def parts(self, owner: Any, before: Any) -> Parts:
        return [""], [owner.bit_generator]


class BitGenerator(TorchGenerator):
    """The state of a bit generator."""

    def read(self, owner: Any) -> Any:
        return owner.state

    def put_back(self, owner: Any, before: Any) -> None:
        owner.state = before

    def parts(self, owner: Any, before: Any) -> Parts:
        return ["seed_seq"], [getattr(owner, "seed_seq", None)]

    def label(self, key: Any) -> str:
        return f".{key}"


class SeedSequence(TorchGenerator):
    """The number of children that a ``numpy.random.SeedSequence`` has spawned."""

    def read(self, owner: Any) -> Any:
        return owner.__reduce__()[2]

    def put_back(self, owner: Any, before: Any) -> None:
        owner.__setstate__(before)


class RandomState(TorchGenerator):
    """A ``numpy.random.RandomState``."""

    def read(self, owner: Any) -> Any:
        return owner.get_state(legacy=False)

    def put_back(self, owner: Any, before: Any) -> None:
        owner.set_state(before)


class PythonRandom(TorchGenerator):
    """A ``random.Random``."""

    def read(self, owner: Any) -> Any:
        return random.Random.getstate(owner)

    def put_back(self, owner: Any, before: Any) -> None:
        random.Random.setstate(owner, before)


def reseed(generator: Any, seed: int) -> None:
    """Brings a random generator to a fixed state; does nothing to other objects."""
    if type(generator) is torch.Generator:
        generator.manual_seed(seed)
    elif isinstance(generator, np.random.BitGenerator):
        generator.state = type(generator)(seed).state
    elif type(generator) is np.random.RandomState or type(generator) is random.Random:
        generator.seed(seed)


class ContextVariable(StateKind):
    """The value of a context variable."""

    def read(self, owner: Any) -> Any:
        return owner.get(MISSING)

    def same(self, before: Any, now: Any) -> bool:
        return before is now

    def put_back(self, owner: contextvars.ContextVar[Any], before: Any) -> None:
        owner.set(before)

    def parts(self, owner: Any, before: Any) -> Parts:
        return ([""], [before]) if before is not MISSING else NO_PARTS


class FilePosition(StateKind):
    """The position in a file. Only one that can be read and sought can be put back."""

    def read(self, owner: Any) -> Any:
        if owner.closed:
            return "closed"
        if owner in _CONSOLE or not owner.seekable():
            return UNREADABLE
        return owner.tell()

    def same(self, before: Any, now: Any) -> bool:
        return bool(before == now)

    def changed(self, owner: Any, before: Any) -> bool:
        try:
            return not self.same(before, self.read(owner))
        except (OSError, ValueError):  # a text file being iterated over does not tell
            return True

    def put_back(self, owner: Any, before: Any) -> None:
        if owner.closed or not owner.readable():
            raise TypeError
        owner.seek(before)


class MappedFile(FilePosition):
    """The position in a memory-mapped file."""

    def read(self, owner: Any) -> Any:
        return "closed" if owner.closed else owner.tell()


class InMemoryFile(StateKind):
    """Contents and position of a ``BytesIO`` or ``StringIO``."""

    def size(self, owner: Any) -> int:
        return 0 if owner.closed else _base(owner).getvalue(owner).__sizeof__()

    def read(self, owner: Any) -> Any:
        return "closed" if owner.closed else (_base(owner).getvalue(owner), _base(owner).tell(owner))

    def same(self, before: Any, now: Any) -> bool:
        return bool(before == now)

    def put_back(self, owner: Any, before: Any) -> None:
        base, (contents, position) = _base(owner), before
        if base.getvalue(owner) != contents:
            base.seek(owner, 0)
            base.truncate(owner)
            base.write(owner, contents)
        base.seek(owner, position)


REPLACEABLE = (itertools.count, itertools.cycle)
"""Endless iterators that cannot be set back: a copy made before the read replaces them."""


def copied_iterator(iterator: Any) -> Any:
    """Returns an iterator that continues as this one would; None where it cannot be copied."""
    try:
        if type(iterator) is itertools.count:
            return itertools.count(*ast.literal_eval(f"({repr(iterator)[6:-1]},)"))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # until Python 3.14, which copies none
            constructor, (rest, *_), state = _reduced(iterator)
            if type(rest) is type(iter([])):  # a copy of which shares only the list
                rest_constructor, arguments, *position = _reduced(rest)
                copy = constructor(_moved(rest_constructor(*arguments), *position))
                copy.__setstate__((list(state[0]), state[1]))
                return copy
    except (AttributeError, TypeError, ValueError, SyntaxError):
        pass
    return None


def position_of_iterator(iterator: Any) -> Any:
    """Returns a value that differs between two positions of an iterator."""
    if type(iterator) is itertools.count:
        return repr(iterator)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        _, (rest, *_), state = _reduced(iterator)
    return operator.length_hint(rest), len(state[0]), bool(state[1])


def _reduced(iterator: Any) -> Any:
    """Returns the rest of what a cycle iterates over, and the items it has seen."""
    return iterator.__reduce__()


def _moved(iterator: Any, position: int = 0) -> Any:
    iterator.__setstate__(position)
    return iterator


def _base(owner: Any) -> Any:
    return io.BytesIO if isinstance(owner, io.BytesIO) else io.StringIO


class _Console:
    """The streams for printing, wherever they have been redirected."""

    def __contains__(self, file: Any) -> bool:
        return any(file is stream for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__))


_CONSOLE = _Console()
