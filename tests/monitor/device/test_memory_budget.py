"""What memory allows to be kept."""

import pytest

from lightning_infogeo import ConfigurationError
from lightning_infogeo.monitor.device.memory_budget import MemoryBudget, allotted

MB = 10**6


def bytes_kept(samples, classes, budget):
    sketch = 4 * samples * (budget.width or classes)
    return budget.records * sketch + 4 * (4 * samples * classes if budget.exact else sketch)


@pytest.mark.parametrize("samples", [1, 512, 1024, 20_000])
@pytest.mark.parametrize("classes", [2, 10, 1000, 20_000, 128_000])
@pytest.mark.parametrize("memory", [1 * MB, 256 * MB, 3000 * MB, 30_000 * MB])
@pytest.mark.parametrize("sketch_dim", [None, 300])
def test_what_is_kept_fits_and_is_no_worse_with_more_memory(samples, classes, memory, sketch_dim):
    least = (8 + 4) * 4 * samples * min(sketch_dim or 256, classes)  # eight records and four sets, all sketched
    if memory < least:
        with pytest.raises(ConfigurationError, match="at least 8 are needed"):
            allotted(samples, classes, memory, 256, sketch_dim)
        return
    budget = allotted(samples, classes, memory, 256, sketch_dim)
    assert bytes_kept(samples, classes, budget) <= memory
    assert 8 <= budget.records <= 256
    assert budget.width is None or budget.width < classes
    more = allotted(samples, classes, 2 * memory, 256, sketch_dim)
    assert more.exact >= budget.exact
    if sketch_dim is None and budget.width is None:
        assert more.width is None


def test_an_ordinary_classifier_keeps_what_it_always_did():
    assert allotted(1024, 10, 256 * MB, 256) == MemoryBudget(256, None, True)
    assert allotted(1024, 1000, 256 * MB, 256) == MemoryBudget(256 * MB // (4 * 1024 * 1000) - 4, None, True)


def test_sketches_are_taken_where_asked_for_or_where_nothing_else_fits():
    assert allotted(1024, 1000, 256 * MB, 256, sketch_dim=100) == MemoryBudget(256, 100, True)
    assert allotted(1024, 1000, 256 * MB, 256, sketch_dim=1000).width is None  # no fewer numbers than there are
    assert not allotted(1024, 128_000, 256 * MB, 256).exact
    assert allotted(2048, 128_000, 256 * MB, 256).width == 512  # two probes: 1,024 would leave 26 records


def test_without_a_history_logits_are_kept_as_long_as_four_sets_fit():
    assert allotted(1024, 10_000, 4 * 4 * 1024 * 10_000, 0) == MemoryBudget(0, None, True)
    assert allotted(1024, 10_000, 4 * 4 * 1024 * 10_000 - 1, 0) == MemoryBudget(0, 1024, False)
    assert allotted(1024, 10, 1000, 0) == MemoryBudget(0, None, True)  # nothing narrower to keep


def test_too_little_memory_names_what_would_help():
    with pytest.raises(ConfigurationError, match=r"memory=1000000\)`: holds 0 records of 524288000 bytes.*sketch_dim"):
        allotted(1024, 128_000, 1 * MB, 256)
