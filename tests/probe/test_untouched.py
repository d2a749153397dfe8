"""Reading leaves no trace, wherever state hides; each place is first shown to change without the context."""

import gc

import numpy as np
import pytest
import torch

from lightning_infogeo.probe.untouched import untouched
from tests.probe.hiding_places import WORLDS, Holder


@pytest.fixture(autouse=True)
def _close_files():
    yield
    with pytest.warns(Warning) if False else _quiet():
        gc.collect()


class _quiet:
    def __enter__(self):
        import warnings

        self.catch = warnings.catch_warnings()
        self.catch.__enter__()
        warnings.simplefilter("ignore", ResourceWarning)

    def __exit__(self, *_):
        self.catch.__exit__(None, None, None)


@pytest.mark.parametrize("world", WORLDS.values(), ids=WORLDS)
def test_a_read_changes_the_place(world):
    _, read, look = world()
    before = look()
    read()
    assert look() != before


@pytest.mark.parametrize("world", WORLDS.values(), ids=WORLDS)
def test_a_read_leaves_no_trace(world):
    root, read, look = world()
    before = look()
    with untouched(root) as trace:
        read()
        read()
    assert trace.changed == []
    assert not trace.cut
    assert look() == before
