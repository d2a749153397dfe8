"""What a training writes is what the tab shows: the callback's own event files, read as TensorBoard reads them."""

import io

import numpy as np
import pytest
import torch
from lightning.pytorch.loggers import TensorBoardLogger
from PIL import Image
from torch import nn

from lightning_infogeo import InfoGeometryMonitor, Probe, TabSettings, inpca, pairwise_bhattacharyya
from tests.helpers.classifiers import IMAGES, LABELS, Classifier, fit
from tests.helpers.markers import At
from tests.helpers.resuming import REMARKS_ON_RESUMING, ByStep, saved
from tests.tab.tab_app import TabApp

pytestmark = REMARKS_ON_RESUMING

PROBE = Probe(IMAGES[:40], LABELS[:40])


class Thousand(Classifier):
    """Digits among 1,000 classes."""

    def __init__(self):
        super().__init__(nn.Sequential(nn.Linear(64, 16), nn.Tanh(), nn.Linear(16, 1000)))


def trained(tmp_path, monitor, name="run", **options):
    fit(monitor, tmp_path, logger=TensorBoardLogger(tmp_path / "runs", name="", version=name), **options)


def monitor(**options):
    return InfoGeometryMonitor(**{"probes": {"val": PROBE}, "schedule": 3, **options})


def test_a_training_is_on_the_map_with_its_curves_events_and_samples(tmp_path):
    watched = monitor(markers=[At(6)])
    trained(tmp_path, watched)
    app = TabApp(tmp_path / "runs")
    state = app.ask("state")
    (run,) = state["runs"]
    assert state["problem"] is None
    assert (run["name"], run["last"], run["planned"], run["ended"]) == ("run", 12, 12, True)
    assert [event["headline"] for event in run["events"]] == [event.headline for event in watched.events] != []
    assert run["metadata"]["model"] == "Classifier"
    found = app.ask("map", map=app.key())
    assert found["steps"] == [0, 3, 6, 9, 12]
    course = watched.trajectories["val"]
    assert np.allclose(found["curves"]["distance_to_truth"], course.distance_to_truth, rtol=1e-5)
    assert np.allclose(found["curves"]["progress"], course.progress, atol=1e-6)
    exact = inpca(pairwise_bhattacharyya(course.history.amplitudes), 3).coordinates.numpy()
    signs = np.sign((np.array(found["coordinates"]) * exact).sum(0))
    assert np.allclose((found["coordinates"] * signs)[:, 0], exact[:, 0], atol=0.02 * np.abs(exact).max())
    own = torch.gather(course.history.amplitudes[-1].square(), 1, LABELS[:40, None])[:, 0].double().numpy()
    cartography = app.ask("cartography", map=app.key(), run="run")
    assert cartography["label"] == LABELS[:40].tolist()
    for n in (0, 39):
        assert app.ask("sample", map=app.key(), run="run", sample=n)["p"][-1] == pytest.approx(own[n], rel=4e-3)


def test_a_training_of_many_classes_has_its_way_to_the_truth(tmp_path):
    probe = Probe(IMAGES[:200], LABELS[:200])
    trained(tmp_path, monitor(probes={"val": probe}, tab=TabSettings("2 MB")), model=Thousand)
    app = TabApp(tmp_path / "runs")
    state = app.ask("state")
    assert state["problem"] is None
    assert state["maps"][0]["sketched"] is True
    found = app.ask("map", map=app.key())
    assert found["steps"] == [0, 3, 6, 9, 12]
    assert len(found["path"]) >= 3
    from_start = [
        np.linalg.norm(np.array(end) - found["coordinates"][0]) for end in (found["path"][0], found["path"][-1])
    ]
    assert from_start[0] < from_start[1]
    assert app.ask("sample", map=app.key(), run="run", sample=0)["probabilities"] is None
    assert len(app.ask("samples", map=app.key(), run="run", step=12)["lists"]["moved"]) == 10


@pytest.mark.parametrize("same_folder", [True, False])
def test_a_resumed_training_goes_on_in_its_folder_or_is_listed_as_going_on(same_folder, tmp_path):
    trained(tmp_path, monitor(), "whole", model=ByStep, max_steps=15)
    kept = saved(tmp_path, every_n_train_steps=1)
    trained(tmp_path, [monitor(), kept], "a", model=ByStep, max_steps=9, enable_checkpointing=True)
    later = "a" if same_folder else "b"
    trained(tmp_path, monitor(), later, model=ByStep, max_steps=15, ckpt_path=tmp_path / "step=7.ckpt")
    app = TabApp(tmp_path / "runs")
    found = app.ask("map", map=app.key())
    steps = {
        run: [step for step, member in zip(found["steps"], found["member"], strict=True) if member == index]
        for index, run in enumerate(found["runs"])
    }
    going_on = {run["name"]: run["continues"] for run in app.ask("state")["runs"]}
    if same_folder:
        assert steps == {"a": [0, 3, 6, 9, 12, 15], "whole": [0, 3, 6, 9, 12, 15]}
        assert going_on == {"a": None, "whole": None}
        halves = np.array(found["coordinates"]).reshape(2, 6, 3)
        assert np.allclose(halves[0], halves[1], atol=1e-5)
    else:
        assert steps["a"] == [0, 3, 6, 9]
        assert steps["b"] == [9, 12, 15]
        assert going_on == {"a": None, "b": "a", "whole": None}


def test_pictures_of_inputs_come_as_they_are(tmp_path):
    images = IMAGES[:40].reshape(-1, 1, 8, 8)

    class Pictured(Classifier):
        def forward(self, x):
            return super().forward(x.flatten(1))

    trained(tmp_path, monitor(probes={"val": Probe(images, LABELS[:40])}), model=Pictured)
    app = TabApp(tmp_path / "runs")
    shown = np.asarray(Image.open(io.BytesIO(app.respond("picture", map=app.key(), run="run", sample=3).data)))
    assert shown.shape == (8, 8)
    assert np.corrcoef(shown.ravel(), images[3].numpy().ravel())[0, 1] > 0.999
