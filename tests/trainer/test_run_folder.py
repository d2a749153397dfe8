"""Where archive="auto" puts the archive of a run: with every logger in a folder of that run, and with a bound."""

from types import SimpleNamespace

import pytest
from lightning.pytorch.loggers import CometLogger, CSVLogger, MLFlowLogger, TensorBoardLogger, WandbLogger
from lightning.pytorch.loggers.logger import Logger

from lightning_infogeo import ConfigurationError, InfoGeometryMonitor, Trajectory
from lightning_infogeo.archive import Archive, ArchiveWriter, Folder, find_archives
from lightning_infogeo.trainer import run_folder as module
from lightning_infogeo.trainer.run_folder import place
from tests.helpers.archived_runs import monitor, probe
from tests.helpers.classifiers import fit
from tests.helpers.resuming import REMARKS_ON_RESUMING, ByStep, saved

pytestmark = REMARKS_ON_RESUMING


class Runs(Logger):
    """One folder for all runs, which have identities: as with W&B, MLflow, Comet and Neptune."""

    def __init__(self, save_dir, name, version):
        super().__init__()
        self._told = save_dir, name, version

    save_dir = property(lambda self: self._told[0])
    name = property(lambda self: self._told[1])
    version = property(lambda self: self._told[2])

    def log_metrics(self, metrics, step=None):
        pass

    def log_hyperparams(self, *args, **kwargs):
        pass


def of(kind, **attributes):
    """A logger of Lightning's without the package that it needs, as it is once its run has begun."""
    logger = kind.__new__(kind)
    vars(logger).update(attributes)
    return logger


COMET = SimpleNamespace(offline_directory=None, id="key", get_key=lambda: "key")


@pytest.mark.parametrize(
    ("loggers", "expected"),
    [
        ([], "root"),
        ([CSVLogger("logs", "csv", 3)], "logs/csv/version_3"),
        ([TensorBoardLogger("logs", "tb", 3, sub_dir="sub")], "logs/tb/version_3/sub"),
        ([TensorBoardLogger("logs", "", "")], "logs"),
        ([of(WandbLogger, _save_dir="logs", _project="p", _experiment=SimpleNamespace(id="x7"))], "logs/p/x7"),
        ([of(WandbLogger, _save_dir="logs", _project="p", _experiment=None, _id="x8")], "logs/p/x8"),
        (
            [of(MLFlowLogger, _tracking_uri="file:mlruns", _initialized=True, _experiment_id="1", _run_id="r")],
            "mlruns/1/r",
        ),
        (
            [of(MLFlowLogger, _tracking_uri="http://host", _initialized=True, _experiment_id="1", _run_id="r")],
            "root/1/r",
        ),
        ([of(CometLogger, _comet_config=COMET, _project_name=None, _experiment=COMET)], "root/key"),
        ([Runs("logs", None, "key")], "logs/key"),
        ([Runs("logs", "team/project", 4)], "logs/team/project/version_4"),
        ([Runs("logs", "/etc", "../../x")], "logs/etc/x"),
        ([Runs("s3://bucket/logs", "p", "id")], "s3://bucket/logs/p/id"),
        ([Runs("logs", "p", None)], "logs"),
        ([Runs(None, "p", "")], "root"),
        ([Runs("logs", "p", None), CSVLogger("own", "csv", 0)], "own/csv/version_0"),
        ([Runs("logs", "p", "id"), CSVLogger("own", "csv", 0)], "logs/p/id"),
    ],
)
def test_the_archive_lies_in_the_folder_of_the_run(loggers, expected, monkeypatch):
    monkeypatch.setattr(MLFlowLogger, "experiment", None)
    found = place(SimpleNamespace(loggers=loggers, default_root_dir="root"), "infogeo.zarr")
    assert found.path == f"{expected}/infogeo.zarr"


def test_every_run_with_an_identity_has_its_own_and_goes_on_in_it(tmp_path):
    def options(identity):
        return {"max_steps": 27, "logger": Runs(tmp_path / "wandb", "project", identity)}

    first = [monitor(), saved(tmp_path / "c", every_n_train_steps=9)]
    fit(first, tmp_path, ByStep, enable_checkpointing=True, **options("one"))
    fit(monitor(), tmp_path, ByStep, **options("two"))
    places = [tmp_path / "wandb" / "project" / name / "infogeo.zarr" for name in ("one", "two", "three")]
    assert find_archives(tmp_path) == [str(path) for path in places[:2]]
    before = Archive(places[0]).run
    resumed = monitor()
    fit(resumed, tmp_path, ByStep, ckpt_path=tmp_path / "c" / "step=9.ckpt", **options("one"))
    assert Archive(places[0]).run == before
    assert find_archives(tmp_path) == [str(path) for path in places[:2]]
    fit(monitor(), tmp_path, ByStep, ckpt_path=tmp_path / "c" / "step=9.ckpt", **options("three"))
    assert find_archives(tmp_path) == sorted(str(path) for path in places)
    assert len({Archive(path).run for path in places}) == 3
    whole = resumed.trajectories["val"].steps.tolist()
    assert [Trajectory.open(path).steps.tolist() for path in places] == [whole] * 3


def test_an_archive_that_an_earlier_version_put_into_the_shared_folder_is_gone_on_with(tmp_path):
    logger = Runs(tmp_path / "wandb", "project", "one")
    old = [monitor(tmp_path / "wandb" / "infogeo_4.zarr"), saved(tmp_path / "c", every_n_train_steps=6)]
    fit(old, tmp_path, ByStep, enable_checkpointing=True, logger=logger)
    resumed = monitor()
    checkpoint = tmp_path / "c" / "step=6.ckpt"
    fit(resumed, tmp_path, ByStep, ckpt_path=checkpoint, max_steps=18, logger=logger)
    assert find_archives(tmp_path) == [str(tmp_path / "wandb" / "infogeo_4.zarr")]
    assert Trajectory.open(tmp_path / "wandb" / "infogeo_4.zarr").steps.tolist() == list(range(0, 19, 2))


def test_without_a_logger_a_run_goes_on_in_the_archive_with_its_number(tmp_path):
    fit(monitor(), tmp_path, ByStep)
    second = [monitor(), saved(tmp_path / "c", every_n_train_steps=6)]
    fit(second, tmp_path, ByStep, enable_checkpointing=True)
    fit(monitor(), tmp_path, ByStep, ckpt_path=tmp_path / "c" / "step=6.ckpt", max_steps=18)
    found = {path.name: Trajectory.open(path).steps.tolist()[-1] for path in tmp_path.glob("*.zarr")}
    assert found == {"infogeo.zarr": 12, "infogeo_1.zarr": 18}


def test_the_archive_of_another_run_is_not_taken_for_one_that_is_gone(tmp_path):
    fit(monitor(), tmp_path, ByStep)
    second = [monitor(), saved(tmp_path / "c", every_n_train_steps=6)]
    fit(second, tmp_path, ByStep, enable_checkpointing=True)
    (tmp_path / "infogeo_1.zarr").rename(tmp_path / "moved")
    with pytest.warns(UserWarning, match=r"infogeo_1.zarr' begins at step 6"):
        fit(monitor(), tmp_path, ByStep, ckpt_path=tmp_path / "c" / "step=6.ckpt", max_steps=18)
    assert Trajectory.open(tmp_path / "infogeo.zarr").steps.tolist() == list(range(0, 13, 2))
    assert Trajectory.open(tmp_path / "infogeo_1.zarr").steps.tolist() == list(range(8, 19, 2))


@pytest.mark.parametrize("folder", ["model::a", "runs #1", "[x]?"])
def test_a_training_below_any_folder_writes_there_and_nowhere_else(tmp_path, folder):
    for _ in range(2):
        fit(monitor(), tmp_path / folder)
    assert [path.name for path in tmp_path.iterdir()] == [folder]
    assert sorted(path.name for path in (tmp_path / folder).glob("*.zarr")) == ["infogeo.zarr", "infogeo_1.zarr"]


def test_the_search_for_a_free_place_ends(tmp_path, monkeypatch):
    """Also where a file system says of every name that it is taken."""
    monkeypatch.setattr(module, "PLACES", 20)
    asked = []
    monkeypatch.setattr(Folder, "exists", lambda self, name="zarr.json": asked.append(self.path) or True)
    with pytest.raises(ConfigurationError, match=r"is there already, and so are all beside it up to 19; give a path"):
        fit(monitor(), tmp_path)
    assert len(set(asked)) == 20
    monkeypatch.undo()
    taken = [ArchiveWriter(Folder(tmp_path / f"infogeo{end}.zarr"), {}) for end in ("", "_1", "_2")]
    monkeypatch.setattr(module, "PLACES", 3)
    with pytest.raises(ConfigurationError, match=r"up to 2"):
        fit(InfoGeometryMonitor({"val": probe()}, archive="auto"), tmp_path)
    for writer in taken:
        writer.close()
