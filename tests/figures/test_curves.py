"""Figures of one training draw what was recorded."""

import io
import math

import torch

from lightning_infogeo.figures import curves
from lightning_infogeo.markers import Event
from lightning_infogeo.trajectory import Trajectory

QUANTITIES = ("velocity", "length", "displacement", "straightness", "roughness", "entropy")
LABELLED_QUANTITIES = (*QUANTITIES, "distance_to_truth", "progress")


def made(distances, labelled=True):
    trajectory = Trajectory(LABELLED_QUANTITIES if labelled else QUANTITIES, "", 1, "")
    for k, distance in enumerate(distances):
        row = [math.nan if k == 0 else 0.1, k, k / 2, 0.5, math.nan, 1.0]
        trajectory.append(10 * k, [*row, distance, 0.5] if labelled else row)
    return trajectory


def test_every_quantity_has_a_panel_with_a_line_a_probe():
    figure = curves({"train": made([3, 2, 1]), "val": made([3, 1, 2])}, "title")
    drawn = [axes for axes in figure.axes if axes.get_lines()]
    assert len(drawn) == 6
    for axes in drawn:
        lines = [line for line in axes.get_lines() if line.get_label() in ("train", "val")]
        assert [line.get_label() for line in lines] == ["train", "val"]
        assert lines[0].get_xdata().tolist() == [1, 11, 21]
    assert "val: closest to truth at step 10" in [line.get_label() for line in figure.axes[0].get_lines()]


def test_events_are_marked_once_in_the_legend_and_in_every_panel():
    events = [Event(name, "val", 10, 20, 1.0, "") for name in ("overfitting", "knee", "knee")]
    figure = curves({"val": made([3, 1, 2])}, events=events)
    for axes in figure.axes:
        lines = [line for line in axes.get_lines() if list(line.get_xdata()) == [11, 11]]
        assert len(lines) == 3
    labels = figure.axes[0].get_legend_handles_labels()[1]
    assert labels.count("knee") == labels.count("overfitting") == 1


def test_probes_without_labels_or_finite_records_can_be_drawn():
    figure = curves({"bare": made([1, 2], labelled=False), "nan": made([math.nan, math.nan]), "empty": made([])})
    assert [line.get_label() for line in figure.axes[0].get_lines()] == ["nan", "empty"]
    figure.savefig(io.BytesIO(), format="png")
    assert torch.is_tensor(made([1]).length)


def test_names_are_text_whatever_is_in_them():
    names = ["$x^$", r"a\$b$c$", "_hidden", "[0.5]"]
    figure = curves({name: made([3, 1, 2]) for name in names})
    figure.savefig(io.BytesIO())
    labels = [text.get_text().strip() for text in figure.legends[0].get_texts()]
    assert [label.replace(r"\$", "$") for label in labels if "closest" not in label] == names  # as matplotlib draws it
