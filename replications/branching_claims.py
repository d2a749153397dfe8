"""The claims of arXiv 1902.08160 about learning trees, judged on several seeds."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from scipy.stats import binomtest

from replications.branching_counts import counts, spread
from replications.branching_hops import what, why
from replications.branching_studies import FINE_POINTS, SEEDS, Study
from replications.claims import Claim, Verdict, decided
from replications.learning_trees import PUBLISHED

LOSSES = {35: 1.65, 45: 1.57, 60: 1.06, 70: 0.54}
"""Test loss of the notebook by epoch of 70."""
ACCURACY = 0.840
ENOUGH = 8
"""Seeds of ten whose graph has to be one component."""
_POINTS = f"{FINE_POINTS:,} farthest points"


def claims(studies: Sequence[Study]) -> tuple[Claim, ...]:
    """Returns all claims, in the order of the page."""
    return (
        _setting(studies),
        _acyclic(studies, "published", "published settings"),
        *(_in_one(studies, layer) for layer in PUBLISHED),
        *(counts(studies, layer) for layer in PUBLISHED),
        why(studies),
        what(studies),
        _control(studies),
        _mended(studies, "twice", f"twice as many records, {_POINTS}"),
        _mended(studies, "ten times", f"ten times as many records, {_POINTS}"),
        _mended(studies, "even", f"as many records, between which the fastest neurons go equally far, {_POINTS}"),
        _mended(studies, "default", "our defaults (`intervals` and `eps` automatic, nested clusters left out)"),
        _acyclic(studies, "default", "our defaults"),
        _null(studies),
        _sheets(studies),
    )


def of_ten(there: int, seeds: int, needed: int) -> Verdict:
    """Returns the verdict of a rule that asks for so many of the ten seeds, undecided while it can go either way.

    Args:
        there: seeds in which the claim holds.
        seeds: that were run.
        needed: of ten.
    """
    return decided(there >= needed, seeds - there > len(SEEDS) - needed)


def whole(one: Study, of: str) -> bool:
    """Returns whether the graph of each layer is one component."""
    return all(one.shapes[layer][of].components == 1 for layer in PUBLISHED)


def acyclic(one: Study, of: str) -> bool:
    """Returns whether no layer has a cycle."""
    return all(one.shapes[layer][of].cycles == 0 for layer in PUBLISHED)


def _share(count: int, of: int) -> str:
    """Returns the 95 % interval of a share of seeds, Clopper and Pearson's."""
    ends = binomtest(count, of).proportion_ci()
    return f"{ends.low:.0%} to {ends.high:.0%} of seeds"


def _by_layer(studies: Sequence[Study], of: str) -> str:
    counted = (f"{layer} in {sum(one.shapes[layer][of].components == 1 for one in studies)}" for layer in PUBLISHED)
    return ", ".join(counted)


def _setting(studies: Sequence[Study]) -> Claim:
    measured, outside = [], []
    for epoch, loss in LOSSES.items():
        found = [float(one.run.losses[round(epoch / 70 * (len(one.run.losses) - 1))]) for one in studies]
        words, (low, high) = spread(found, "{:.2f}")
        measured.append(f"{median(found):.2f} ({words})")
        outside += [f"epoch {epoch}"] * (not low <= loss <= high)
    accuracy = [one.run.accuracy for one in studies]
    words, (low, high) = spread(accuracy, "{:.3f}")
    outside += ["accuracy"] * (not low <= ACCURACY <= high)
    return Claim(
        f"The training is the notebook's: test loss at epochs {', '.join(map(str, LOSSES))}; accuracy at the end",
        f"{', '.join(f'{loss:.2f}' for loss in LOSSES.values())}; {ACCURACY:.3f} (notebook, one seed)",
        f"{', '.join(measured)}; {median(accuracy):.3f} ({words})",
        f"10–90 %; the notebook's figure is outside at: {', '.join(outside) or 'none'}",
        "reported",
    )


def _acyclic(studies: Sequence[Study], of: str, words: str) -> Claim:
    none = sum(acyclic(one, of) for one in studies)
    cyclic = (f"{layer} in {sum(one.shapes[layer][of].cycles > 0 for one in studies)}" for layer in PUBLISHED)
    return Claim(
        f"Paths that part do not meet again: no cycle in any layer, {words}",
        f"cycle rank 0 in all three layers (paper); in {len(SEEDS)} of {len(SEEDS)} seeds (acceptance)",
        f"none in {none} of {len(studies)} seeds; cycles in {', '.join(cyclic)}",
        _share(none, len(studies)),
        of_ten(none, len(studies), len(SEEDS)),
    )


def _in_one(studies: Sequence[Study], layer: str) -> Claim:
    components = sorted(one.shapes[layer]["published"].components for one in studies)
    return Claim(
        f"The graph of {layer} is one component, published settings",
        f"one (paper); in {ENOUGH} of {len(SEEDS)} seeds (acceptance)",
        f"one in {components.count(1)} of {len(studies)} seeds; components: {', '.join(map(str, components))}",
        _share(components.count(1), len(studies)),
        of_ten(components.count(1), len(studies), ENOUGH),
    )


def _control(studies: Sequence[Study]) -> Claim:
    pairs = [(one.shapes[layer]["control"], one.shapes[layer]["published"]) for one in studies for layer in PUBLISHED]
    same = sum(few.components == all_.components for few, all_ in pairs)
    several = sum(whole(one, "control") for one in studies)
    return Claim(
        f"Control of the three rows below: published settings and records, {_POINTS}",
        "were this in one component, fewer points would have mended it and not the records: not judged",
        f"all layers in one component in {several} of {len(studies)} seeds ({_by_layer(studies, 'control')}); as many "
        f"components as with all points in {same} of {len(pairs)} graphs",
        _share(several, len(studies)),
        "reported",
    )


def _mended(studies: Sequence[Study], of: str, words: str) -> Claim:
    """Returns whether all layers are one component, and the sign test over seeds against the control."""
    there = [(whole(one, of), whole(one, "control")) for one in studies]
    here, gained, lost = sum(a for a, _ in there), sum(a > b for a, b in there), sum(a < b for a, b in there)
    p = binomtest(gained, gained + lost).pvalue if gained + lost else 1.0
    compared = f"; whole only here in {gained}, only in the control in {lost}, p = {p:.2g} (sign test)"
    tree = sum(whole(one, of) and acyclic(one, of) for one in studies)
    ours = "\nautomatic eps: " + ", ".join(
        f"{layer} {spread((one.shapes[layer][of].eps for one in studies), '{:.2f}')[0]}" for layer in PUBLISHED
    )
    return Claim(
        f"The graph of each layer is one component with {words}",
        f"one (paper); in {ENOUGH} of {len(SEEDS)} seeds (the rule for the published settings)",
        f"all layers in {here} of {len(studies)} seeds ({_by_layer(studies, of)}); and without a cycle in {tree}"
        + ours * (of == "default"),
        _share(here, len(studies)) + compared * (of != "default"),  # whose eps and intervals are others, too
        of_ten(here, len(studies), ENOUGH),
    )


def _null(studies: Sequence[Study]) -> Claim:
    """Returns the claim that neurons which take each other's moves, and so follow no path, do meet again."""
    some = sum(not acyclic(one, "exchanged") for one in studies)
    beside = sum(not acyclic(one, "control") for one in studies)
    medians = [
        "{:g} components, {:g} leaves".format(
            *(
                median(getattr(one.shapes[layer][of], name) for one in studies for layer in PUBLISHED)
                for name in ("components", "leaves")
            )
        )
        for of in ("exchanged", "control")
    ]
    return Claim(
        "A null model has cycles: between two records each neuron moves as another one did",
        "if it had none, their absence would say nothing; not judged",
        f"cycles in {some} of {len(studies)} seeds, without the exchange in {beside} ({_POINTS} both); "
        f"medians {medians[0]}, without {medians[1]}",
        _share(some, len(studies)),
        "reported",
    )


def _sheets(studies: Sequence[Study]) -> Claim:
    rows = []
    for layer in PUBLISHED:
        of = [one.sheets[layer] for one in studies]
        neurons, dimensions = studies[0].run.clouds[layer].neurons, sorted({one.dimension for one in of})
        rows.append(
            f"{layer}: {spread(one.capacity for one in of)[0]} of {neurons} neurons differ, dimension "
            f"{' or '.join(map(str, dimensions))}, two axes hold {spread((one.flatness for one in of), '{:.0%}')[0]}"
        )
    return Claim(
        "Capacity at the end, and the dimension of the cloud",
        "none: docs/topology.md says how they are measured",
        "\n".join(rows),
        "10–90 %",
        "reported",
    )
