"""A reading is a reading: whatever is asked of a monitor, and whenever, training and records are what they were."""

import lightning.pytorch as pl
from lightning.pytorch.loggers import TensorBoardLogger

from lightning_infogeo import EmbeddingSettings, InfoGeometryMonitor
from tests.helpers.classifiers import digest, fit
from tests.helpers.reachable import plain
from tests.helpers.readings import readings
from tests.helpers.resuming import REMARKS_ON_RESUMING, ByStep

pytestmark = REMARKS_ON_RESUMING


class Reads(pl.Callback):
    def __init__(self, monitor, path):
        self.monitor, self.path, self.changed = monitor, path, []

    def on_train_batch_end(self, trainer, *args):
        if trainer.global_step % 3 == 0:
            before = plain(self.monitor.state_dict()), self.monitor._session.plots.budget.spent
            readings(self.monitor)
            self.monitor.to_csv(self.path)
            _ = self.monitor.verdicts, self.monitor.followed, self.monitor.dimensions()
            self.changed.append(before != (plain(self.monitor.state_dict()), self.monitor._session.plots.budget.spent))


def images(folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    read = EventAccumulator(str(folder), size_guidance={"images": 0})
    read.Reload()
    return {tag: [(i.step, i.encoded_image_string) for i in read.Images(tag)] for tag in read.Tags()["images"]}


def test_readings_in_the_middle_of_a_training_change_nothing(tmp_path, monkeypatch):
    """Not the state that checkpoints hold, not the time that pictures may take, nor the pictures themselves."""
    monkeypatch.setattr("lightning_infogeo.monitor.host.neuron_plots._SHARE", 1.0)  # however busy the machine is
    runs = {}
    for name in ("read", "left alone"):
        settings = EmbeddingSettings(max_records=8, share=1.0, per_decade=10)
        made = InfoGeometryMonitor(schedule=2, embedding=settings, neurons=True)
        reads = Reads(made, tmp_path / "path.csv")
        logger = TensorBoardLogger(tmp_path, "", name)
        trained = fit([made, *([reads] if name == "read" else [])], tmp_path, ByStep, logger=logger, max_steps=18)
        assert reads.changed == [False] * (6 if name == "read" else 0)
        state = {key: value for key, value in made.state_dict().items() if key != "run"}  # each has an identity
        runs[name] = digest(trained), plain(state), images(tmp_path / name)
        assert len(runs[name][2]["infogeo/embedding"]) > 2
    assert runs["read"] == runs["left alone"]


def test_a_picture_after_the_training_leaves_the_state_as_it_is(tmp_path):
    made = InfoGeometryMonitor(schedule=2)
    fit(made, tmp_path)
    before = plain(made.state_dict())
    assert made._session.plots.axes.places == {}  # nobody has seen a picture yet, to which this one would have to fit
    first, second = made.picture(), made.picture()
    assert plain(made.state_dict()) == before
    assert [text.get_text() for text in first.texts] == [text.get_text() for text in second.texts]
    lines = [[line.get_xydata().tolist() for line in figure.axes[0].get_lines()] for figure in (first, second)]
    assert lines[0] == lines[1]
