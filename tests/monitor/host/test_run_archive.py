"""The archive of a real training: complete, resumed without gaps or doubles, and never in the way."""

import multiprocessing
import warnings

import pytest
import torch
from filelock import FileLock
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger

from lightning_infogeo import ArchiveSettings, ConfigurationError, InfoGeometryMonitor, Trajectory, amplitudes
from lightning_infogeo.archive import Archive, ArchiveWriter, Folder, find_archives
from tests.helpers.archived_runs import monitor, probe, same_archives
from tests.helpers.classifiers import IMAGES, LABELS, Classifier, digest, fit, random_streams
from tests.helpers.resuming import REMARKS_ON_RESUMING, ByStep, Interrupt, saved

pytestmark = REMARKS_ON_RESUMING


class Kept(InfoGeometryMonitor):
    """Keeps the predictions of every step at which it records, computed apart."""

    def on_train_batch_end(self, trainer, module, *args):
        super().on_train_batch_end(trainer, module, *args)
        with torch.no_grad():
            self.seen = {**getattr(self, "seen", {}), trainer.global_step: amplitudes(module(IMAGES[500:530]))}


def test_everything_recorded_is_in_it(tmp_path):
    made = Kept({"val": probe()}, schedule=2, archive="auto", parameters=True)
    fit(made, tmp_path, logger=TensorBoardLogger(tmp_path, version=0))
    path = tmp_path / "lightning_logs" / "version_0" / "infogeo.zarr"
    opened, live = Trajectory.open(path), made.trajectories["val"]
    assert opened.steps.tolist() == live.steps.tolist() == [0, 2, 4, 6, 8, 10, 12]
    for quantity in live.quantities:
        torch.testing.assert_close(getattr(opened, quantity), getattr(live, quantity), rtol=0, atol=0, equal_nan=True)
    for index, step in enumerate(opened.steps.tolist()[1:], start=1):
        torch.testing.assert_close(opened.amplitudes[index], made.seen[step])
    assert opened.labels.tolist() == LABELS[500:530].tolist()
    assert opened.fingerprint == probe().fingerprint
    torch.testing.assert_close(opened.recorded.inputs(), IMAGES[500:530])
    assert (opened.schedule, opened.lag, opened.precision) == (live.schedule, live.lag, live.precision)
    network = Archive(path)["parameters/network"]
    torch.testing.assert_close(network.quantities[:, 1], made.trajectories["parameters/network"].length)
    assert Trajectory.open(path, "val").events == [event._asdict() for event in made.events]


def test_it_says_what_was_trained(tmp_path):
    class Named(Classifier):
        def __init__(self, width=16, act=torch.nn.Tanh):
            super().__init__()
            self.save_hyperparameters()

    fit(monitor(ArchiveSettings(metadata={"note": "first"})), tmp_path, Named)
    metadata = Trajectory.open(tmp_path / "infogeo.zarr").metadata
    assert (metadata["model"], metadata["seed"], metadata["note"]) == ("Named", 7, "first")
    assert metadata["hyperparameters"] == {"width": 16, "act": "Tanh"}
    assert metadata["optimizers"][0]["name"] == "AdamW"
    assert metadata["optimizers"][0]["lr"] == 1e-2
    assert metadata["parameters"] == 64 * 16 + 16 + 160 + 10
    assert metadata["versions"]["torch"] == torch.__version__


def test_training_is_unchanged(tmp_path):
    without = fit([], tmp_path / "a")
    streams = random_streams()
    with_archive = fit(monitor(schedule=1), tmp_path / "b")
    assert digest(without) == digest(with_archive)
    assert str(streams) == str(random_streams())


def test_each_run_beside_the_logs_gets_its_own(tmp_path):
    for _ in range(2):
        fit(monitor(), tmp_path)
    assert len(Trajectory.open(tmp_path / "infogeo.zarr")) == len(Trajectory.open(tmp_path / "infogeo_1.zarr")) == 7


def test_a_path_that_holds_another_run_is_refused_before_training(tmp_path):
    fit(monitor(tmp_path / "a.zarr"), tmp_path)
    with pytest.raises(ConfigurationError, match=r"already holds a run, recorded up to step 12"):
        fit(monitor(tmp_path / "a.zarr"), tmp_path)
    assert len(Trajectory.open(tmp_path / "a.zarr")) == 7


def test_a_path_that_another_is_writing_to_is_refused_before_training(tmp_path):
    other = ArchiveWriter(Folder(tmp_path / "a.zarr"), {})
    with pytest.raises(ConfigurationError, match=r"another process is writing"):
        fit(monitor(tmp_path / "a.zarr"), tmp_path)
    other.close()


@pytest.mark.parametrize("at", [6, 7, 12])
def test_resumed_at_the_same_path_it_is_that_of_an_uninterrupted_run(at, tmp_path):
    options = {"max_steps": 27, "enable_checkpointing": True}
    whole = [monitor(tmp_path / "whole.zarr", parameters=True), saved(tmp_path / "w", every_n_train_steps=1)]
    fit(whole, tmp_path, ByStep, **options)
    cut = [monitor(tmp_path / "cut.zarr", parameters=True), saved(tmp_path / "c", every_n_train_steps=1), Interrupt(17)]
    with pytest.raises(BaseException):  # noqa: B017, PT011 (Lightning turns it into SystemExit)
        fit(cut, tmp_path, ByStep, **options)
    assert Trajectory.open(tmp_path / "cut.zarr").steps[-1] == 16
    resumed = monitor(tmp_path / "cut.zarr", parameters=True)
    fit(resumed, tmp_path, ByStep, ckpt_path=tmp_path / "c" / f"step={at}.ckpt", seed=99, max_steps=27)
    same_archives(tmp_path / "whole.zarr", tmp_path / "cut.zarr")


def test_forks_of_one_checkpoint_have_an_archive_each(tmp_path):
    def options(version):
        return {"max_steps": 27, "logger": TensorBoardLogger(tmp_path, version=version)}

    first = [monitor(), saved(tmp_path / "c", every_n_train_steps=9)]
    fit(first, tmp_path, ByStep, enable_checkpointing=True, **options(0))
    for version in (1, 2):
        fit(monitor(), tmp_path, ByStep, ckpt_path=tmp_path / "c" / "step=9.ckpt", seed=99, **options(version))
    paths = [tmp_path / "lightning_logs" / f"version_{version}" / "infogeo.zarr" for version in range(3)]
    same_archives(paths[0], paths[1])
    same_archives(paths[0], paths[2])
    assert len({Archive(path).run for path in paths}) == 3


def test_a_second_fit_goes_on_in_the_same_archive(tmp_path):
    made = monitor(tmp_path / "a.zarr")
    trained = fit(made, tmp_path, max_steps=6)
    trained.fit_loop.epoch_loop.max_steps = 12
    trained.fit_loop.max_epochs = 99
    trained.fit(trained.lightning_module, trained.train_dataloader)
    opened = Trajectory.open(tmp_path / "a.zarr")
    assert opened.steps.tolist() == made.trajectories["val"].steps.tolist()
    assert opened.steps[-1] > 6


def test_the_archive_to_go_on_with_may_be_gone(tmp_path):
    fit(
        [monitor(tmp_path / "a.zarr"), saved(tmp_path / "c", every_n_train_steps=6)],
        tmp_path,
        ByStep,
        enable_checkpointing=True,
    )
    (tmp_path / "a.zarr").rename(tmp_path / "moved.zarr")
    resumed = monitor(tmp_path / "a.zarr")
    with pytest.warns(UserWarning, match=r"is gone; .* begins at step 6"):
        fit(resumed, tmp_path, ByStep, ckpt_path=tmp_path / "c" / "step=6.ckpt")
    assert Trajectory.open(tmp_path / "a.zarr").steps.tolist() == [8, 10, 12]
    assert resumed.trajectories["val"].steps.tolist() == [0, 2, 4, 6, 8, 10, 12]


@pytest.mark.parametrize("strict", [False, True])
def test_an_archive_that_fails_is_given_up_and_training_goes_on(strict, tmp_path, monkeypatch):
    append = ArchiveWriter.append

    def full(self, step, rows, events=None):
        if step == 6:
            raise OSError(28, "No space left on device")
        append(self, step, rows, events)

    monkeypatch.setattr(ArchiveWriter, "append", full)
    made = monitor(tmp_path / "a.zarr", strict=strict)
    if strict:
        with pytest.raises(OSError, match=r"No space left"):
            fit(made, tmp_path)
    else:
        with pytest.warns(UserWarning, match=r"writing raised OSError: .*No space left.* Nothing more is archived"):
            fit(made, tmp_path)
        assert made.trajectories["val"].steps.tolist() == [0, 2, 4, 6, 8, 10, 12]
    assert Trajectory.open(tmp_path / "a.zarr").steps.tolist() == [0, 2, 4]
    ArchiveWriter(Folder(tmp_path / "a.zarr"), {}).close()  # nobody holds it any more


def test_predictions_that_are_not_finite_are_kept_as_nan(tmp_path):
    class Explodes(Classifier):
        def on_train_batch_end(self, *args):
            if self.global_step == 6:  # after the record of that step; no later one recovers
                self.net[2].bias.data.fill_(torch.inf)

    with pytest.warns(UserWarning, match=r"not all finite"):
        fit(monitor(tmp_path / "a.zarr"), tmp_path, Explodes)
    opened = Trajectory.open(tmp_path / "a.zarr")
    assert opened.amplitudes[:].isnan().flatten(1).any(1).tolist() == [False] * 4 + [True] * 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"archive": 3}, r"archive=3.*must be None"),
        ({"archive": "nosuch://x/y.zarr"}, r"nosuch"),
        ({"archive": ""}, r"path=''"),
    ],
)
def test_impossible_archives_are_refused_at_once(options, message):
    with pytest.raises(ConfigurationError, match=message):
        InfoGeometryMonitor(**options)


@pytest.mark.parametrize("change", [{"dtype": "int8"}, {"compression": 1}, {"metadata": []}, {"store_inputs": "yes"}])
def test_impossible_settings_are_refused_at_once(change):
    with pytest.raises(ConfigurationError, match=next(iter(change))):
        ArchiveSettings(**change)


def test_without_zarr_the_command_to_install_it_is_named(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "zarr", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'lightning-infogeo\[archive\]'"):
        InfoGeometryMonitor(archive="auto")
    InfoGeometryMonitor()


def test_a_checkpoint_never_knows_of_more_than_its_archive(tmp_path):
    class Looks(ModelCheckpoint):
        """Reads the archive as soon as a checkpoint is written."""

        def _save_checkpoint(self, trainer, filepath):
            super()._save_checkpoint(trainer, filepath)
            saved = torch.load(filepath, weights_only=True)["callbacks"]["InfoGeometryMonitor[infogeo]"]
            archived = Trajectory.open(tmp_path / "a.zarr").steps.tolist()
            checked.append(saved["trajectories"]["val"]["steps"].tolist() == archived)

    checked = []
    fit(
        [monitor(tmp_path / "a.zarr", schedule=1), Looks(tmp_path / "c", every_n_train_steps=1, save_top_k=-1)],
        tmp_path,
        ByStep,
        enable_checkpointing=True,
    )
    assert checked == [True] * 12


def test_eight_trainings_in_eight_processes_write_to_one_root(tmp_path):
    """Begun at once by forks of one process, whose memory all share."""
    context = multiprocessing.get_context("fork")
    gate = context.Barrier(8)
    processes = [context.Process(target=_beside_others, args=(tmp_path, seed, gate)) for seed in range(8)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * 8
    found = find_archives(tmp_path)
    assert len(found) == 16
    assert len({Archive(path).run for path in found}) == 16
    for seed in range(8):
        fit(monitor(tmp_path / "alone" / f"{seed}.zarr"), tmp_path, seed=seed)
        for path in (tmp_path / "archives" / f"{seed}.zarr", tmp_path / "shared" / f"run{seed}" / "infogeo.zarr"):
            same_archives(path, tmp_path / "alone" / f"{seed}.zarr")


def _beside_others(folder, seed, gate):
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    gate.wait()
    logger = CSVLogger(folder, name="shared", version=f"run{seed}")
    fit(monitor(), folder, seed=seed, logger=logger)
    fit(monitor(folder / "archives" / f"{seed}.zarr"), folder, seed=seed)


def test_processes_that_want_the_same_place_get_one_each(tmp_path):
    """Without a logger all of them are beside ``default_root_dir``."""
    context = multiprocessing.get_context("fork")
    gate = context.Barrier(4)
    processes = [context.Process(target=_at_the_same_place, args=(tmp_path, seed, gate)) for seed in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * 4
    found = sorted(tmp_path.glob("infogeo*.zarr"))
    assert len(found) == len({Archive(path).run for path in found}) == 4
    assert all(len(Trajectory.open(path)) == 7 for path in found)


def test_a_place_beside_the_logs_that_another_has_taken_since_is_left_to_it(tmp_path):
    """The other has its lock, and has not written yet."""
    other = FileLock(f"{tmp_path / 'infogeo.zarr'}.lock")
    other.acquire()
    fit(monitor(), tmp_path)
    other.release()
    assert [path.name for path in tmp_path.glob("*.zarr")] == ["infogeo_1.zarr"]


def _at_the_same_place(folder, seed, gate):
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    gate.wait()
    fit(monitor(), folder, seed=seed)
