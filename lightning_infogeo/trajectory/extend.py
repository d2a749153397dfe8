"""The path of one probe's predictions: running quantities on the device."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from lightning_infogeo.distances import fisher_rao_from_logits
from lightning_infogeo.distributions import amplitudes, distance_to_truth, entropy, precise
from lightning_infogeo.geodesics import ignorance, progress, truth

QUANTITIES = ("velocity", "length", "displacement", "straightness", "roughness", "entropy")
"""What every record holds, in the order of the vector that ``extend`` returns."""

LABELLED_QUANTITIES = (*QUANTITIES, "distance_to_truth", "progress")
"""The same for a probe with labels."""


class TrajectoryState(NamedTuple):
    """Everything the next record needs, as tensors on the model's device.

    Attributes:
        first: logits of the first finite record, shape (N, C).
        last: logits of the last finite record, shape (N, C).
        last_step: the step of it, scalar int64.
        length: information length so far, scalar.
        rounding: what adding small increments to ``length`` has lost so far, scalar.
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
    zeros = torch.zeros_like(precise(logits))
    zero = zeros.new_zeros(())
    return TrajectoryState(
        first=zeros,
        last=zeros,
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
) -> tuple[TrajectoryState, Tensor]:
    """Adds one record; reads nothing back from the device.

    With d the Fisher–Rao distance of definitions in ``distances``:

    - velocity Γ = d(P_{s−lag}, P_s) / lag, radians (on the sphere of radius 2) per optimizer step;
    - length L = Σ d between consecutive finite records, radians;
    - displacement = d(first record, P_s), radians, range [0, π];
    - straightness = displacement / length, range [0, 1], 1 before anything has moved;
    - roughness = ln[d over the interval ÷ d over the lag] / ln[interval ÷ lag]: 1 ballistic, ½ diffusive;
    - entropy, nats;
    - with labels only: distance_to_truth, nats per sample; progress along the geodesic from ignorance to truth, range
      [0, 1] (``geodesics.progress``, in mean arc).

    Sources: information velocity and length after Kim, Entropy 23, 1393 (2021), on the prediction space of Mao et al.,
    arXiv 2305.01604. Length depends on the recording interval.

    Args:
        state: from ``start`` or an earlier call.
        step: optimizer steps taken.
        logits: shape (N, C).
        labels: shape (N,), int64 class indices.
        before: the step s − lag and the logits there; without it velocity and roughness are NaN.
        chord: measure the velocity over the interval since the last record instead (``before`` is then not used).

    Returns:
        The new state and a vector of ``QUANTITIES``, or of ``LABELLED_QUANTITIES`` where there are labels. Where
        logits are not all finite the state is unchanged and the vector all NaN.
    """
    logits = precise(logits)
    first = torch.where(state.started, state.first, logits)
    last = torch.where(state.started, state.last, logits)
    interval = (step - state.last_step).to(logits.dtype)

    ends = [last, first] if before is None or chord else [last, first, precise(before[1])]
    hops = fisher_rao_from_logits(torch.stack(ends), logits)
    hop, displacement = hops[0], hops[1]
    nan = torch.full_like(hop, torch.nan)
    finite = logits.isfinite().all() & hop.isfinite() & displacement.isfinite()

    velocity, roughness = nan, nan
    if chord:
        velocity = hop / interval
    elif before is not None:
        lag = step - before[0]
        velocity = hops[2] / lag
        roughness = torch.log(hop / hops[2]) / torch.log(interval / lag)
        roughness = torch.where(roughness.isfinite() & (interval != lag), roughness, nan)

    # Compensated summation: 1e5 small hops added to a long path in float32 would otherwise lose their last digits.
    increment = hop - state.rounding
    length = state.length + increment
    rounding = (length - state.length) - increment

    values = [
        torch.where(state.started, velocity, nan),
        length,
        displacement,
        torch.where(length > 0, (displacement / length).clamp_max(1), 1),
        torch.where(state.started, roughness, nan),
        entropy(logits),
    ]
    if labels is not None:
        a = amplitudes(logits)
        values += [distance_to_truth(logits, labels), progress(a, ignorance(a), truth(labels, a))]

    extended = TrajectoryState(
        first=first,
        last=logits,
        last_step=torch.full_like(state.last_step, step),
        length=length,
        rounding=rounding,
        started=torch.ones_like(state.started),
    )
    kept = TrajectoryState(*(torch.where(finite, new, old) for new, old in zip(extended, state, strict=True)))
    return kept, torch.where(finite, torch.stack(values), nan)
