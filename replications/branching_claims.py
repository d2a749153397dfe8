"""The claims of arXiv 1902.08160 about learning trees, judged on several seeds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import median
from typing import TYPE_CHECKING

import torch
from scipy.stats import binomtest

from replications.claims import Claim, decided
from replications.learning_trees import PUBLISHED, Shape

if TYPE_CHECKING:
    from replications.branching import Study

LOSSES = {35: 1.65, 45: 1.57, 60: 1.06, 70: 0.54}
"""Test loss of the notebook by epoch of 70."""
ACCURACY = 0.840
ENOUGH = 0.8
"""Share of seeds whose graph has to be one component."""
COUNTS = ("nodes", "edges", "leaves", "forks")


def claims(studies: Sequence[Study]) -> tuple[Claim, ...]:
    """Returns all claims, in the order of the page."""
    return (
        _setting(studies),
        *(_acyclic(studies, of, words) for of, words in (("published", "published settings"), ("default", "defaults"))),
        *(_in_one(studies, "published", layer) for layer in PUBLISHED),
        *(_counts(studies, layer) for layer in PUBLISHED),
        *_breaks(studies),
        *(
            _in_one(studies, of, None, words)
            for of, words in (
                ("twice", "with twice as many records"),
                ("ten times", "with ten times as many records"),
                ("even", "with as many records, between which the fastest neurons go equally far"),
                ("default", "with our defaults (`intervals` and `eps` automatic, nested clusters left out)"),
            )
        ),
        _null(studies),
    )


def spread(values: Iterable[float], form: str = "{:.0f}") -> tuple[str, tuple[float, float]]:
    """Returns the 10–90 % range of values, in words and as numbers."""
    low, high = torch.tensor(list(values), dtype=torch.float64).quantile(torch.tensor([0.1, 0.9]).double()).tolist()
    return f"{form.format(low)} to {form.format(high)}", (low, high)


def _shapes(studies: Sequence[Study], of: str, layer: str | None = None) -> list[Shape]:
    return [one.shapes[name][of] for one in studies for name in ([layer] if layer else PUBLISHED)]


def _share(count: int, of: int) -> str:
    """Returns the 95 % interval of a share, Clopper and Pearson's."""
    ends = binomtest(count, of).proportion_ci()
    return f"{ends.low:.0%} to {ends.high:.0%} of all"


def _setting(studies: Sequence[Study]) -> Claim:
    measured, inside = [], []
    for epoch, loss in LOSSES.items():
        found = [float(one.run.losses[round(epoch / 70 * (len(one.run.losses) - 1))]) for one in studies]
        words, (low, high) = spread(found, "{:.2f}")
        measured.append(f"{median(found):.2f} ({words})")
        inside.append(low <= loss <= high)
    accuracy = [one.run.accuracy for one in studies]
    words, (low, high) = spread(accuracy, "{:.3f}")
    return Claim(
        f"The training is the notebook's: test loss at epochs {', '.join(map(str, LOSSES))}; accuracy at the end",
        f"{', '.join(f'{loss:.2f}' for loss in LOSSES.values())}; {ACCURACY:.3f} (notebook, one seed)",
        f"{', '.join(measured)}; {median(accuracy):.3f}",
        f"accuracy {words}; {sum(inside)} of {len(inside)} losses inside",
        "reported",
    )


def _acyclic(studies: Sequence[Study], of: str, words: str) -> Claim:
    shapes = _shapes(studies, of)
    none = sum(one.cycles == 0 for one in shapes)
    return Claim(
        f"Paths that part do not meet again: no cycle, {words}",
        "cycle rank 0 in all three layers (paper); in all seeds (acceptance)",
        f"0 in {none} of {len(shapes)} graphs",
        _share(none, len(shapes)),
        decided(none == len(shapes)),
    )


def _in_one(studies: Sequence[Study], of: str, layer: str | None, words: str = "published settings") -> Claim:
    shapes = _shapes(studies, of, layer)
    whole = sum(one.components == 1 for one in shapes)
    most = max(one.components for one in shapes)
    counts = ", ".join(map(str, sorted(one.components for one in shapes)))
    cyclic = sum(one.cycles > 0 for one in shapes)
    return Claim(
        f"The graph of {layer or 'each layer'} is one component, {words}",
        "one (paper); in 8 of 10 seeds (acceptance)",
        f"one in {whole} of {len(shapes)}; " + (counts if layer else f"at most {most}; cycles in {cyclic}"),
        _share(whole, len(shapes)),
        decided(whole >= ENOUGH * len(shapes)),
    )


def _counts(studies: Sequence[Study], layer: str) -> Claim:
    shapes, paper = _shapes(studies, "published", layer), PUBLISHED[layer]
    ranges = {name: spread([getattr(one, name) for one in shapes]) for name in COUNTS}
    outside = [name for name, (_, (low, high)) in ranges.items() if not low <= getattr(paper, name) <= high]
    return Claim(
        f"Counts of {layer}: {', '.join(COUNTS)}",
        f"{', '.join(str(getattr(paper, name)) for name in COUNTS)} (paper, one training); inside 10–90 % (acceptance)",
        f"medians {', '.join(f'{median(getattr(one, name) for one in shapes):g}' for name in COUNTS)}",
        f"10–90 %: {', '.join(words for words, _ in ranges.values())}"
        + (f"; outside: {', '.join(outside)}" if outside else "; all inside"),
        decided(not outside),
    )


def _breaks(studies: Sequence[Study]) -> tuple[Claim, ...]:
    graphs = [[tear for tear in one.tears if tear.layer == layer] for one in studies for layer in PUBLISHED]
    graphs = [torn for torn in graphs if torn]
    found = [tear for torn in graphs for tear in torn]
    broken = sum(one.components > 1 for one in _shapes(studies, "published"))
    if not found:
        return (Claim("Why graphs break", "–", f"{broken} in pieces; no neuron changes piece", "", "reported"),)
    explained = sum(all(tear.is_fast for tear in torn) for torn in graphs)
    return (
        Claim(
            "A graph breaks where a neuron goes farther between two records than eps, or than two intervals share",
            "fast neurons (docs/topology.md): every change of component is one",
            f"every one in {explained} of {len(graphs)} graphs; {sum(one.is_fast for one in found)} of {len(found)} "
            f"changes: beyond eps {sum(one.hop > 1 for one in found)}, beyond the shared part "
            f"{sum(one.jump > 1 for one in found)}; median hop {median(one.hop for one in found):.2f} eps",
            _share(explained, len(graphs)),
            decided(explained == len(graphs)),
        ),
        Claim(
            "What is torn off, and when",
            "–",
            f"one neuron by itself in {sum(tear.together == 1 for tear in found)} of {len(found)} changes\n"
            + "\n".join(_when(studies, layer) for layer in PUBLISHED),
            "",
            "reported",
        ),
    )


def _when(studies: Sequence[Study], layer: str) -> str:
    """Returns the steps at which neurons of a layer are torn off, and the test loss there."""
    steps, losses = [], []
    for one in studies:
        for tear in one.tears:
            if tear.layer == layer:
                steps.append((tear.last, tear.first))
                losses += [float(one.run.losses[int((one.run.steps == step).nonzero()[0])]) for step in steps[-1]]
    if not steps:
        return f"{layer}: none"
    return (
        f"{layer}: {len(steps)}, from step {min(step for step, _ in steps):,} to {max(step for _, step in steps):,}, "
        f"where the test loss falls from {max(losses):.2f} to {min(losses):.2f}"
    )


def _null(studies: Sequence[Study]) -> Claim:
    """Returns the claim that neurons which take each other's moves, and so follow no path, do meet again."""
    shapes = _shapes(studies, "exchanged")
    some = sum(one.cycles > 0 for one in shapes)
    medians = [
        "{:g} components, {:g} leaves".format(
            *(median(getattr(one, name) for one in of) for name in ("components", "leaves"))
        )
        for of in (shapes, _shapes(studies, "published"))
    ]
    return Claim(
        "The null model has cycles: between two records each neuron moves as another one did",
        f"if it had none, their absence would say nothing; the published graphs: {medians[1]} (medians)",
        f"cycles in {some} of {len(shapes)} graphs; {medians[0]} (medians)",
        _share(some, len(shapes)),
        "reported",
    )
