"""The running quantities of a probe's trajectory, on the device."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from lightning_infogeo.distances import arc, arcs_from_logits
from lightning_infogeo.distributions import precise
from lightning_infogeo.distributions.chunks import sample_chunks
from lightning_infogeo.geodesics import Plane, progress_in
from lightning_infogeo.quantities import PROBE_QUANTITIES, names
from lightning_infogeo.trajectory.observation import Observation, observe
from lightning_infogeo.trajectory.stack import ALONE, Alone
from lightning_infogeo.trajectory.step import Step, filled

QUANTITIES = names(quantity for quantity in PROBE_QUANTITIES if not quantity.needs)
"""What every record holds, in the order of the vector that ``extend`` returns."""

LABELLED_QUANTITIES = names(PROBE_QUANTITIES)
"""The same for a probe with labels."""


class TrajectoryState(NamedTuple):
    """Everything the next record needs, as tensors on the model's device.

    Attributes:
        first: logits of the first finite record, shape (N, C); or sketches of its amplitudes, shape (N, m).
        last: the same of the last finite record.
        last_step: step of the last finite record, −1 before it, int64, scalar; of a stack of P probes, as all below,
            shape (P,).
        length: information length so far.
        rounding: compensation for rounding in ``length``.
        started: whether there has been a finite record, bool.
    """

    first: Tensor
    last: Tensor
    last_step: Tensor
    length: Tensor
    rounding: Tensor
    started: Tensor


def start(logits: Tensor) -> TrajectoryState:
    """Returns the state before the first record, for logits of this shape, type and device."""
    zero = torch.zeros((), dtype=precise(logits[:0]).dtype, device=logits.device)
    return TrajectoryState(
        first=zero.new_zeros(logits.shape),
        last=zero.new_zeros(logits.shape),
        last_step=torch.full_like(zero, -1, dtype=torch.int64),
        length=zero,
        rounding=zero,
        started=torch.zeros_like(zero, dtype=torch.bool),
    )


def extend(
    state: TrajectoryState,
    step: Step,
    logits: Tensor,
    *,
    labels: Tensor | None = None,
    before: tuple[Step, Tensor] | None = None,
    chord: bool = False,
    observation: Observation | None = None,
    arcs: Tensor | None = None,
    sketched: bool = False,
    samples: Alone = ALONE,
    mine: Alone | None = None,
) -> tuple[TrajectoryState, Tensor]:
    """Adds one record, of one probe or of a stack of them; reads nothing back from the device.

    With d the Fisher–Rao distance of definitions in ``distances``:

    - velocity Γ = d(P_{s−lag}, P_s) / lag, radians (on the sphere of radius 2) per optimizer step;
    - length L = Σ d between consecutive finite records, radians;
    - displacement = d(first record, P_s), radians, range [0, π];
    - straightness = displacement / length, range [0, 1], 1 before anything has moved;
    - roughness = ln[d over the interval ÷ d over the lag] / ln[interval ÷ lag], the diffusion exponent H of
      d ~ Δt^H in prediction space: 1 ballistic, ½ diffusive, below ½ subdiffusive;
    - entropy, nats;
    - with labels only: distance_to_truth, nats per sample; progress along the geodesic from ignorance to truth, range
      [0, 1] (``geodesics.progress``, in mean arc).

    Sources: information velocity and length after Kim, Entropy 23, 1393 (2021), on the prediction space of Mao et al.,
    arXiv 2305.01604. Length depends on the recording interval.

    Args:
        state: from ``start`` or an earlier call; where N·C is large its logits are written in place.
        step: optimizer steps taken.
        logits: shape (N, C); or sketches of its amplitudes, shape (N, m), as ``sketched`` says.
        labels: shape (N,), int64 class indices.
        before: the step s − lag and the logits there; without it velocity and roughness are NaN.
        chord: measure the velocity over the interval since the last record instead (``before`` is then not used).
        observation: of this prediction, where it is known; required for a sketched one.
        arcs: from ``arcs_of``, where they are known. If both are given and are of all samples of a probe, ``logits``
            and the state may be those of some of them: means are then over the samples of these two.
        sketched: whether logits here, in the state and in ``before`` are sketches: distances then come from chords.
        samples: what joins the samples by probe.
        mine: the same of those samples that ``logits`` are of; None where that is all of them.

    Returns:
        The new state and a vector of ``QUANTITIES``, or of ``LABELLED_QUANTITIES`` where there are labels; of a stack,
        all of it with labels or all without, one for each probe. Where logits hold NaN or +∞, or −∞ for all classes of
        a sample, the state is unchanged and the vector all NaN. Other logits of −∞ are probabilities of 0; where one is
        the label's, distance_to_truth is +∞, and nothing else.
    """
    observed = observe(logits, labels) if observation is None else observation
    interval = (step - state.last_step).to(state.length.dtype)
    earlier = None if before is None or chord else before[1]
    arcs = arcs_of(state, logits, earlier, sketched) if arcs is None else arcs
    of_samples = [observed.entropies, *([] if observed.distances is None else [observed.distances])]
    squares, entropy, *truth = _means(samples, arcs.square(), of_samples)
    hop, displacement, *lagged = (2 * squares.sqrt() * state.started).unbind()  # before the first record there is none
    measured = entropy + hop
    valid = measured == measured  # of logits that are not finite both are NaN

    if before is not None and not chord:
        lag = step - before[0]
        velocity = lagged[0] / lag
        roughness = torch.log(hop / lagged[0]) / torch.log(interval / lag)
        roughness = roughness.nan_to_num(torch.nan, torch.nan, torch.nan)  # ±∞ or NaN where the interval is the lag
    else:
        roughness = torch.full_like(hop, torch.nan)
        velocity = hop / interval if chord else roughness
    fresh = ~state.started
    velocity = velocity.masked_fill(fresh, torch.nan)

    # Compensated summation: 1e5 small hops added to a long path in float32 would otherwise lose their last digits.
    increment = hop - state.rounding
    length = state.length + increment
    rounding = (length - state.length) - increment

    recorded = QUANTITIES
    values = {
        "velocity": velocity,
        "length": length,
        "displacement": displacement,
        "straightness": (displacement / length).nan_to_num(1).clamp_max(1),
        "roughness": roughness,
        "entropy": entropy,
    }
    if truth and observed.plane is not None:
        recorded = LABELLED_QUANTITIES
        arcs, *others = observed.plane  # the way to the truth is as long from all samples
        plane = Plane(arcs[:1], *samples.padded(torch.stack(others)).unbind())
        values |= {"distance_to_truth": truth[0], "progress": progress_in(plane)}

    mine = mine or samples
    extended = TrajectoryState(
        first=_replaced_where(state.first, logits, mine.column(valid & fresh)),
        last=_replaced_where(state.last, logits, mine.column(valid)),
        last_step=filled(state.last_step, valid, step),
        length=torch.where(valid, length, state.length),
        rounding=torch.where(valid, rounding, state.rounding),
        started=state.started | valid,
    )
    rows = torch.stack([values[name] for name in recorded], -1)
    return extended, rows.masked_fill(~valid[..., None], torch.nan)


def arcs_of(state: TrajectoryState, points: Tensor, before: Tensor | None, sketched: bool = False) -> Tensor:
    """Returns the arcs of every sample to the last record, the first, and to ``before`` where it is given: (2 or 3, N).

    Without any record yet those to last and first mean nothing.
    """
    all_points = [state.last, state.first, *([] if before is None else [before]), points]
    parts = list(sample_chunks(points.shape[0], points.shape[1]))
    if len(parts) == 1:
        return _to_the_last(torch.stack([precise(of) for of in all_points]), sketched)
    arcs_by_sample = torch.zeros(len(all_points) - 1, len(points), dtype=state.length.dtype, device=points.device)
    for rows in parts:
        arcs_by_sample[:, rows] = _to_the_last(torch.stack([precise(of[rows]) for of in all_points]), sketched)
    return arcs_by_sample


def _to_the_last(points: Tensor, sketched: bool) -> Tensor:
    return arc(points[:-1], points[-1], "none") if sketched else arcs_from_logits(points)


def _means(samples: Alone, table: Tensor, columns: Sequence[Tensor]) -> list[Tensor]:
    """Returns the means by probe of a table of numbers of samples, (k, N), and of single columns, (N,) each."""
    means = samples.mean(torch.cat([table, torch.stack(list(columns))]))
    of_table, others = torch.split(means, [len(table), len(columns)])
    return [of_table, *others.unbind()]


def _replaced_where(old: Tensor, new: Tensor, when: Tensor) -> Tensor:
    """Returns ``new`` if ``when`` (bool, to be broadcast), else ``old``; large ones are written in place, by chunks."""
    parts = list(sample_chunks(old.shape[0], old.shape[1]))
    if len(parts) == 1:
        return torch.where(when, precise(new), old)
    each = when.expand(old.shape)
    for rows in parts:
        old[rows] = torch.where(each[rows], precise(new[rows]), old[rows])
    return old
