"""Archives on a disk compare as the arrays they were written from."""

import pytest
import torch

from lightning_infogeo.archive import ArchiveWriter, Folder, Row
from lightning_infogeo.comparison import compare
from lightning_infogeo.trajectory import Trajectory
from tests.helpers.synthetic_runs import training


def opened(run, folder, dtype="float32"):
    path = folder / run.name
    written = ArchiveWriter(Folder(str(path)), run.metadata)
    about = {"schedule": "log", "lag": 1, "precision": "", "fingerprint": run.fingerprint}
    shape = tuple(run.amplitudes.shape[1:])
    written.add("val", ["length"], about, shape, dtype, constants={"labels": run.labels.numpy()})
    for step, record in zip(run.steps.tolist(), run.amplitudes.numpy().astype(dtype), strict=True):
        written.append(step, {"val": Row([0.0], record)})
    written.commit()
    written.close()
    return Trajectory.open(path)


@pytest.fixture(scope="module")
def runs():
    return [training(seed, way=seed // 2, dtype=torch.float32) for seed in range(4)]


def test_archives_compare_as_what_was_written(runs, tmp_path):
    expected = compare(runs)
    found = compare([opened(run, tmp_path) for run in runs], folder=tmp_path / "kept", memory=10**5)
    assert found.names == expected.names
    torch.testing.assert_close(found.distances, expected.distances, rtol=1e-6, atol=1e-9)  # cut differently
    torch.testing.assert_close(found.null, expected.null, rtol=1e-5, atol=0)
    torch.testing.assert_close(
        found.embedding.distances, expected.embedding.distances, rtol=1e-6, atol=1e-9
    )  # cut differently
    assert found.groups["way"].alone == pytest.approx(expected.groups["way"].alone)
    assert found.notes == ()


def test_an_archive_in_half_precision_is_said_to_be_one(runs, tmp_path):
    assert "1 of 2 runs are stored in half" in compare([runs[0], opened(runs[1], tmp_path, "float16")]).notes[0]
