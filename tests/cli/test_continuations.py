"""A training that was resumed into another folder is one run to the commands."""

import pytest
from lightning.pytorch.loggers import CSVLogger

from lightning_infogeo.archive import Archive, ArchiveWriter, Folder
from lightning_infogeo.cli.runs import locate_runs, open_runs
from tests.helpers.archived_runs import monitor
from tests.helpers.classifiers import fit
from tests.helpers.resuming import REMARKS_ON_RESUMING, ByStep, saved
from tests.helpers.synthetic_archives import QUANTITIES, write
from tests.helpers.synthetic_runs import training

pytestmark = REMARKS_ON_RESUMING


class Slower(ByStep):
    """Another way from where it is resumed."""

    def configure_optimizers(self):
        return self.optimizer(self.parameters(), lr=self.lr)

    def on_train_start(self):
        for group in self.optimizers().param_groups:
            group["lr"] = 1e-4


@pytest.fixture(scope="module")
def logs(tmp_path_factory):
    """A training to step 20, gone on with from its checkpoint at step 12 to step 40, in a folder of its own."""
    root = tmp_path_factory.mktemp("logs")
    first = [monitor(), saved(root / "c", every_n_train_steps=12)]
    fit(first, root, ByStep, enable_checkpointing=True, max_steps=20, logger=CSVLogger(root, "first"))
    where = CSVLogger(root, "second")
    fit(monitor(), root, Slower, ckpt_path=root / "c" / "step=12.ckpt", max_steps=40, seed=9, logger=where)
    return root


def test_a_run_and_its_continuation_are_one_without_a_step_twice(logs):
    locations, notes = locate_runs([str(logs)], None, skip=False)
    (run,) = open_runs(locations)
    assert run.steps.tolist() == list(range(0, 41, 2))
    (note,) = notes
    assert "Run 'first' was resumed as 'second'" in note
    assert "4 of its records" in note  # 14, 16, 18 and 20 were trained again
    first = Archive(logs / "first" / "version_0" / "infogeo.zarr")
    assert (run.amplitudes[:7] == first["val"].amplitudes[:7]).all()
    assert (run.amplitudes[7:] != first["val"].amplitudes[7:11][-1]).any()  # the later training counts


def test_the_commands_say_so(command, logs, tmp_path):
    code, shown, said = command("compare", logs)
    assert code == 0
    assert "resumed as 'second'" in " ".join((shown + said).split())
    code, _, _ = command("report", logs, "-o", tmp_path / "report.html")
    assert code == 0
    assert "was resumed as &#x27;second&#x27;" in (tmp_path / "report.html").read_text(encoding="utf-8")


def fork(old, new, until):
    """Copies an archive up to a step, as a resumed training does."""
    folder = Folder(new)
    folder.copy_from(Folder(old))
    writer = ArchiveWriter(folder, {}, fork=True)
    writer.truncate(until)
    writer.close()


def test_two_continuations_of_one_run_stay_two(tmp_path):
    write(tmp_path / "a.zarr", training(1, records=6, samples=10))
    fork(tmp_path / "a.zarr", tmp_path / "b.zarr", 3)
    fork(tmp_path / "a.zarr", tmp_path / "c.zarr", 2)
    names = [location.name for location in locate_runs([str(tmp_path)], None, False)[0]]
    assert names == ["a", "b", "c"]  # steps 4 and 5 of the first are in neither
    fork(tmp_path / "a.zarr", tmp_path / "d.zarr", 5)
    names = [location.name for location in locate_runs([str(tmp_path)], None, False)[0]]
    assert names == ["b", "c", "d"]


def test_a_chain_is_one_run_although_one_of_its_archives_is_missing(tmp_path):
    write(tmp_path / "a.zarr", training(1, records=6, samples=10))
    fork(tmp_path / "a.zarr", tmp_path / "b.zarr", 5)
    fork(tmp_path / "b.zarr", tmp_path / "c.zarr", 5)
    assert [one.name for one in locate_runs([str(tmp_path)], None, False)[0]] == ["c"]
    paths = [str(tmp_path / name) for name in ("a.zarr", "c.zarr")]
    assert [one.name for one in locate_runs(paths, None, False)[0]] == ["c"]


def test_runs_with_the_same_records_are_not_taken_for_one(tmp_path):
    """Negative control: what is joined is known to have been resumed, not guessed from what it holds."""
    for name in ("a.zarr", "b.zarr"):
        write(tmp_path / name, training(1, records=6, samples=10))
    assert len(locate_runs([str(tmp_path)], None, False)[0]) == 2
    assert Archive(tmp_path / "a.zarr")["val"].attributes["quantities"] == list(QUANTITIES)
