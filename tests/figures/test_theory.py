"""Figures of the theory draw what it predicts."""

import io

import torch

from lightning_infogeo import figures
from lightning_infogeo.theory import Spectrum, phase_diagram


def test_a_phase_diagram_shows_its_boundary_where_it_has_one():
    decay, scale = torch.linspace(0.1, 1, 8), torch.logspace(-2, 2, 9)
    mixed = phase_diagram(decay, scale, 1000)
    alike = phase_diagram(decay, torch.tensor([0.01, 0.02]), 100_000)
    figure = figures.phase_diagram([mixed, alike], "controls")
    with_line, without, *_ = figure.axes

    def thick(axes):
        return [c for c in axes.collections if list(c.get_linewidth()) == [2.5]]

    (line,) = thick(with_line)
    vertices = line.get_paths()[0].vertices
    for row, column in mixed.boundary:
        near = vertices[abs(vertices[:, 1] - row) < 1e-6]
        assert abs(near[:, 0] / column - 1).min() < 0.3
    assert not thick(without)
    assert (with_line.get_xscale(), with_line.get_yscale()) == ("log", "linear")
    figure.savefig(io.BytesIO(), format="png")
    figures.phase_diagram(phase_diagram([0.5], scale, 10)).canvas.draw()


def test_without_dimensions_only_the_boundary_is_drawn():
    diagram = phase_diagram(torch.linspace(0.1, 1, 8), torch.logspace(-2, 2, 9), 1000)
    with_them, without = (figures.phase_diagram(diagram, dimensions=drawn).axes[0] for drawn in (True, False))
    assert any("dimensions" in text.get_text() for text in with_them.texts)
    assert not without.texts
    thick = [c for c in without.collections if list(c.get_linewidth()) == [2.5]]
    assert len(thick) == 1
    assert len(without.collections) == 2, "the ground and the boundary"


def test_spectra_name_their_dimensions_and_show_their_signs():
    predicted = Spectrum(torch.tensor([3.0, 1.0, 0.0], dtype=torch.float64))
    measured = Spectrum(torch.tensor([3.0, -1.0], dtype=torch.float64))
    nothing = Spectrum(torch.zeros(2, dtype=torch.float64))
    figure = figures.spectra({"digits": {"predicted": predicted, "measured": measured}, "still": {"a": nothing}})
    first, _ = figure.axes
    labels = [text.get_text() for text in first.get_legend().get_texts()]
    assert labels == ["predicted: dimensions 2", "measured: dimensions 2"]
    hollow = [line for line in first.get_lines() if line.get_markerfacecolor() == "none" and len(line.get_xdata())]
    assert [line.get_ydata().tolist() for line in hollow] == [[0.25]]
    assert len(figures.spectra({str(k): {"a": predicted} for k in range(4)}).axes) == 4
    figure.savefig(io.BytesIO(), format="png")


def test_the_axis_says_whether_the_decay_is_a_rate_or_an_exponent():
    scale = torch.logspace(-2, 2, 5)
    for model, word in (("exponential", "decay c"), ("power", "exponent α")):
        (axes, *_) = figures.phase_diagram(phase_diagram([1.0, 2.0], scale, 100, model=model, modes=10)).axes
        assert axes.get_ylabel().startswith(word)
