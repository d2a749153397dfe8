"""Summaries of a training as tables: in the terminal at its end, and as Markdown for loggers."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group
from rich.constrain import Constrain
from rich.table import Table
from rich.text import Text

from lightning_infogeo.loggers.fitted_table import FittedTable
from lightning_infogeo.loggers.terminal import Summary
from lightning_infogeo.markers import Event, Verdict
from lightning_infogeo.markers.event import standing_flags
from lightning_infogeo.printable import LINE, plain
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
    """Returns a table with a row for each probe, further ones for weights and dimensions, and a list of the events.

    All of it fits a line of 80 characters. Markup in names and messages is not interpreted.

    Args:
        trajectories: by probe.
        events: in the order in which they became known.
        verdicts: on overfitting, by probe.
        dimensions: of the trajectories, measured and predicted, by probe.
    """
    probes = of_probes(trajectories)
    parts: list[Any] = [_probe_table(probes, events, verdicts or {})]
    if len(probes) < len(trajectories):
        parts.append(_weights_table({group_of(n): t for n, t in trajectories.items() if n not in probes}))
    if dimensions:
        parts.append(_dimensions_table(dimensions))
    if events:
        parts.append(Group(Text("Events", style="bold"), *map(_told, events)))
    return Summary(*[each for part in parts for each in (Text(""), part)][1:])


def _probe_table(
    probes: Mapping[str, Trajectory], events: Sequence[Event], verdicts: Mapping[str, Verdict]
) -> FittedTable:
    table = FittedTable("Information geometry of this training", _notes(probes))
    table.add_column("probe", "name")
    for heading in ("records", "length", "closest to truth", "now"):
        table.add_column(heading)
    if verdicts:
        table.add_column("overfitting", "words")
    flags = {event.probe: event for event in standing_flags(events)}
    for name, trajectory in probes.items():
        verdict = [_verdict_text(verdicts[name], flags.get(name)) if name in verdicts else ""] if verdicts else []
        table.add_row(name, str(len(trajectory)), *_row(trajectory), *verdict)
    return table


def _notes(probes: Mapping[str, Trajectory]) -> str:
    length, distance = (quantity(name, of_weights=False) for name in ("length", "distance_to_truth"))
    last = [int(trajectory.steps[-1]) for trajectory in probes.values() if len(trajectory)]
    sentences = []
    if last:
        same = min(last) == max(last)
        sentences = [f"Last record: step {last[0]}." if same else f"Last records: steps {min(last)} to {max(last)}."]
    sentences.append(
        f"Length: {length.label} in {length.unit}. Closest to truth, at its record, and now: {distance.label} in "
        f"{distance.unit}; the step of a flag is estimated between records."
    )
    skipped = {name: trajectory.skipped for name, trajectory in probes.items() if trajectory.skipped}
    if skipped:
        counts = ", ".join(f"{name} {count}" for name, count in skipped.items())
        sentences.append(f"Records left out for logits that were not finite: {counts}.")
    return " ".join(sentences)


def _told(event: Event) -> Constrain:
    line = Table.grid(padding=(0, 1, 0, 0))
    line.add_column(width=1)
    line.add_column(overflow="fold")
    headline, message = plain(event.headline), plain(event.message)
    line.add_row(Text("-"), Text.assemble((headline, "bold"), f": {message}"))
    return Constrain(line, LINE)


def _dimensions_table(dimensions: Mapping[str, ProbeSpectrum]) -> FittedTable:
    table = FittedTable(
        "Dimensions of the trajectories, for 95 % of the variance",
        "Predicted: by a linear model of the probe's inputs, squared loss, from weights 0 (σ_w = 0): the regime in "
        "which almost any inputs give 2 to 5. Decay of the inputs' spectrum over its modes: c of e^(−ci), α of i^−α.",
    )
    table.add_column("probe", "name")
    for heading in ("c", "R²", "α", "R²", "modes", "predicted", "measured"):
        table.add_column(heading)
    for name, spectrum in dimensions.items():
        fits = ["–"] * 5
        if spectrum.decay is not None:
            fits = [text for fit in spectrum.decay for text in (f"{fit.value:.3g}", f"{fit.r_squared:.2f}")]
            fits.append(str(spectrum.decay.power.last))
        table.add_row(name, *fits, str(spectrum.predicted_dimensions), str(spectrum.measured_dimensions))
    return table


def _weights_table(trajectories: Mapping[str, Trajectory]) -> FittedTable:
    table = FittedTable(
        "Distribution of the weights", "Floor ÷ velocity: how much of the velocity is the estimator's noise."
    )
    table.add_column("group", "name")
    for heading in ("length", "velocity at the end", "floor ÷ velocity"):
        table.add_column(heading)
    for name, trajectory in trajectories.items():
        finite = trajectory.length.isfinite() & trajectory.velocity.isfinite()
        if not finite.any():
            table.add_row(name, "–", "–", "–")
            continue
        length, velocity, floor = (
            values[finite][-1] for values in (trajectory.length, trajectory.velocity, trajectory.floor)
        )
        share = f"{float(floor / velocity):.2f}" if velocity > 0 else "–"
        table.add_row(name, f"{float(length):.3f}", f"{float(velocity):.3g}", share)
    return table


def _verdict_text(verdict: Verdict, flag: Event | None) -> str:
    if verdict.answer == "undecidable" and not math.isfinite(verdict.resolution):
        return "undecidable: too few records"
    if verdict.answer == "undecidable":
        return f"undecidable: a rise below {verdict.resolution:.0%} would not be seen; needs {verdict.samples} samples"
    if verdict.answer == "clean":
        return f"clean (resolution {verdict.resolution:.1%})" if verdict.resolution else "clean: at its closest"
    if verdict.answer == "watch":
        return f"watch: up by {verdict.rise:.1%}, not yet significant (would be from {verdict.resolution:.1%})"
    return f"flagged {flag.times}" if flag is not None else "flagged"


def _row(trajectory: Trajectory) -> list[str]:
    finite = trajectory.length.isfinite()
    if not finite.any():
        return ["–"] * 3
    steps, length = trajectory.steps[finite], f"{trajectory.length[finite][-1]:.3f}"
    if "distance_to_truth" not in trajectory.quantities:
        return [length, "no labels", "–"]
    distance = trajectory.distance_to_truth[finite]
    closest = int(distance.argmin())
    return [length, f"{distance[closest]:.4f} at {int(steps[closest])}", f"{distance[-1]:.4f}"]
