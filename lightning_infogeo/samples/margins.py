"""The area under the margin: how far a label stayed from the strongest other class."""

from __future__ import annotations

from torch import Tensor

from lightning_infogeo.samples.reading import of_every_sample
from lightning_infogeo.trajectory import Trajectory


def area_under_margin(trajectory: Trajectory, weights: Tensor | None = None) -> Tensor:
    """Returns the mean over records of ln p(label) − ln p(strongest other class): smallest for likely label errors.

    ``area_under_margin(trajectory).argsort()`` ranks the samples, likeliest label error first. It finds errors among
    samples that the model is trained on, where a wrong label is learnt late and against the others of its class.

    Source: Pleiss et al., NeurIPS 2020, arXiv 2001.10528. They average over all epochs; here every record weighs the
    same by default, so that a schedule spaced by logarithms weighs the beginning of training.

    Args:
        trajectory: opened from an archive, of a probe with labels.
        weights: of its records with finite logits, shape (t,), not negative; None for equal ones.

    Returns:
        The mean margin of two logits, in (−∞, ∞), shape (N,), float64, nats.

    Raises:
        RuntimeError: where the trajectory was not opened from an archive.
        ValueError: where the probe has no labels, or there is no record with finite logits.
    """
    given = None if weights is None else weights.numpy()
    return of_every_sample(trajectory, "area_under_margin", lambda answers: answers.area_under_margin(given))
