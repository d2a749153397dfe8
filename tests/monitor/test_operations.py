"""How many operations a record dispatches beyond its forwards, whatever the number of classes and the time it takes."""

from unittest.mock import patch

import pytest
import torch
from lightning.pytorch.loggers import TensorBoardLogger
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.data import DataLoader, TensorDataset

from lightning_infogeo import EmbeddingSettings
from lightning_infogeo.monitor.host.embedding_plots import EmbeddingPlots
from tests.helpers.classifiers import Classifier, fit
from tests.helpers.wrapped_records import WrappedRecords

MOST = {2: 237, 10: 237, 100: 248, 1000: 248}
"""Of two probes with labels, by classes; of many the tab is given sketches."""

MOST_FULL = {2: 322, 10: 322, 100: 333, 1000: 333}
"""The same where the history is full and drops a record at each."""


class Counter(TorchDispatchMode):
    def __init__(self):
        super().__init__()
        self.operations = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.operations += 1
        return function(*args, **(kwargs or {}))


class CountedForwards(Classifier):
    """Counts what its own forwards dispatch in evaluation mode."""

    def __init__(self, classes):
        super().__init__(nn.Linear(8, classes))
        self.forwards = 0

    def forward(self, x):
        if self.training:
            return super().forward(x)
        with Counter() as counter:
            outputs = super().forward(x)
        self.forwards += counter.operations
        return outputs


class CountedRecords(WrappedRecords):
    """``beyond``: operations of each record but those of the forwards."""

    def on_train_start(self, trainer, pl_module):
        self.beyond, self._module = [], pl_module
        super().on_train_start(trainer, pl_module)

    def _record(self, *args, **kwargs):
        before = self._module.forwards
        with Counter() as counter:
            super()._record(*args, **kwargs)
        if counter.operations:
            self.beyond.append(counter.operations - (self._module.forwards - before))


def data(seed, classes):
    generator = torch.Generator().manual_seed(seed)
    return TensorDataset(
        torch.randn(2048, 8, generator=generator), torch.randint(0, classes, (2048,), generator=generator)
    )


def counted(tmp_path, classes, probes, max_steps=4, **options):
    """Returns the operations of the last records, one a step, with everything at its default, pictures left out."""
    sets = {name: data(seed, classes) for seed, name in enumerate(("train", "val", "test"))}
    probed = {} if probes == 2 else {"probes": sets}
    monitor = CountedRecords(schedule=1, strict=True, **probed, **options)
    loaders = {name: DataLoader(sets[name], 256) for name in ("train", "val")}
    logger = TensorBoardLogger(tmp_path)
    with patch.object(EmbeddingPlots, "due", return_value=False):
        fit(monitor, tmp_path, CountedForwards(classes), max_steps=max_steps, logger=logger, **loaders)
    assert len(monitor.trajectories) == probes
    assert len(monitor.beyond) == max_steps + 1
    return max(monitor.beyond[-2:])


@pytest.mark.parametrize("classes", MOST)
def test_a_record_of_two_probes_dispatches_few_operations(classes, tmp_path):
    two, three = (counted(tmp_path / str(probes), classes, probes, flag_size=1024) for probes in (2, 3))
    assert two <= MOST[classes]
    assert three - two <= 60


@pytest.mark.parametrize("classes", MOST_FULL)
def test_and_so_it_does_where_the_history_drops_records(classes, tmp_path):
    settings = EmbeddingSettings(max_records=8)
    assert counted(tmp_path, classes, 2, max_steps=12, embedding=settings, flag_size=1024) <= MOST_FULL[classes]
