"""What TensorBoard shows first, read back from the link and from real event files."""

import json
import shlex
from urllib.parse import parse_qs, urlsplit

import pytest
from lightning.pytorch.loggers import TensorBoardLogger
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.custom_scalar import layout_pb2

from lightning_infogeo import InfoGeometryMonitor
from lightning_infogeo.loggers.live_view import LiveView
from lightning_infogeo.quantities import logged_by_default
from lightning_infogeo.trajectory import Series
from tests.helpers.classifiers import fit
from tests.helpers.loggers import scalars

LABELLED = ("velocity", "length", "entropy", "distance_to_truth", "progress")
SERIES = [
    Series("train", "probe", LABELLED, True),
    Series("val", "probe", LABELLED, False),
    Series("weights/all", "weights", ("velocity", "length"), True),
]


def layout(directory):
    """Returns {category: {title: tags}} of the layout of a run."""
    accumulator = EventAccumulator(str(directory), size_guidance={"tensors": 0})
    accumulator.Reload()
    (*_, last) = accumulator.Tensors("custom_scalars__config__")
    read = layout_pb2.Layout.FromString(last.tensor_proto.string_val[0])
    return {category.title: {c.title: list(c.multiline.tag) for c in category.chart} for category in read.category}


def pinned(line):
    """Returns what the page of a link pins."""
    url = urlsplit(next(word for word in line.split() if word.startswith("http")))
    assert (url.scheme, url.netloc, url.path, url.fragment) == ("http", "localhost:6006", "/", "timeseries")
    query = parse_qs(url.query)
    assert query["smoothing"] == ["0"]
    return json.loads(query["pinnedCards"][0])


def test_held_out_probes_come_first_and_weights_do_not():
    view = LiveView.of("infogeo", SERIES, logged_by_default(), ["curves"])
    assert view.scalars == ["infogeo/val/distance_to_truth", "infogeo/train/distance_to_truth", "infogeo/val/velocity"]
    assert view.pictures == ["infogeo/curves"]
    assert list(view.charts)[:3] == ["distance to truth", "information velocity", "information length"]
    assert all(
        keys == [f"infogeo/{name}/{keys[0].split('/')[-1]}" for name in ("val", "train")]
        for keys in view.charts.values()
    )


def test_the_layout_has_train_and_val_of_a_quantity_in_one_chart(tmp_path):
    logger = TensorBoardLogger(tmp_path)
    fit(InfoGeometryMonitor(), tmp_path, logger=logger, max_steps=3)
    charts = layout(logger.log_dir)["infogeo"]
    truth = [r"^infogeo/val/distance_to_truth$", r"^infogeo/train/distance_to_truth$"]
    assert charts["distance to truth"] == truth
    assert charts["distance to truth, beside losses"] == [*truth, ".*loss.*"]
    assert list(charts)[2:] == [
        "information velocity",
        "information length",
        "progress from ignorance to truth",
        "entropy of the predictions",
    ]


def test_two_monitors_have_their_charts_in_one_layout(tmp_path):
    logger = TensorBoardLogger(tmp_path)
    fit([InfoGeometryMonitor(), InfoGeometryMonitor(prefix="other")], tmp_path, logger=logger, max_steps=3)
    charts = layout(logger.log_dir)
    assert list(charts) == ["infogeo", "other"]
    assert charts["other"]["information velocity"][0] == "^other/val/velocity$"


@pytest.mark.parametrize("when", ["before", "between"])
def test_a_layout_of_the_users_own_is_kept_beside_ours(when, tmp_path):
    mine = {"mine": {"loss": ["Multiline", ["train_loss"]], "band": ["Margin", ["a", "b", "c"]]}}
    logger = TensorBoardLogger(tmp_path)
    if when == "between":
        fit(InfoGeometryMonitor(), tmp_path, logger=logger, max_steps=3)
    logger.experiment.add_custom_scalars(mine)
    fit(InfoGeometryMonitor(), tmp_path, logger=logger, max_steps=3)
    charts = layout(logger.log_dir)
    assert list(charts) == ["mine", "infogeo"]
    assert charts["mine"] == {"loss": ["train_loss"], "band": []}


def test_another_monitor_in_the_same_folder_adds_its_charts(tmp_path):
    for prefix in ("infogeo", "later"):
        logger = TensorBoardLogger(tmp_path, version=0)
        fit(InfoGeometryMonitor(prefix=prefix), tmp_path, logger=logger, max_steps=3)
    assert list(layout(logger.log_dir)) == ["infogeo", "later"]


def test_a_folder_is_found_through_home_and_variables(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("RUNS", str(tmp_path / "$x's"))
    view = LiveView.of("infogeo", SERIES, ["velocity"], ["curves"])
    for folder, typed in (("~/runs", f"{tmp_path}/runs"), ("$RUNS", shlex.quote(f"{tmp_path}/$x's"))):
        command, link, _ = view.lines(TensorBoardLogger(folder, name="", version="v"))
        assert command.endswith(f"--logdir {typed}")
        assert pinned(link)[0]["runId"] == "defaultExperimentId/v"


def test_of_several_held_out_probes_the_first_is_pinned_beside_the_trained_one():
    series = [*SERIES, Series("val_1", "probe", LABELLED, False)]
    shown = LiveView.of("infogeo", series, logged_by_default(), []).scalars
    assert shown == ["infogeo/val/distance_to_truth", "infogeo/train/distance_to_truth", "infogeo/val/velocity"]


def test_a_resumed_run_keeps_the_layout_it_has(tmp_path):
    for _ in range(2):
        logger = TensorBoardLogger(tmp_path, version=0)
        fit(InfoGeometryMonitor(), tmp_path, logger=logger, max_steps=3)
    accumulator = EventAccumulator(str(logger.log_dir), size_guidance={"tensors": 0})
    accumulator.Reload()
    assert len(accumulator.Tensors("custom_scalars__config__")) == 1


def test_the_command_and_the_link_are_said_once_before_training(tmp_path, capsys, lines_are_written, monkeypatch):
    monkeypatch.chdir(tmp_path)
    logger = TensorBoardLogger("my runs", name="digits", version="first")
    fit(InfoGeometryMonitor(), tmp_path, logger=logger, max_steps=3)
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("[infogeo]")]
    (command,) = (line for line in lines if "watch it live" in line)
    assert command.endswith("--logdir 'my runs/digits'")
    map_of_all, link = (line for line in lines if "localhost" in line)
    assert map_of_all.endswith(" http://localhost:6006/#infogeo")
    image = {"plugin": "images", "runId": "defaultExperimentId/first", "sample": 0}
    assert pinned(link) == [
        {**image, "tag": "infogeo/curves"},
        {**image, "tag": "infogeo/embedding"},
        {"plugin": "scalars", "tag": "infogeo/val/distance_to_truth"},
        {"plugin": "scalars", "tag": "infogeo/train/distance_to_truth"},
        {"plugin": "scalars", "tag": "infogeo/val/velocity"},
    ]


def test_without_pictures_none_is_pinned_and_without_tensorboard_nothing_is_said(tmp_path, capsys, lines_are_written):
    logger = TensorBoardLogger(tmp_path)
    fit(InfoGeometryMonitor(embedding=False, tab=False), tmp_path, logger=logger, max_steps=3)
    (link,) = (line for line in capsys.readouterr().err.splitlines() if "localhost" in line)
    assert {card["plugin"] for card in pinned(link)} == {"scalars"}
    fit(InfoGeometryMonitor(), tmp_path, logger=False, max_steps=3)
    assert "localhost" not in capsys.readouterr().err


def test_a_logger_in_which_nothing_can_be_laid_out_gets_everything_else(tmp_path, monkeypatch):
    def broken(*args):
        raise OSError("no room for a layout")

    monkeypatch.setattr("lightning_infogeo.loggers.layout._last_layout", broken)
    logger = TensorBoardLogger(tmp_path)
    with pytest.warns(
        UserWarning, match="no charts are laid out in `TensorBoardLogger`, which raised OSError: no room"
    ):
        fit(InfoGeometryMonitor(), tmp_path, logger=logger, max_steps=3)
    assert len(scalars(logger.log_dir)["infogeo/val/length"]) == 3
    with pytest.raises(OSError, match="no room"):
        fit(InfoGeometryMonitor(strict=True), tmp_path, logger=TensorBoardLogger(tmp_path), max_steps=3)
