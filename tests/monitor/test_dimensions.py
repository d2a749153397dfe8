"""The dimensions of a trajectory beside the theory's, where there are inputs to predict from."""

import pytest
import torch
from rich.console import Console
from torch import nn

from lightning_infogeo import InfoGeometryMonitor, Probe
from lightning_infogeo.theory import measured_spectrum, probe_spectrum
from tests.helpers.classifiers import IMAGES, LABELS, Classifier, fit


def shown(monitor, capsys):
    Console(width=150).print(monitor.summary())
    return capsys.readouterr().out


def test_the_table_at_the_end_has_both(tmp_path, capsys):
    monitor = InfoGeometryMonitor({"val": Probe(IMAGES[500:600], LABELS[500:600])}, schedule=1)
    fit(monitor, tmp_path, max_steps=40)
    found = monitor.dimensions()["val"]
    history = monitor.trajectories["val"].history
    assert found.measured_dimensions == measured_spectrum(history.distances).dimensions()
    by_hand = probe_spectrum(IMAGES[500:600], LABELS[500:600], history.distances, history.steps)
    assert found.predicted_dimensions == by_hand.predicted_dimensions >= 1
    printed = shown(monitor, capsys)
    assert "Dimensions of the trajectories" in printed
    assert f"{found.slope.value:.3g}" in printed
    assert f"{found.decay.power.value:.3g}" in printed
    assert "(σ_w = 0)" in printed


@pytest.mark.parametrize(
    ("probe", "options"),
    [
        (Probe(IMAGES[:20]), {}),
        (Probe([IMAGES[:20]], LABELS[:20]), {"logits_fn": lambda module, inputs: module(inputs[0])}),
        (Probe(torch.zeros(20, 64), LABELS[:20]), {}),
        (Probe(IMAGES[:20], LABELS[:20]), {"embedding": False}),
    ],
    ids=["no labels", "a list", "all zero", "no history"],
)
def test_where_there_is_nothing_to_predict_from_there_is_no_table(probe, options, tmp_path, capsys):
    monitor = InfoGeometryMonitor({"val": probe}, schedule=1, **options)
    fit(monitor, tmp_path, max_steps=6)
    assert monitor.dimensions() == {}
    assert "Dimensions of the trajectories" not in shown(monitor, capsys)


def test_large_inputs_are_left_out_unless_asked_for(tmp_path):
    wide = IMAGES[:40].repeat(1, 200)
    monitor = InfoGeometryMonitor({"val": Probe(wide, LABELS[:40])}, schedule=1)
    data = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(wide, LABELS[:40]), batch_size=20)
    fit(monitor, tmp_path, lambda: Classifier(nn.Linear(64 * 200, 10)), train=data, val=False, max_steps=6)
    assert monitor.dimensions() == {}
    assert set(monitor.dimensions(features=20_000)) == {"val"}
