"""Facts about a quantity are in one place, and everything that shows one draws on it."""

import ast
import inspect
import os
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from lightning_infogeo import parameters, reference, trajectory
from lightning_infogeo.quantities import (
    PROBE_QUANTITIES,
    REFERENCE_QUANTITIES,
    WEIGHT_QUANTITIES,
    Quantity,
    names,
    ordered,
    panels,
    quantity,
)

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "lightning_infogeo"
TABLES = (PROBE_QUANTITIES, REFERENCE_QUANTITIES, WEIGHT_QUANTITIES)
COMPUTED_IN = {"trajectory/state.py", "parameters/density.py", "reference/progress_table.py"}
DOCUMENTS = runpy.run_path(str(ROOT / "docs" / "write_tables.py"))


@pytest.mark.parametrize("table", TABLES, ids=["probe", "reference", "weights"])
def test_names_are_attributes_and_each_has_a_sentence(table):
    assert len(set(names(table))) == len(table)
    for each in table:
        assert each.name.isidentifier()
        assert each.meaning
        assert not each.meaning.endswith(".")
        assert "|" not in each.meaning


def test_vectors_are_in_the_order_of_the_tables():
    logits, labels = torch.randn(5, 3), torch.arange(5) % 3
    _, bare = trajectory.extend(trajectory.start(logits), 0, logits)
    _, labelled = trajectory.extend(trajectory.start(logits), 0, logits, labels=labels)
    assert len(bare) == len(trajectory.QUANTITIES) == sum(not each.needs for each in PROBE_QUANTITIES)
    assert names(PROBE_QUANTITIES) == trajectory.LABELLED_QUANTITIES
    by_name = dict(zip(trajectory.LABELLED_QUANTITIES, labelled.tolist(), strict=True))
    cross_entropy = torch.nn.functional.cross_entropy(logits, labels)
    assert by_name["distance_to_truth"] == pytest.approx(float(cross_entropy) / 2)
    assert by_name["entropy"] == pytest.approx(float(torch.distributions.Categorical(logits=logits).entropy().mean()))
    assert (by_name["straightness"], by_name["length"]) == (1, 0)
    assert names(REFERENCE_QUANTITIES) == reference.QUANTITIES
    assert {*parameters.QUANTITIES, "interval"} == set(names(WEIGHT_QUANTITIES))


def test_a_quantity_that_nobody_knows_is_shown_last_by_its_own_name():
    assert ordered({"of_my_own", "lead", "velocity", "progress"}, False) == [
        "progress",
        "velocity",
        "lead",
        "of_my_own",
    ]
    assert ordered({"floor", "of_my_own", "length"}, True) == ["length", "floor", "of_my_own"]
    assert quantity("of_my_own", False).title == "of my own"
    assert Quantity("a", "label", "", "nats").title == "label [nats]"
    assert panels()[0].name == "distance_to_truth"


@pytest.mark.parametrize(
    ("function", "table"),
    [
        (trajectory.extend, PROBE_QUANTITIES),
        (reference.against, REFERENCE_QUANTITIES),
        (parameters.density.extend, [each for each in WEIGHT_QUANTITIES if each.name != "interval"]),
    ],
    ids=["probe", "reference", "weights"],
)
def test_whoever_computes_quantities_defines_each(function, table):
    documented = inspect.getdoc(function)
    assert [each.name for each in table if not re.search(rf"\b{each.name}\b", documented)] == []


@pytest.mark.parametrize("name", DOCUMENTS["TABLES"])
def test_documents_say_what_the_tables_say(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    assert DOCUMENTS["rewritten"](text, *DOCUMENTS["TABLES"][name]) == text, "out of date: run `make tables`"


def test_a_stale_document_or_one_without_markers_is_seen():
    marker, table = DOCUMENTS["TABLES"]["docs/curves.md"]
    stale = f"a\n<!-- {marker} -->\n| old |\n<!-- end -->\nb"
    assert DOCUMENTS["rewritten"](stale, marker, table) == f"a\n<!-- {marker} -->\n{table}\n<!-- end -->\nb"
    with pytest.raises(ValueError, match="0 times"):
        DOCUMENTS["rewritten"]("a", marker, table)


def lists_of_names(source):
    """Returns the literals in a module that repeat a table: all names of one, or at least three."""
    repeated = []
    for node in ast.walk(ast.parse(source)):
        elements = node.keys if isinstance(node, ast.Dict) else getattr(node, "elts", [])
        # Also names within rows: (("velocity", "information velocity", "log"), ...)
        heads = [each.elts[0] if isinstance(each, ast.Tuple) and each.elts else each for each in elements]
        texts = {each.value for each in heads if isinstance(each, ast.Constant)}
        if any(len(texts & set(names(table))) >= min(3, len(table)) for table in TABLES):
            repeated.append(ast.unparse(node))
    return repeated


def test_no_file_has_a_second_list_of_names():
    files = {path.relative_to(PACKAGE).as_posix(): path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py")}
    assert [name for name, source in files.items() if lists_of_names(source)] == sorted(
        COMPUTED_IN, key=list(files).index
    )


@pytest.mark.parametrize(
    "source",
    [
        'A = ("velocity", "length", "displacement")',
        'A = (("velocity", "v", "log"), ("length", "l", "linear"), ("entropy", "h", "linear"))',
        'A = ["lead", "distance_to_reference"]',
        'A = {"floor": 1, "velocity": 2, "interval": 3}',
    ],
)
def test_a_second_list_would_be_found(source):
    assert lists_of_names(source)


RECIPE = {
    "quantities.py": (
        "PROBE_QUANTITIES = (\n",
        'PROBE_QUANTITIES = (\n    Quantity("novelty", "novelty of it", "what was added", unit="bits", scale="log"),\n',
    ),
    "trajectory/state.py": (
        '        "length": length,\n',
        '        "length": length,\n        "novelty": 7 + 0 * length,\n',
    ),
}
SCRIPT = """
import csv, sys
import torch
from torch import nn
import lightning.pytorch as pl
import lightning_infogeo
from lightning_infogeo import InfoGeometryMonitor, Probe, Trajectory
from lightning_infogeo.cli import main
from lightning_infogeo.figures import curves

class Model(pl.LightningModule):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 3)
    def forward(self, x):
        return self.layer(x)
    def training_step(self, batch, index):
        return nn.functional.cross_entropy(self(batch[0]), batch[1])
    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 0.1)

assert lightning_infogeo.__file__.startswith(sys.argv[1]), lightning_infogeo.__file__
x, y = torch.randn(24, 4), torch.arange(24) % 3
monitor = InfoGeometryMonitor({"val": Probe(x, y), "bare": Probe(x)}, schedule=2, archive="run.zarr")
quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False, "enable_model_summary": False}
trainer = pl.Trainer(max_steps=6, callbacks=[monitor], accelerator="cpu", **quiet)
trainer.fit(Model(), torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), batch_size=8))
for probe in ("val", "bare"):
    assert trainer.callback_metrics[f"infogeo/{probe}/novelty"] == 7
    assert set(monitor.trajectories[probe].novelty.tolist()) == {7}
assert trainer.callback_metrics["infogeo/val/entropy"] == monitor.trajectories["val"].entropy[-1]
monitor.to_csv("all.csv")
with open("all.csv", encoding="utf-8") as file:
    assert {row["novelty"] for row in csv.DictReader(file)} == {"7.0"}
figure = curves(monitor.trajectories)
(axes,) = [axes for axes in figure.axes if axes.get_title() == "novelty of it [bits]"]
assert axes.get_yscale() == "log" and [set(line.get_ydata()) for line in axes.get_lines()] == [{7}, {7}]
assert set(Trajectory.open("run.zarr", "val").novelty.tolist()) == {7}
main(["report", "run.zarr", "-o", "page.html"])
with open("page.html", encoding="utf-8") as file:
    assert '"novelty":{"label":"novelty of it [bits]","scale":"log"}' in file.read()
"""


def changed_copy(tmp_path, recipe):
    copy = tmp_path / "tree" / "lightning_infogeo"
    for package in (PACKAGE, PACKAGE.parent / "infogeo_tensorboard"):
        shutil.copytree(package, copy.parent / package.name, ignore=shutil.ignore_patterns("__pycache__"))
    for name, before, after in recipe:
        text = (copy / name).read_text(encoding="utf-8")
        assert text.count(before) == 1
        (copy / name).write_text(text.replace(before, after), encoding="utf-8")


def run(script, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "tree")},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr


def test_a_quantity_is_added_in_two_files(tmp_path):
    pytest.importorskip("zarr")
    pytest.importorskip("plotly")
    changed_copy(tmp_path, [(name, *change) for name, change in RECIPE.items()])
    run(SCRIPT, tmp_path)


MEAN_OVER_SAMPLES = [
    (
        "quantities.py",
        "PROBE_QUANTITIES = (\n",
        'PROBE_QUANTITIES = (\n    Quantity("confidence", "confidence", "mean of the largest probability"),\n',
    ),
    (
        "trajectory/state.py",
        '        "length": length,\n',
        '        "length": length,\n        "confidence": samples.mean(observed.confidences),\n',
    ),
    ("trajectory/observation.py", "    entropies: Tensor\n", "    entropies: Tensor\n    confidences: Tensor\n"),
    (
        "trajectory/observation.py",
        "    plain = entropy == entropy, entropy ",
        "    plain = entropy == entropy, entropy, log_p.amax(-1).exp() ",
    ),
]
ON_EVERY_PATH = """
import torch
from lightning_infogeo.distances.sketch import Sketch
from lightning_infogeo.monitor.distributed.probe_shards import SampleTable, Shard
from lightning_infogeo.distributions import amplitudes, chunks
from lightning_infogeo.trajectory import LABELLED_QUANTITIES, arcs_of, extend, start
from lightning_infogeo.trajectory.observation import SampleMeasurements, observe

logits, labels = torch.randn(8, 30), torch.arange(8) % 30
expected = logits.double().softmax(-1).amax(-1).mean()

def close(vector):
    value = dict(zip(LABELLED_QUANTITIES, vector.tolist(), strict=True))["confidence"]
    assert abs(value - expected) < 1e-6, (value, expected)

close(extend(start(logits), 0, logits, labels=labels)[1])
sketch = Sketch(8, 30, 6, 0, torch.device("cpu"))
points = sketch(amplitudes(logits), 0)
close(extend(start(points), 0, points, observation=observe(logits, labels), sketched=True)[1])
total = 0
for part in Shard(0, 2).all:
    mine = slice(*part.bounds(8))
    table = SampleTable(8, [mine], True, 0)
    vector, state = torch.zeros(table.size), start(logits[mine])
    own = SampleMeasurements(observe(logits[mine], labels[mine]), arcs_of(state, logits[mine], None), torch.zeros(0))
    table.write(own, vector)
    total = total + vector
summed = table.read(total)
close(extend(state, 0, logits[mine], observation=summed.observation, arcs=summed.arcs)[1])
chunks.ELEMENTS = 60
close(extend(start(logits), 0, logits, labels=labels)[1])
"""


def test_a_mean_over_samples_is_added_in_three_and_is_right_of_sketches_and_shards(tmp_path):
    changed_copy(tmp_path, MEAN_OVER_SAMPLES)
    run(ON_EVERY_PATH, tmp_path)


def test_a_quantity_that_nobody_computes_is_refused(monkeypatch):
    monkeypatch.setattr(trajectory.state, "QUANTITIES", (*trajectory.QUANTITIES, "novelty"))
    logits = torch.randn(5, 3)
    with pytest.raises(KeyError, match="novelty"):
        trajectory.extend(trajectory.start(logits), 0, logits)
