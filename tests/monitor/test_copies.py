"""Copies and pickles of a monitor, made in the middle of a training: its readings, and none of its handles."""

import copy
import hashlib
import pickle
import threading

import lightning.pytorch as pl
import pytest
from lightning.pytorch.loggers import TensorBoardLogger

from lightning_infogeo import ConfigurationError, EmbeddingSettings, InfoGeometryMonitor, Trajectory
from lightning_infogeo.archive import find_archives
from lightning_infogeo.distributions import Tokens
from tests.helpers.archived_runs import probe
from tests.helpers.classifiers import digest, fit
from tests.helpers.reachable import handles, models, on_devices, plain
from tests.helpers.readings import readings
from tests.helpers.resuming import REMARKS_ON_RESUMING, ByStep, saved
from tests.helpers.tasks import Language, loaders

pytestmark = REMARKS_ON_RESUMING

SMALL = EmbeddingSettings(max_records=16)
WAYS = {"deepcopy": copy.deepcopy, "pickle": lambda monitor: pickle.loads(pickle.dumps(monitor))}


class Copies(pl.Callback):
    """Copies a monitor after some batches, and says what state it was in."""

    def __init__(self, monitor, way, at=(1, 7, 12)):
        self.monitor, self.way, self.at, self.made = monitor, way, at, {}

    def on_train_batch_end(self, trainer, *args):
        if trainer.global_step in self.at:
            made = self.way(self.monitor)
            self.made[trainer.global_step] = made, plain(self.monitor.state_dict()), plain(made.state_dict())


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    path = tmp_path_factory.mktemp("finished") / "best.zarr"
    fit(InfoGeometryMonitor({"val": probe()}, archive=path), path.parent)
    return path


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "options",
    [
        {"archive": "auto", "neurons": True, "parameters": True},
        {"archive": "auto", "embedding": False},
        {"reference": True, "embedding": SMALL},
        {"task": Language, "output": Tokens(sketch_dim=32), "memory": "2MB", "embedding": SMALL},
    ],
    ids=["all of it", "curves", "reference", "sketches"],
)
def test_a_copy_has_the_readings_so_far_and_no_handles(options, way, tmp_path, finished):
    options = dict(options)
    task = options.pop("task", None)
    if options.get("reference"):
        options["reference"] = finished
    data = {"train": loaders(task)["train"], "val": loaders(task)["val"]} if task else {}
    made = InfoGeometryMonitor(schedule=2, **options)
    threads = set(threading.enumerate())
    copies = Copies(made, WAYS[way])
    logger = TensorBoardLogger(tmp_path)
    with_copies = fit([made, copies], tmp_path / "a", task or ByStep, logger=logger, **data)
    left = [one.name for one in threading.enumerate() if one not in threads]
    assert len([name for name in left if "zarr" not in name and "asyncio" not in name]) <= 1, left  # TensorBoard's
    assert digest(with_copies) == digest(fit([], tmp_path / "b", task or ByStep, **data))
    assert list(copies.made) == [1, 7, 12]
    for step, (copied, then, its_own) in copies.made.items():
        assert its_own == then  # where there is an archive, too: a checkpoint of the copy says where it was
        assert not handles(copied)
        assert not models(copied)
        assert not on_devices(copied)
        assert max(int(t.steps[-1]) for t in copied.trajectories.values()) == step - step % 2
    assert plain(readings(copies.made[12][0])) == plain(readings(made))
    if "archive" in options:
        (path,) = find_archives(tmp_path)
        assert Trajectory.open(path).steps.tolist() == list(range(0, 13, 2))


def test_a_function_of_the_user_is_shared_by_a_copy(tmp_path):
    seen = []
    made = InfoGeometryMonitor(on_event=lambda event: seen.append(event), archive="auto")
    copies = Copies(made, copy.deepcopy)
    fit([made, copies], tmp_path)
    assert all(copied.on_event is made.on_event for copied, *_ in copies.made.values())


def contents(path):
    return {file: hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(path.rglob("*")) if file.is_file()}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("place", ["auto", "path"])
def test_a_copy_writes_to_no_archive_of_the_original(way, place, tmp_path):
    """It is of no training: one that trains on is refused, or resumed from a checkpoint as any other monitor."""
    path = tmp_path / "infogeo.zarr"
    made = InfoGeometryMonitor({"val": probe()}, schedule=2, archive="auto" if place == "auto" else path)
    trained = fit([made, saved(tmp_path / "c", every_n_train_steps=6)], tmp_path, ByStep, enable_checkpointing=True)
    copied, before = WAYS[way](made), contents(path)
    trained.fit_loop.epoch_loop.max_steps, trained.fit_loop.max_epochs = 18, 99
    trained.callbacks = [copied if callback is made else callback for callback in trained.callbacks]
    with pytest.raises(ConfigurationError, match=r"nothing shows that this one, at step 12, continues it"):
        trained.fit(trained.lightning_module, trained.train_dataloader)
    assert contents(path) == before
    assert find_archives(tmp_path) == [str(path)]
    if place == "auto":
        fit(copied, tmp_path / "other", ByStep, ckpt_path=tmp_path / "c" / "step=6.ckpt", max_steps=18)
        assert contents(path) == before
        assert Trajectory.open(tmp_path / "other" / "infogeo.zarr").steps.tolist() == list(range(0, 19, 2))


@pytest.mark.parametrize("way", WAYS)
def test_a_copy_made_before_the_first_step_does_not_write_over_the_archive(way, tmp_path):
    """As the original may that begins anew after a training that has failed there."""

    class Fails(ByStep):
        def training_step(self, *args):
            raise RuntimeError("before the first step")

    path = tmp_path / "a.zarr"
    made = InfoGeometryMonitor({"val": probe()}, archive=path)
    with pytest.raises(RuntimeError, match="before the first step"):
        fit(made, tmp_path, Fails)
    copied, before = WAYS[way](made), contents(path)
    with pytest.raises(ConfigurationError, match=r"already holds a run, recorded up to step 0"):
        fit(copied, tmp_path, ByStep)
    assert contents(path) == before
    fit(made, tmp_path, ByStep)
    assert Trajectory.open(path).steps[-1] == 12


@pytest.mark.gpu
@pytest.mark.parametrize("way", WAYS)
def test_a_copy_holds_nothing_on_the_device(way, tmp_path, finished):
    made = InfoGeometryMonitor({"val": probe()}, schedule=2, archive="auto", parameters=True, reference=finished)
    copies = Copies(made, WAYS[way])
    fit([made, copies], tmp_path, ByStep, accelerator="cuda")
    for copied, then, its_own in copies.made.values():
        assert its_own == then
        assert not on_devices(copied)
    assert plain(readings(copies.made[12][0])) == plain(readings(made))


def test_the_original_has_its_handles_while_it_works(tmp_path):
    """Or nothing above shows anything."""

    class Looks(pl.Callback):
        def on_train_epoch_end(self, trainer, module):
            found.append((bool(handles(made)), bool(models(made))))

    found, made = [], InfoGeometryMonitor(archive="auto", parameters=True)
    fit([made, Looks()], tmp_path)
    assert found == [(True, True)] * 2
