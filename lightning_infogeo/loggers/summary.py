"""Summaries of a training as tables: in the terminal at its end, and as Markdown for loggers."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from lightning_infogeo.loggers.terminal import Summary
from lightning_infogeo.markers import Event, Verdict
from lightning_infogeo.quantities import quantity
from lightning_infogeo.theory import ProbeSpectrum
from lightning_infogeo.trajectory import Trajectory, of_probes
from lightning_infogeo.trajectory.series import group_of

_MARKUP = re.compile(r"[&<>|`*\[\]\\]")


def cell(text: str) -> str:
    r"""Returns a text as one cell of a Markdown table: one line, in which markup, links and HTML are escaped.

    Example:
        >>> cell("a|b <i>\n[c](d)")
        'a&#124;b &#60;i&#62; &#91;c&#93;(d)'
    """
    return " ".join(_MARKUP.sub(lambda match: f"&#{ord(match[0])};", text).split())


def event_list(events: Sequence[Event]) -> str:
    """Returns all events as a Markdown list, a sentence or two each."""
    return "\n".join(f"- **{cell(event.headline)}**: {cell(event.message)}" for event in events)


def summary_table(
    trajectories: Mapping[str, Trajectory],
    events: Sequence[Event] = (),
    verdicts: Mapping[str, Verdict] | None = None,
    dimensions: Mapping[str, ProbeSpectrum] | None = None,
) -> Summary:
    """Returns a table with a row for each probe, and further tables for weights, dimensions and events.

    Markup in names and messages is not interpreted.

    Args:
        trajectories: by probe.
        events: in the order in which they became known.
        verdicts: on overfitting, by probe.
        dimensions: of the trajectories, measured and predicted, by probe.
    """
    captioned = [quantity(name, of_weights=False) for name in ("length", "distance_to_truth")]
    caption = ", ".join(f"{each.label} in {each.unit}" for each in captioned)
    table = Table(title="Information geometry of this training", caption=caption)
    table.add_column("probe", overflow="fold")
    for heading in ("records", "steps", "length", "straight-\nness", "closest\nto truth", "at step", "final\ndistance"):
        table.add_column(heading, justify="right")
    if verdicts:
        table.add_column("overfitting")
    probes = of_probes(trajectories)
    for name, trajectory in probes.items():
        verdict = [_verdict_text(verdicts[name])] if verdicts and name in verdicts else []
        table.add_row(Text(name), str(len(trajectory)), *_row(trajectory), *verdict)
    skipped = {name: trajectory.skipped for name, trajectory in probes.items() if trajectory.skipped}
    if skipped:
        counts = ", ".join(f"{name} {count}" for name, count in skipped.items())
        table.caption = Text(f"{table.caption}; records left out for logits that were not finite: {counts}")
    tables = [table]
    if len(probes) < len(trajectories):
        tables.append(_weights_table({group_of(n): t for n, t in trajectories.items() if n not in probes}))
    if dimensions:
        tables.append(_dimensions_table(dimensions))
    if not events:
        return Summary(*tables)
    listed = Table(title="Events")
    for heading in ("event", "probe", "at step", "known at", "what it means"):
        justify: Any = "right" if heading in ("at step", "known at") else "left"
        listed.add_column(heading, justify=justify, overflow="fold")
    for event in events:
        row = (event.name, event.probe, str(event.step), str(event.detected_at), event.message)
        listed.add_row(*(Text(cell) for cell in row))
    return Summary(*tables, listed)


def _dimensions_table(dimensions: Mapping[str, ProbeSpectrum]) -> Table:
    table = Table(
        title="Dimensions of the trajectories, for 95 % of the variance",
        caption="predicted: a linear model of the probe's inputs, squared loss; c: decay of their spectrum",
    )
    for heading in ("probe", "c", "R²", "predicted", "measured"):
        table.add_column(heading, justify="left" if heading == "probe" else "right", overflow="fold")
    for name, spectrum in dimensions.items():
        slope = ("–", "–")
        if spectrum.slope is not None:
            slope = f"{spectrum.slope.value:.3g}", f"{spectrum.slope.r_squared:.2f}"
        table.add_row(Text(name), *slope, str(spectrum.predicted_dimensions), str(spectrum.measured_dimensions))
    return table


def _weights_table(trajectories: Mapping[str, Trajectory]) -> Table:
    table = Table(
        title="Distribution of the weights", caption="floor ÷ velocity: how much of it is the estimator's noise"
    )
    for heading in ("group", "length", "velocity\nat the end", "floor ÷\nvelocity"):
        table.add_column(heading, justify="left" if heading == "group" else "right", overflow="fold")
    for name, trajectory in trajectories.items():
        finite = trajectory.length.isfinite() & trajectory.velocity.isfinite()
        if not finite.any():
            table.add_row(Text(name), "–", "–", "–")
            continue
        length, velocity, floor = (
            values[finite][-1] for values in (trajectory.length, trajectory.velocity, trajectory.floor)
        )
        share = f"{float(floor / velocity):.2f}" if velocity > 0 else "–"
        table.add_row(Text(name), f"{float(length):.3f}", f"{float(velocity):.3g}", share)
    return table


def _verdict_text(verdict: Verdict) -> str:
    if verdict.answer == "undecidable" and not math.isfinite(verdict.resolution):
        return "undecidable: too few records"
    if verdict.answer == "undecidable":
        return f"undecidable: a rise below {verdict.resolution:.0%}\nwould not be seen; needs {verdict.samples} samples"
    if verdict.answer == "clean":
        return f"clean (resolution {verdict.resolution:.1%})" if verdict.resolution else "clean: at its closest"
    if verdict.answer == "watch":
        return f"watch: up by {verdict.rise:.1%}, not yet significant\n(would be from {verdict.resolution:.1%})"
    return "flagged"


def _row(trajectory: Trajectory) -> list[str]:
    finite = trajectory.length.isfinite()
    if not finite.any():
        return ["–"] * 6
    steps = trajectory.steps[finite]
    cells = [str(int(steps[-1])), f"{trajectory.length[finite][-1]:.3f}", f"{trajectory.straightness[finite][-1]:.3f}"]
    if "distance_to_truth" not in trajectory.quantities:
        return [*cells, "no labels", "–", "–"]
    distance = trajectory.distance_to_truth[finite]
    closest = int(distance.argmin())
    return [*cells, f"{distance[closest]:.4f}", str(int(steps[closest])), f"{distance[-1]:.4f}"]
