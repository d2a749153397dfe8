"""Names of validation loaders, whatever characters are in them, wherever they are shown or filed."""

import csv
import io
import json
import re

import pytest
import torch
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from rich.console import Console

from lightning_infogeo import EmbeddingSettings, InfoGeometryMonitor, Trajectory
from lightning_infogeo.archive import Archive
from lightning_infogeo.figures import curves
from lightning_infogeo.loggers import summary_table
from lightning_infogeo.markers import Event
from tests.helpers.classifiers import Classifier, fit, val_loader
from tests.helpers.loggers import scalars
from tests.helpers.resuming import REMARKS_ON_RESUMING

pytestmark = REMARKS_ON_RESUMING

KEYS = ["cifar/test", "cifar", "[clean]", "[/x]", "[red]r[/red]", "$a_$b$", ":smile:", "ünï–Ω", "<b>&amp;"]
NAMES = [f"val_{key}" for key in KEYS]


class Several(Classifier):
    def validation_step(self, batch, batch_idx, dataloader_idx=0):
        pass


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A training with all these loaders, weights, an archive and two loggers."""
    folder = tmp_path_factory.mktemp("run")
    settings = EmbeddingSettings(mesh=True, projector=True)
    made = InfoGeometryMonitor(archive="auto", parameters=True, embedding=settings, schedule=2)
    loggers = [TensorBoardLogger(folder, "", "tb"), CSVLogger(folder, "", "csv")]
    val = {key: val_loader(24, 1000 + 24 * k) for k, key in enumerate(KEYS)}
    fit(made, folder, Several, val=val, logger=loggers)
    return made, folder


def test_each_has_a_row_in_the_summary(run):
    made, _ = run
    out = io.StringIO()
    Console(file=out, width=160).print(made.summary())
    for text in (out.getvalue(), str(made.summary())):
        rows = [line.split("│")[1].strip() for line in text.splitlines() if line.startswith("│")]
        assert [row for row in rows if row.startswith("val_")][: len(NAMES)] == NAMES
        assert "network" in rows  # the weights have a table of their own
        assert text.count("val_cifar/test ") == 2  # here, and among the dimensions


def test_each_is_in_the_files_of_the_loggers(run):
    _, folder = run
    written = scalars(folder / "tb")
    with (folder / "csv" / "metrics.csv").open(newline="", encoding="utf-8") as file:
        head = next(csv.reader(file))
    for name in NAMES:
        assert written[f"infogeo/{name}/length"][-1][0] == 11
        assert f"infogeo/{name}/length" in head
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    read = EventAccumulator(str(folder / "tb"), size_guidance={"images": 0})
    read.Reload()
    assert {"infogeo/embedding", "infogeo/distances"} <= set(read.Tags()["images"])


def test_each_is_a_group_of_the_archive(run):
    made, folder = run
    archive = Archive(folder / "tb" / "infogeo.zarr")
    assert archive.probes == sorted(["train", *NAMES])
    assert "parameters/network" in archive.names
    for name in NAMES:
        opened = Trajectory.open(archive.path, name)
        torch.testing.assert_close(opened.length, made.trajectories[name].length, rtol=0, atol=0)
        assert opened.amplitudes.shape == (7, 24, 10)


def test_each_is_in_the_table_of_all_records(run, tmp_path):
    made, _ = run
    made.to_csv(tmp_path / "path.csv")
    with (tmp_path / "path.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    of_probes = {row["probe"] for row in rows if not row["probe"].startswith("parameters/")}
    assert of_probes == {row["probe"] for row in rows if row["entropy"]} == {"train", *NAMES}
    assert made.to_frame("val_[/x]").index.tolist() == [0, 2, 4, 6, 8, 10, 12]


def test_each_is_in_the_pictures_as_it_is(run):
    made, _ = run
    figure = curves(made.trajectories)
    figure.savefig(io.BytesIO())
    texts = [text.get_text().replace(r"\$", "$") for legend in figure.legends for text in legend.get_texts()]
    for name in NAMES:
        assert any(text.startswith(name) for text in texts), name
        picture = made.picture(name)
        picture.savefig(io.BytesIO())
        assert picture.texts[0].get_text().replace(r"\$", "$").startswith(f"{name}: "), name
    assert not any("parameters" in text for text in texts)


@pytest.mark.parametrize("name", ["val_cifar/test", "val_[/x]", "val_ünï–Ω"])
def test_each_can_be_compared_and_reported_on(run, command, tmp_path, name):
    _, folder = run
    assert command("compare", folder, "--probe", name, "--out", tmp_path / "out")[0] == 0
    assert json.loads((tmp_path / "out" / "comparison.json").read_text(encoding="utf-8"))["probe"] == name
    assert command("report", folder, "--probe", name, "-o", tmp_path / "page.html")[0] == 0
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    data = json.loads(re.search(r'<script[^>]*type="application/json"[^>]*>(.*?)</script>', page, re.DOTALL)[1])
    kinds = {one["name"]: one["kind"] for one in data["series"]}
    assert {one for one, kind in kinds.items() if kind == "probes"} == {"train", *NAMES}
    assert kinds["parameters/network"] == "weights"
    assert "floor" not in data["quantities"]["probes"]


def test_names_and_messages_of_events_are_text(run):
    texts = ["[bold]x[/bold]", "[/]", ":warning:", "日本"]
    table = str(summary_table({}, [Event(text, text, 1, 2, 0.5, text) for text in texts]))
    for text in texts:
        assert table.count(text) == 3


def test_logits_that_are_not_finite_are_told_of_by_the_name_of_their_probe(tmp_path):
    class Explodes(Several):
        def on_train_batch_end(self, *args):
            self.net[2].bias.data.fill_(torch.inf)

    with pytest.warns(UserWarning, match=r"logits on probe train, val_a/b at step"):
        fit(InfoGeometryMonitor(schedule=2), tmp_path, Explodes, val={"a/b": val_loader()})
