"""One mode of a linear model under gradient descent: how its error decays, and what noise adds."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from lightning_infogeo.theory.records import Records


class Response(NamedTuple):
    """How each mode has changed, and what noise has added, at each record.

    Attributes:
        change: a_k − 1, where a_k is the error at step k over that at step 0; shape (..., M, modes), 0 at step 0. The
            difference keeps the digits that a_k loses for slow modes.
        noise: Σ_{m < k} c_m², where c_m is what is left after m steps of a kick of 1; shape (..., M, modes).
    """

    change: Tensor
    noise: Tensor


def transient(momentum: float) -> int:
    """Returns after how many steps a mode is a single exponential, an even number: 0 without momentum.

    With it, the faster of its two exponentials is at most √β per step, and √β^n is 3e-20 then.
    """
    return 2 * math.ceil(45 / -math.log(momentum)) if momentum else 0


def response(rates: Tensor, momentum: float, records: Records) -> Response:
    """Returns how modes respond to v_{k+1} = β v_k − x u_k, u_{k+1} = u_k + v_{k+1}, with v_0 = 0.

    Without momentum a_k = (1 − x)^k. With it the two exponentials are summed step by step until the faster is gone;
    what is left is a power, taken by expm1 and log1p, so that x = 1e-15 and k = 1e7 lose nothing.

    Args:
        rates: x = learning rate × curvature, shape (..., modes), range [0, 2 (1 + momentum)).
        momentum: β, range [0, 1).
        records: M of them.
    """
    begun = transient(momentum)
    x = rates[..., None, :]
    steps = records.steps.to(rates)[:, None]
    odd = records.odd.to(rates.device)[:, None]
    change, noise, kick = _begin(rates, momentum, records, begun)
    left = (steps - begun).clamp_min(0)

    middle = 1 + momentum - x
    negative = middle < 0
    # The root z of z² − (1 + β − x) z + β of larger modulus is ±(1 − y), with y the smaller root of these.
    linear = torch.where(negative, 3 + momentum - x, 1 - momentum + x)
    constant = torch.where(negative, 2 * (1 + momentum) - x, x)
    discriminant = linear.square() - 4 * constant
    y = 2 * constant / (linear + discriminant.clamp_min(0).sqrt())
    if momentum:  # without, a negative discriminant is rounding; with, the mode oscillates and is gone by now
        y = torch.where(discriminant < 0, 1, y)
    log = torch.log1p(-y.clamp_max(1)).clamp_min(-1e3)  # −∞ times 0 steps would be NaN
    decayed = torch.expm1(left * log)
    later = torch.where(negative & odd & (left > 0), -2 - decayed, decayed)
    span = y * (2 - y)
    sums = torch.where(span > 0, -torch.expm1(2 * left * log) / torch.where(span > 0, span, 1), left)
    return Response(change + (1 + change) * later, noise + kick.square() * sums)


def _begin(rates: Tensor, momentum: float, records: Records, begun: int) -> tuple[Tensor, Tensor, Tensor]:
    """Returns a_k − 1, Σ c_m² and c_k at each record, or at step ``begun`` where it is later."""
    shape = (*rates.shape[:-1], len(records.steps), rates.shape[-1])
    change, noise = rates.new_zeros(shape), rates.new_zeros(shape)
    kick = rates.new_ones(shape)
    if not begun:
        return change, noise, kick
    upto = records.steps.clamp_max(begun)
    places: dict[int, list[int]] = {}
    for place, step in enumerate(upto.tolist()):
        places.setdefault(int(step), []).append(place)
    e, d, total = (torch.zeros_like(rates) for _ in range(3))
    u, v = torch.ones_like(rates), torch.ones_like(rates)
    for step in range(int(upto.max()) + 1):
        if step in places:
            at = torch.tensor(places[step], device=rates.device)
            for rows, value in ((change, e), (noise, total), (kick, u)):
                rows.index_copy_(-2, at, value[..., None, :].expand(*rates.shape[:-1], len(at), rates.shape[-1]))
        d = momentum * d - rates * (1 + e)
        e = e + d
        total = total + u.square()
        v = momentum * v - rates * u
        u = u + v
    return change, noise, kick
