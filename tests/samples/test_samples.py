"""The functions on a trajectory opened from an archive, in tensors."""

import numpy as np
import pytest
import torch

from lightning_infogeo import Trajectory, area_under_margin, cartography, forgetting_events, moved
from lightning_infogeo.archive.settings import ArchiveSettings
from lightning_infogeo.samples import reading
from tests.helpers.slow_answers import slow_distance, slow_summary
from tests.helpers.synthetic_archives import write
from tests.helpers.synthetic_runs import training

FUNCTIONS = (forgetting_events, cartography, area_under_margin, moved)


@pytest.fixture(scope="module")
def run():
    return training(3, records=12, samples=30, classes=4)


@pytest.fixture(scope="module")
def path(run, tmp_path_factory):
    return write(tmp_path_factory.mktemp("runs") / "run.zarr", run)


@pytest.fixture(scope="module")
def found(run):
    p = run.amplitudes.float().double().square()
    return slow_summary((p / p.sum(-1, keepdim=True)).tolist(), run.labels.tolist())


def column(found, name):
    return torch.tensor([sample[name] for sample in found])


def check(trajectory, found):
    events, learnt = forgetting_events(trajectory)
    assert events.tolist() == [sample["forgetting"] for sample in found]
    assert learnt.tolist() == [any(sample["right"]) for sample in found]
    for name, values in cartography(trajectory)._asdict().items():
        torch.testing.assert_close(values, column(found, name).double(), msg=name)
    torch.testing.assert_close(area_under_margin(trajectory), column(found, "area").double())


def test_they_are_as_defined(path, found):
    check(Trajectory.open(path), found)
    assert sum(sample["forgetting"] for sample in found) > 0


def test_they_are_the_same_read_in_many_small_parts(path, found, monkeypatch):
    monkeypatch.setattr(reading, "BLOCK", 7 * 24 * 12)
    monkeypatch.setattr(reading, "PART", 5 * 4 * 8)
    check(Trajectory.open(path), found)


def test_no_more_than_a_part_is_read_at_once(run, monkeypatch):
    """Negative control: unbounded, the whole run is read at once."""

    class Watched:
        shape = tuple(run.amplitudes.shape)
        largest = 0

        def __getitem__(self, key):
            part = run.amplitudes[key]
            self.largest = max(self.largest, part.numel() * 8)
            return part

    whole, parts = Watched(), Watched()
    reading.read_answers(whole, run.labels)
    monkeypatch.setattr(reading, "PART", 1000)
    reading.read_answers(parts, run.labels)
    assert whole.largest == run.amplitudes.numel() * 8
    assert 0 < parts.largest <= 1000


def test_records_that_were_not_finite_do_not_count(run, tmp_path):
    kept = [k for k in range(12) if k not in (0, 5)]
    p = run.amplitudes[kept].float().double().square()
    wanted = slow_summary((p / p.sum(-1, keepdim=True)).tolist(), run.labels.tolist())
    check(Trajectory.open(write(tmp_path / "run.zarr", run, bad=(0, 5))), wanted)


def test_weights_choose_records(run, path):
    last = torch.zeros(12)
    last[-1] = 1
    a = run.amplitudes[-1].float().double()
    other = a.masked_fill(torch.nn.functional.one_hot(run.labels, 4).bool(), 0).amax(1)
    label = a.gather(1, run.labels[:, None])[:, 0]
    torch.testing.assert_close(area_under_margin(Trajectory.open(path), last), 2 * (label / other).log())


@pytest.mark.parametrize(("step", "records"), [(None, (10, 11)), (4, (3, 4)), (1000, (10, 11)), (1, (0, 1))])
def test_moved_is_as_defined(run, path, step, records):
    distances, at, before = moved(Trajectory.open(path), step)
    assert (before, at) == records
    p, q = run.amplitudes[list(records)].square().tolist()
    wanted = [slow_distance(a, b) for a, b in zip(p, q, strict=True)]
    np.testing.assert_allclose(distances, wanted, rtol=1e-5)


def test_nothing_moved_before_the_first_record(path):
    with pytest.raises(ValueError, match=r"step=0.*the first"):
        moved(Trajectory.open(path), 0)


def test_moved_needs_no_labels_and_the_others_say_that_they_do(run, tmp_path):
    trajectory = Trajectory.open(write(tmp_path / "run.zarr", run._replace(labels=None)))
    assert moved(trajectory).distances.shape == (30,)
    for function in FUNCTIONS[:3]:
        with pytest.raises(ValueError, match=rf"`{function.__name__}\(trajectory\)`.*no labels.*Probe\(inputs, labels"):
            function(trajectory)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_trajectory_that_is_not_archived_names_the_remedy(function):
    with pytest.raises(RuntimeError, match=r'archive="auto"'):
        function(Trajectory(["length"], "every step", 1, "full"))


def test_a_run_without_finite_records_is_refused(run, tmp_path):
    trajectory = Trajectory.open(write(tmp_path / "run.zarr", run, bad=range(12)))
    with pytest.raises(ValueError, match="no record with finite logits"):
        cartography(trajectory)


def test_each_label_of_a_multi_label_input_is_a_sample(tmp_path):
    import lightning.pytorch as pl
    from torch import nn
    from torch.utils.data import DataLoader, TensorDataset

    from lightning_infogeo import InfoGeometryMonitor, Probe

    class Tagger(pl.LightningModule):
        def __init__(self):
            super().__init__()
            self.net = nn.Linear(5, 3)

        def forward(self, x):
            return self.net(x)

        def training_step(self, batch):
            return nn.functional.binary_cross_entropy_with_logits(self(batch[0]), batch[1])

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), 0.5)

    torch.manual_seed(0)
    x = torch.randn(16, 5)
    y = (x[:, :3] > 0).float()
    monitor = InfoGeometryMonitor(
        probes={"train": Probe(x, y)},
        output="bernoulli",
        archive=ArchiveSettings(str(tmp_path / "run.zarr")),
        schedule=1,
    )
    model = Tagger()
    quiet = {"enable_progress_bar": False, "enable_model_summary": False, "enable_checkpointing": False}
    trainer = pl.Trainer(max_steps=8, accelerator="cpu", logger=False, callbacks=[monitor], **quiet)
    trainer.fit(model, DataLoader(TensorDataset(x, y), batch_size=16))
    trajectory = Trajectory.open(tmp_path / "run.zarr")
    last = torch.zeros(len(trajectory))
    last[-1] = 1
    with torch.no_grad():
        margins = torch.where(y > 0, model(x), -model(x)).double().flatten()
    torch.testing.assert_close(area_under_margin(trajectory, last), margins, rtol=1e-4, atol=1e-5)
