"""The running quantities of a probe's trajectory, on the device."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from lightning_infogeo.distances import arc, arc_from_logits
from lightning_infogeo.distributions import precise
from lightning_infogeo.distributions.chunks import sample_chunks
from lightning_infogeo.geodesics import progress_in
from lightning_infogeo.quantities import PROBE_QUANTITIES, names
from lightning_infogeo.trajectory.observation import Observation, observe

QUANTITIES = names(quantity for quantity in PROBE_QUANTITIES if not quantity.needs)
"""What every record holds, in the order of the vector that ``extend`` returns."""

LABELLED_QUANTITIES = names(PROBE_QUANTITIES)
"""The same for a probe with labels."""


class TrajectoryState(NamedTuple):
    """Everything the next record needs, as tensors on the model's device.

    Attributes:
        first: logits of the first finite record, shape (N, C); or sketches of its amplitudes, shape (N, m).
        last: the same of the last finite record.
        last_step: step of the last finite record, scalar int64.
        length: information length so far, scalar.
        rounding: compensation for rounding in ``length``, scalar.
        started: whether there has been a finite record, scalar bool.
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
        last_step=torch.zeros_like(zero, dtype=torch.int64),
        length=zero,
        rounding=zero,
        started=torch.zeros_like(zero, dtype=torch.bool),
    )


def extend(
    state: TrajectoryState,
    step: int,
    logits: Tensor,
    *,
    labels: Tensor | None = None,
    before: tuple[int, Tensor] | None = None,
    chord: bool = False,
    observation: Observation | None = None,
    arcs: Tensor | None = None,
    sketched: bool = False,
) -> tuple[TrajectoryState, Tensor]:
    """Adds one record; reads nothing back from the device.

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

    Returns:
        The new state and a vector of ``QUANTITIES``, or of ``LABELLED_QUANTITIES`` where there are labels. Where
        logits hold NaN or +∞, or −∞ for all classes of a sample, the state is unchanged and the vector all NaN.
        Other logits of −∞ are probabilities of 0; where one is the label's, distance_to_truth is +∞, and nothing else.
    """
    observed = observe(logits, labels) if observation is None else observation
    interval = (step - state.last_step).to(state.length.dtype)
    earlier = None if before is None or chord else before[1]
    arcs = arcs_of(state, logits, earlier, sketched) if arcs is None else arcs
    hops = 2 * arcs.square().mean(-1).sqrt()
    hop, displacement = hops[0], hops[1]
    nan = torch.full_like(hop, torch.nan)
    finite = observed.finite.all() & ~(hop + displacement).isnan()

    velocity, roughness = nan, nan
    if chord:
        velocity = hop / interval
    elif before is not None:
        lag = step - before[0]
        velocity = hops[2] / lag
        roughness = torch.log(hop / hops[2]) / torch.log(interval / lag)
        roughness = torch.where(roughness.isfinite(), roughness, nan)  # ±∞ or NaN where the interval is the lag

    # Compensated summation: 1e5 small hops added to a long path in float32 would otherwise lose their last digits.
    increment = hop - state.rounding
    length = state.length + increment
    rounding = (length - state.length) - increment

    recorded = QUANTITIES
    values = {
        "velocity": torch.where(state.started, velocity, nan),
        "length": length,
        "displacement": displacement,
        "straightness": torch.where(length > 0, (displacement / length).clamp_max(1), 1),
        "roughness": torch.where(state.started, roughness, nan),
        "entropy": observed.entropies.mean(),
    }
    if observed.distances is not None and observed.plane is not None:
        recorded = LABELLED_QUANTITIES
        values |= {"distance_to_truth": observed.distances.mean(), "progress": progress_in(observed.plane)}

    extended = TrajectoryState(
        first=_replaced_where(state.first, logits, finite & ~state.started),
        last=_replaced_where(state.last, logits, finite),
        last_step=torch.where(finite, torch.full_like(state.last_step, step), state.last_step),
        length=torch.where(finite, length, state.length),
        rounding=torch.where(finite, rounding, state.rounding),
        started=state.started | finite,
    )
    return extended, torch.where(finite, torch.stack([values[name] for name in recorded]), nan)


def arcs_of(state: TrajectoryState, points: Tensor, before: Tensor | None, sketched: bool = False) -> Tensor:
    """Returns the arcs of every sample to the last record, the first, and to ``before`` where it is given: (2 or 3, N).

    Without any record yet the prediction itself counts as first and last.
    """
    between = arc if sketched else arc_from_logits
    arcs_by_sample = torch.zeros(
        2 if before is None else 3, len(points), dtype=state.length.dtype, device=points.device
    )
    for rows in sample_chunks(points.shape[0], points.shape[1]):
        here = precise(points[rows])
        ends = [torch.where(state.started, end[rows], here) for end in (state.last, state.first)]
        ends += [] if before is None else [precise(before[rows])]
        arcs_by_sample[:, rows] = between(torch.stack(ends), here, "none")
    return arcs_by_sample


def _replaced_where(old: Tensor, new: Tensor, when: Tensor) -> Tensor:
    """Returns ``new`` if ``when`` (scalar bool), else ``old``; large tensors are written in place, chunk by chunk."""
    parts = list(sample_chunks(old.shape[0], old.shape[1]))
    if len(parts) == 1:
        return torch.where(when, precise(new), old)
    for rows in parts:
        old[rows] = torch.where(when, precise(new[rows]), old[rows])
    return old
