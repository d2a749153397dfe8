"""Where neurons go farther between two records than a graph can follow, and what that tears."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch

from replications.branching_studies import Study
from replications.claims import Claim
from replications.learning_trees import PUBLISHED, speeds


class FastHop(NamedTuple):
    """A neuron's way between two records that by itself does not join them.

    Attributes:
        step: of the second record.
        hop: distance, in units of eps.
        jump: change of the lens, in units of what two intervals share.
        tears: whether the neuron is in another component of the published graph afterwards.
    """

    step: int
    hop: float
    jump: float
    tears: bool


def fast_hops(one: Study, layer: str) -> list[FastHop]:
    """Returns all hops of a layer that are farther than eps, or than two intervals share."""
    cloud, paper = one.run.clouds[layer], PUBLISHED[layer]
    hops, jumps = speeds(cloud, paper.eps, paper.intervals)
    torn = [tear for tear in one.tears if tear.layer == layer]
    found = []
    for k, neuron in (torch.maximum(hops, jumps) > 1).nonzero().tolist():
        last, first = int(cloud.steps[k]), int(cloud.steps[k + 1])
        tearing = any(tear.neuron == neuron and tear.last <= last and first <= tear.first for tear in torn)
        found.append(FastHop(first, float(hops[k, neuron]), float(jumps[k, neuron]), tearing))
    return found


def why(studies: Sequence[Study]) -> Claim:
    """Returns how many of the fast hops tear a graph, by layer.

    That nothing else tears it is no finding: two records of a neuron within eps and in a common interval are in one
    cluster, whatever the weights.
    """
    rows, seeds = [], []
    for layer in PUBLISHED:
        by_seed = [fast_hops(one, layer) for one in studies]
        found = [hop for hops in by_seed for hop in hops]
        tearing = sum(hop.tears for hop in found)
        far, wide = ([getattr(hop, of) for hop in found if getattr(hop, of) > 1] for of in ("hop", "jump"))
        longest = [f", up to {max(over):.2f} times" if over else "" for over in (far, wide)]
        rows.append(
            f"{layer}: {tearing} of {len(found)} fast hops tear; {len(far)} beyond eps{longest[0]}, {len(wide)} beyond "
            f"what two intervals share{longest[1]}"
        )
        some, torn = sum(map(bool, by_seed)), sum(any(hop.tears for hop in hops) for hops in by_seed)
        seeds.append(f"{layer}: fast hops in {some} of {len(studies)} seeds, torn in {torn}")
    return Claim(
        "A graph breaks only where a neuron hops farther between two records than eps, or than two intervals of the "
        "lens share; not each such hop breaks it",
        "the first half follows from DBSCAN with min_samples=2 and is not judged; a fast hop tears nothing where other "
        "neurons fill the gap",
        "\n".join(rows),
        "\n".join(seeds),
        "reported",
    )


def what(studies: Sequence[Study]) -> Claim:
    """Returns how many neurons are torn off at a time, and when."""
    found = [tear for one in studies for tear in one.tears]
    return Claim(
        "What is torn off, and when",
        "none: the paper shows one tree for each layer",
        f"one neuron by itself in {sum(tear.together == 1 for tear in found)} of {len(found)} changes of component\n"
        + "\n".join(_when(studies, layer) for layer in PUBLISHED),
        "",
        "reported",
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
