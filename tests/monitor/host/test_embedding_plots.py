"""The trajectory as a picture: what is kept, what is drawn, what reaches a real event file, what a resume continues."""

import io

import matplotlib.figure
import numpy as np
import pytest
import torch
from lightning.pytorch.loggers import TensorBoardLogger
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from lightning_infogeo import (
    ConfigurationError,
    EmbeddingSettings,
    InfoGeometryMonitor,
    Probe,
    amplitudes,
    pairwise_bhattacharyya,
)
from lightning_infogeo.embedding.live_axes import LiveAxes
from lightning_infogeo.monitor.arguments import bytes_of
from tests.helpers.classifiers import IMAGES, LABELS, Classifier, fit
from tests.helpers.loggers import Minimal
from tests.helpers.resuming import REMARKS_ON_RESUMING, ByStep, saved

pytestmark = REMARKS_ON_RESUMING

ALWAYS = EmbeddingSettings(share=1.0)


def events(logger, **kinds):
    accumulator = EventAccumulator(logger.log_dir, size_guidance={"images": 0, "tensors": 0})
    accumulator.Reload()
    return accumulator


def test_pictures_reach_tensorboard_at_log_spaced_records_and_at_the_end(tmp_path):
    logger, monitor = TensorBoardLogger(tmp_path), InfoGeometryMonitor(schedule=1, embedding=ALWAYS)
    fit(monitor, tmp_path, logger=logger, max_steps=60)
    accumulator = events(logger)
    assert set(accumulator.Tags()["images"]) == {"infogeo/curves", "infogeo/embedding", "infogeo/distances"}
    drawn = accumulator.Images("infogeo/embedding")
    assert [image.step for image in drawn] == [2, 3, 4, 5, 7, 9, 12, 15, 19, 24, 30, 38, 48, 59]
    assert [image.step for image in accumulator.Images("infogeo/distances")] == [59]
    for image in (drawn[0], drawn[-1]):
        pixels = np.asarray(Image.open(io.BytesIO(image.encoded_image_string)))
        assert pixels.shape == (400, 760, 4)
        assert len(np.unique(pixels.reshape(-1, 4), axis=0)) > 100  # something is drawn


def test_the_share_of_time_bounds_pictures_but_the_last(tmp_path):
    logger = TensorBoardLogger(tmp_path)
    fit(InfoGeometryMonitor(schedule=1, embedding=EmbeddingSettings(share=0.0)), tmp_path, logger=logger, max_steps=60)
    assert [image.step for image in events(logger).Images("infogeo/embedding")] == [59]


def test_history_and_distances_are_those_of_the_records(tmp_path):
    monitor = InfoGeometryMonitor(Probe(IMAGES[:30], LABELS[:30]), schedule=2)
    made = fit(monitor, tmp_path, max_steps=20)
    trajectory = monitor.trajectories["probe"]
    assert trajectory.history.steps.tolist() == trajectory.steps.tolist() == list(range(0, 21, 2))
    last = amplitudes(made.lightning_module(IMAGES[:30]).detach())
    torch.testing.assert_close(trajectory.history.amplitudes[-1], last, rtol=1e-4, atol=1e-6)
    exact = pairwise_bhattacharyya(trajectory.history.amplitudes)
    torch.testing.assert_close(trajectory.distances.double(), exact, rtol=1e-3, atol=1e-7)


def test_a_capped_history_is_kept_within_its_memory(tmp_path):
    probe = Probe(IMAGES[:50], LABELS[:50])  # 50 × 10 logits: 2,000 bytes a record
    monitor = InfoGeometryMonitor(probe, schedule=1, memory="40kB", embedding=ALWAYS)
    fit(monitor, tmp_path, logger=TensorBoardLogger(tmp_path), max_steps=60)
    history = monitor.trajectories["probe"].history
    assert len(history.steps) == 40_000 // 2_000 - 4
    assert history.weights.sum() == 61
    assert set(monitor._session.plots.axes.places["probe"]) > set(
        history.steps.tolist()
    )  # dropped records keep a place
    with pytest.raises(ConfigurationError, match=r"memory=20000\)`: holds 6 records of 2000 bytes"):
        fit(InfoGeometryMonitor(probe, memory="20kB"), tmp_path, max_steps=1)


@pytest.mark.parametrize("at", [15, 35, 50])  # at step 15 a picture is due
def test_a_resumed_run_keeps_and_draws_what_an_unbroken_one_does(at, tmp_path):
    def monitor():
        return InfoGeometryMonitor(
            Probe(IMAGES[:30], LABELS[:30]), schedule=1, embedding=EmbeddingSettings(max_records=16, share=1.0)
        )

    whole, first, resumed = monitor(), monitor(), monitor()
    options = {"max_steps": 60, "enable_checkpointing": True}
    fit([whole], tmp_path, ByStep, logger=TensorBoardLogger(tmp_path), max_steps=60)
    fit(
        [first, saved(tmp_path, every_n_train_steps=at)],
        tmp_path,
        ByStep,
        logger=TensorBoardLogger(tmp_path),
        **options,
    )
    path = tmp_path / f"step={at}.ckpt"
    fit(resumed, tmp_path, ByStep, logger=TensorBoardLogger(tmp_path), ckpt_path=path, seed=99, max_steps=60)
    a, b = whole.trajectories["probe"].history, resumed.trajectories["probe"].history
    assert all(torch.equal(x, y) for x, y in zip(a, b, strict=True))
    assert whole._session.plots.axes.places == resumed._session.plots.axes.places


def test_the_checkpoint_with_a_history_loads_with_weights_only(tmp_path):
    fit(
        [InfoGeometryMonitor(), saved(tmp_path, every_n_train_steps=5)],
        tmp_path,
        max_steps=5,
        enable_checkpointing=True,
    )
    state = torch.load(tmp_path / "step=5.ckpt", weights_only=True)["callbacks"]["InfoGeometryMonitor[infogeo]"]
    assert state["recorder"]["probes"]["val"]["history"]["steps"][:6].tolist() == list(range(6))


def test_without_embedding_nothing_is_kept_and_nothing_drawn(tmp_path):
    logger, monitor = TensorBoardLogger(tmp_path), InfoGeometryMonitor(embedding=False)
    fit(monitor, tmp_path, logger=logger, max_steps=30)
    assert events(logger).Tags()["images"] == []
    with pytest.raises(RuntimeError, match="no history is kept"):
        monitor.trajectories["val"].distances  # noqa: B018
    with pytest.raises(RuntimeError, match="nothing has been kept"):
        monitor.picture()


def test_a_picture_can_be_had_at_any_time(tmp_path):
    monitor = InfoGeometryMonitor()
    fit(monitor, tmp_path, max_steps=20)
    figure = monitor.picture()
    assert isinstance(figure, matplotlib.figure.Figure)
    assert [text.get_text()[:4] for text in figure.texts[:1]] == ["val:"]
    for probe in ("train", "val"):
        written = " ".join(text.get_text() for text in monitor.picture(probe).texts)
        assert all(words in written for words in (f"{probe}: ", "now, step 20", "knows nothing", "truth"))


def test_axes_do_not_flip_between_pictures(tmp_path):
    monitor = InfoGeometryMonitor(schedule=1)
    fit(monitor, tmp_path, max_steps=25)
    (snapshot,) = monitor._session.recorder.snapshots([("val",)])
    axes = LiveAxes({})
    first = axes.follow(("val",), snapshot.matrix)
    axes.places["val"] = {step: [-x for x in place] for step, place in axes.places["val"].items()}
    flipped = axes.follow(("val",), snapshot.matrix)
    torch.testing.assert_close(flipped.embedding.coordinates, -first.embedding.coordinates)


class TakesFigures(Minimal):
    def __init__(self):
        super().__init__()
        self.figures = []

    def log_figure(self, key, figure, step):
        self.figures.append((key, step))


class TakesImages(Minimal):
    def __init__(self):
        super().__init__()
        self.images = []

    def log_image(self, key, images, step):
        self.images.append((key, step, images[0].shape[2]))


def test_other_loggers_that_take_figures_or_images_get_them(tmp_path):
    loggers = [TakesFigures(), TakesImages(), Minimal()]
    fit(InfoGeometryMonitor(schedule=5, embedding=ALWAYS), tmp_path, logger=loggers, max_steps=10)
    last = [("infogeo/curves", 9), ("infogeo/embedding", 9), ("infogeo/distances", 9)]
    assert loggers[0].figures == [("infogeo/curves", 4), ("infogeo/embedding", 4), *last]
    assert [(key, x) for key, x, _ in loggers[1].images] == loggers[0].figures
    assert {channels for _, _, channels in loggers[1].images} == {4}


def test_mesh_and_projector_on_request(tmp_path):
    logger = TensorBoardLogger(tmp_path)
    settings = EmbeddingSettings(mesh=True, projector=True)
    fit(InfoGeometryMonitor(embedding=settings), tmp_path, logger=logger, max_steps=12)
    assert any("infogeo/val/points" in tag for tag in events(logger).Tags()["tensors"])
    assert (tmp_path / "lightning_logs" / "version_0" / "projector_config.pbtxt").exists()


def test_a_drawing_that_raises_ends_pictures_and_nothing_else(tmp_path, monkeypatch):
    def broken(*args):
        raise MemoryError("no room for a figure")

    monkeypatch.setattr("lightning_infogeo.figures.embedding", broken)
    monitor = InfoGeometryMonitor(schedule=1, embedding=ALWAYS)
    with pytest.warns(UserWarning, match="drawing raised MemoryError: no room") as warned:
        fit(monitor, tmp_path, logger=TensorBoardLogger(tmp_path), max_steps=30)
    assert len([w for w in warned if "drawing raised" in str(w.message)]) == 1
    assert len(monitor.trajectories["val"]) == 31


def test_a_model_that_never_is_finite_has_no_picture(tmp_path):
    class Never(Classifier):
        def forward(self, x):
            return self.net(x) * (1 if self.training else torch.nan)

    logger = TensorBoardLogger(tmp_path)
    with pytest.warns(UserWarning, match="not all finite"):
        fit(InfoGeometryMonitor(schedule=1, embedding=ALWAYS), tmp_path, Never, logger=logger, max_steps=15)
    assert events(logger).Tags()["images"] == []


def twins():
    """The same samples as they are and blurred, and others."""
    blurred = (IMAGES[:40] + IMAGES[:40].roll(1, 1)) / 2
    return {
        "clean": Probe(IMAGES[:40], LABELS[:40]),
        "blurred": Probe(blurred, LABELS[:40]),
        "other": Probe(IMAGES[40:70], LABELS[40:70]),
    }


def test_probes_of_the_same_samples_share_a_picture(tmp_path):
    settings = EmbeddingSettings(joint=["clean", "blurred"], max_records=16)
    monitor = InfoGeometryMonitor(twins(), schedule=1, embedding=settings)
    fit(monitor, tmp_path, max_steps=30)
    assert settings.drawn(list(monitor.followed), []) == [("clean", "blurred")]
    joint, other = monitor._session.recorder.snapshots([("clean", "blurred"), ("other",)])
    assert (joint.probes, other.probes) == (("clean", "blurred"), ("other",))
    picture = LiveAxes({}).follow(joint.probes, joint.matrix)
    clean, blurred = (monitor.trajectories[name].history for name in ("clean", "blurred"))
    assert picture.steps.tolist() == [*clean.steps.tolist(), *blurred.steps.tolist()]
    assert picture.member.tolist() == [0] * 16 + [1] * 16
    exact = pairwise_bhattacharyya(torch.cat([clean.amplitudes, blurred.amplitudes]))
    torch.testing.assert_close(picture.embedding.distances, exact, rtol=1e-3, atol=1e-7)
    assert exact[:16, 16:].min() > 0
    figure = monitor.picture()
    written = [text.get_text() for text in figure.texts]
    assert {"clean now, step 30", "blurred now, step 30"} <= set(written)


def test_a_joint_picture_goes_on_after_a_resume(tmp_path):
    def monitor():
        return InfoGeometryMonitor(
            twins(),
            schedule=1,
            embedding=EmbeddingSettings(joint=("clean", "blurred"), max_records=16, share=1.0, projector=True),
        )

    whole, resumed = monitor(), monitor()
    options = {"max_steps": 40, "enable_checkpointing": True, "logger": TensorBoardLogger(tmp_path)}
    fit([whole, saved(tmp_path, every_n_train_steps=20)], tmp_path, ByStep, **options)
    path = tmp_path / "step=20.ckpt"
    fit(resumed, tmp_path, ByStep, logger=TensorBoardLogger(tmp_path), ckpt_path=path, seed=99, max_steps=40)
    assert whole._session.plots.axes.places == resumed._session.plots.axes.places
    assert len(whole._session.plots.axes.places["blurred"]) > 16


@pytest.mark.parametrize(
    ("joint", "message"),
    [(("clean", "nobody"), "no probe 'nobody'; there are"), (("clean", "other"), "do not hold the same samples")],
)
def test_probes_that_cannot_share_a_picture_are_named_before_training(joint, message, tmp_path):
    monitor = InfoGeometryMonitor(twins(), embedding=EmbeddingSettings(joint=joint))
    with pytest.raises(ConfigurationError, match=message):
        fit(monitor, tmp_path, max_steps=1)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"max_records": 7}, "max_records=7"),
        ({"share": 2}, "share=2"),
        ({"per_decade": 0}, "per_decade=0"),
        ({"probes": "val"}, "probes='val'"),
        ({"probes": ("a", "a")}, "probes="),
        ({"max_records": None}, "max_records=None"),
        ({"joint": ("a",)}, "joint="),
        ({"joint": ("a", "a")}, "joint="),
        ({"joint": "ab"}, "joint="),
    ],
)
def test_impossible_settings_are_named(settings, message):
    with pytest.raises(ConfigurationError, match=message):
        EmbeddingSettings(**settings)


@pytest.mark.parametrize("memory", [0, -1, "much", "MB", "0GB", None, 1.5])
def test_an_impossible_memory_is_named(memory):
    with pytest.raises(ConfigurationError, match=r"InfoGeometryMonitor\(memory="):
        InfoGeometryMonitor(memory=memory)


def test_memory_is_read_in_the_usual_units():
    assert [bytes_of(m) for m in ("256MB", "1.5GB", "2 KiB", "10", "3kB")] == [256 * 10**6, 15 * 10**8, 2048, 10, 3000]
