"""How much a training will be, as far as it is known before its first step, and what is said where it is not."""

import lightning.pytorch as pl
import pytest
from torch.utils.data import DataLoader, IterableDataset

from lightning_infogeo import InfoGeometryMonitor, LogSpaced
from lightning_infogeo.monitor.budget import planned
from tests.helpers.classifiers import IMAGES, LABELS, TwoOptimizers, fit, train_loader


class Sees(pl.Callback):
    """Keeps what is planned at the start."""

    plan, processes = None, 1

    def on_train_start(self, trainer, pl_module):
        with pytest.MonkeyPatch.context() as patch:
            if self.processes > 1:
                patch.setattr(type(trainer), "world_size", property(lambda _: self.processes))
            self.plan = planned(trainer, trainer.global_step)


class Stream(IterableDataset):
    def __iter__(self):
        return iter([(IMAGES[k], LABELS[k]) for k in range(64)])


class Batches:
    def __iter__(self):
        return iter([(IMAGES[:16], LABELS[:16])] * 4)


@pytest.mark.parametrize(
    ("options", "steps", "samples"),
    [
        ({"max_steps": 10}, 10, 160),
        ({"max_steps": 100, "max_epochs": 2}, 12, 192),
        ({"max_steps": 10, "accumulate_grad_batches": 2}, 10, 320),
        ({"max_steps": -1, "max_epochs": 2, "accumulate_grad_batches": 4}, 4, 256),
        ({"max_steps": -1, "max_epochs": 2, "limit_train_batches": 3}, 6, 96),
        ({"max_steps": 10, "max_time": "00:01:00:00"}, 10, 160),
        ({"max_steps": 10, "model": TwoOptimizers}, 10, 80),
        ({"max_steps": -1, "max_epochs": 1, "model": TwoOptimizers}, 12, 96),
        ({"max_steps": 6, "train": DataLoader(Stream(), 16)}, 6, 96),
        ({"max_steps": 2, "train": train_loader(16, batch_size=64)}, 2, 32),
    ],
)
def test_what_is_planned_is_counted_in_samples_whatever_a_step_is(tmp_path, options, steps, samples):
    sees = Sees()
    fit(sees, tmp_path, **options)
    assert (sees.plan.clock.final, sees.plan.samples) == (steps, samples)


def test_several_processes_train_on_samples_of_each(tmp_path):
    sees = Sees()
    sees.processes = 4
    fit(sees, tmp_path, max_steps=10)
    assert sees.plan.samples == 4 * 160


class Ends(pl.Callback):
    def on_train_batch_end(self, trainer, *args):
        trainer.should_stop = trainer.global_step >= 8


@pytest.mark.parametrize(
    "options",
    [
        {"max_epochs": -1},
        {"max_time": "00:01:00:00"},
        {"max_epochs": 1, "train": DataLoader(Stream(), 16)},
        {"max_steps": 8, "train": Batches()},
    ],
    ids=["no end", "an end in time", "a stream of some length", "batches of some size"],
)
@pytest.mark.filterwarnings("ignore:.*does not have many workers")
def test_where_nobody_knows_how_much_will_be_trained_there_is_no_ceiling_and_that_is_said(
    tmp_path, options, capsys, lines_are_written
):
    monitor = InfoGeometryMonitor(markers=())
    fit([monitor, Ends()], tmp_path, **{"max_steps": -1, "min_steps": 1, **options})
    assert monitor.trajectories["val"].schedule == repr(LogSpaced())
    assert monitor.trajectories["val"].steps.tolist()[:4] == [0, 1, 2, 3]
    written = " ".join(capsys.readouterr().err.split())
    assert written.count("is not known, so that nothing keeps a short training from being evaluated often") == 1
