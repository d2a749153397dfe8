"""The covariance of a linear model's predictions over the steps and initialisations of its training.

Following arXiv 2505.08915; the formulas were derived and checked against simulation. y = Xw*, K = XᵀX/N with
eigenvalues λ_i, w_{k+1} = w_k − η K (w_k − w*), w_0 ~ N(0, σ_w² I). With p_k the weight of the record at step k and
a_ki = (1 − ηλ_i)^k,

    C_ij = √(λ_i λ_j) { w*_i w*_j (G_ij − R_i R_j) + δ_ij σ_w² G_ii },   G_ij = Σ p_k a_ki a_kj,   R_i = Σ p_k a_ki.

Weight decay α adds to the curvature, ηλ_i → η (λ_i + α), and draws the end to λ_i / (λ_i + α) w*_i; momentum replaces
a_ki by the solution of its recursion; gradient noise of covariance S_i per step adds λ_i η² S_i Σ p_k Σ_{m<k} c_mi².
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from lightning_infogeo.theory.records import recorded
from lightning_infogeo.theory.response import response, transient


class Factor(NamedTuple):
    """C = ``signal``ᵀ ``signal`` + diag(``spread``), without the differences in which G − RRᵀ would lose its digits.

    Attributes:
        signal: shape (..., M, modes): √p_k √λ_i w*_i (a_ki − R_i).
        spread: variance of the initialisations and of the gradients' noise, shape (..., modes).
        outputs: with several, C has a further outputs − 1 blocks diag(``spread``) beside this one.
    """

    signal: Tensor
    spread: Tensor
    outputs: int


def trajectory_covariance(
    eigenvalues: Tensor,
    targets: Tensor,
    sigma_w: float | Tensor,
    lr: float,
    steps: int | Sequence[int] | Tensor,
    *,
    weight_decay: float = 0.0,
    momentum: float = 0.0,
    noise: float | Tensor = 0.0,
    weights: Tensor | None = None,
) -> Tensor:
    """Returns the covariance of predictions ÷ √N over all recorded steps of all runs, in the eigenbasis of the inputs.

    With several outputs w*_i is a vector; turned, mode by mode, to lie along the first output it leaves the others
    without signal. Returned is the block of that first output. The other blocks are equal to its σ_w² and noise part,
    and ``predicted_spectrum`` counts them.

    Args:
        eigenvalues: λ_i of K = XᵀX/N, shape (..., modes), non-negative.
        targets: w* in the eigenbasis, shape (..., modes), or (modes, outputs).
        sigma_w: standard deviation of the initial weights about 0, scalar or shape (modes,).
        lr: learning rate η, for the loss ‖Xw − y‖²/2N.
        steps: T, for records k = 0, …, T − 1; or the recorded steps, shape (M,).
        weight_decay: α, of the loss α‖w‖²/2.
        momentum: β of v ← βv − η × gradient, w ← w + v, range [0, 1).
        noise: variance S_i of the gradient's noise per step in the eigenbasis, scalar or shape (modes,).
        weights: weights of the recorded steps, shape (M,); None for equal ones.

    Returns:
        Shape (..., modes, modes), float64.

    Raises:
        ValueError: where a step of ``lr`` diverges, η (λ_i + α) ≥ 2 (1 + β), or an argument is out of its range.

    Example:
        One mode that jumps from 0 to its target in one step, seen before and after it.

        >>> trajectory_covariance(torch.ones(1), torch.ones(1), sigma_w=0.0, lr=1.0, steps=2)
        tensor([[0.2500]], dtype=torch.float64)
    """
    factor = covariance_factor(
        eigenvalues, targets, sigma_w, lr, steps,
        weight_decay=weight_decay, momentum=momentum, noise=noise, weights=weights,
    )  # fmt: skip
    return factor.signal.mT @ factor.signal + torch.diag_embed(factor.spread)


def covariance_factor(
    eigenvalues: Tensor,
    targets: Tensor,
    sigma_w: float | Tensor,
    lr: float,
    steps: int | Sequence[int] | Tensor,
    *,
    weight_decay: float = 0.0,
    momentum: float = 0.0,
    noise: float | Tensor = 0.0,
    weights: Tensor | None = None,
) -> Factor:
    """Returns the factor of ``trajectory_covariance``, of the same arguments."""
    lam, target, outputs = _modes(eigenvalues, targets)
    sigma = torch.as_tensor(sigma_w, dtype=lam.dtype, device=lam.device)
    kicks = torch.as_tensor(noise, dtype=lam.dtype, device=lam.device)
    for name, value in (("sigma_w", sigma), ("noise", kicks)):
        if not (value.isfinite() & (value >= 0)).all() or (value.dim() and value.shape[-1:] != lam.shape[-1:]):
            raise ValueError(
                f"`trajectory_covariance({name}=...)`: must be non-negative, a scalar or one for each mode."
            )
    rates = _rates(lam, lr, weight_decay, momentum)
    records = recorded(steps, weights, transient(momentum))
    responses = response(rates, momentum, records)
    p = records.weights.to(lam)[:, None]
    mean = (p * responses.change).sum(-2, keepdim=True)
    curvature = lam + weight_decay
    end = torch.where(curvature > 0, lam / torch.where(curvature > 0, curvature, 1), 0) * target
    signal = p.sqrt() * (responses.change - mean) * (lam.sqrt() * end)[..., None, :]
    squared_error = (p * (1 + responses.change).square()).sum(-2)
    spread = lam * (sigma.square() * squared_error + lr**2 * kicks * (p * responses.noise).sum(-2))
    return Factor(signal, spread, outputs)


def _modes(eigenvalues: Tensor, targets: Tensor) -> tuple[Tensor, Tensor, int]:
    """Returns λ and w* in float64, several outputs by their norm, and the number of outputs."""
    lam, target, outputs = eigenvalues.detach().double(), targets.detach(), 1
    target = target.to(lam.device).double()
    if lam.dim() == 1 and target.dim() == 2 and len(target) == len(lam):
        outputs, target = target.shape[1], torch.linalg.norm(target, dim=1) if target.shape[1] != 1 else target[:, 0]
    if not lam.dim() or not lam.shape[-1] or not outputs or not _fits(target, lam):
        raise ValueError(
            f"`trajectory_covariance(eigenvalues, targets)`: needs shapes (modes,) and (modes,) or (modes, outputs), "
            f"got {tuple(eigenvalues.shape)} and {tuple(targets.shape)}."
        )
    if not (lam.isfinite() & (lam >= 0)).all() or not target.isfinite().all():
        raise ValueError("`trajectory_covariance(eigenvalues, targets)`: need finite numbers, eigenvalues not below 0.")
    return lam, target, outputs


def _fits(target: Tensor, lam: Tensor) -> bool:
    return target.shape == lam.shape or target.shape == lam.shape[-1:]


def _rates(lam: Tensor, lr: float, weight_decay: float, momentum: float) -> Tensor:
    if not 0 <= momentum < 1:
        raise ValueError(f"`trajectory_covariance(momentum={momentum!r})`: must be in [0, 1).")
    if not (lr > 0 and math.isfinite(lr)) or not (weight_decay >= 0 and math.isfinite(weight_decay)):
        raise ValueError(
            f"`trajectory_covariance(lr={lr!r}, weight_decay={weight_decay!r})`: lr must be positive, weight_decay "
            "non-negative."
        )
    rates = lr * (lam + weight_decay)
    bound = 2 * (1 + momentum)
    if float(rates.max()) >= bound:
        raise ValueError(
            f"`trajectory_covariance(lr={lr!r})`: training diverges, lr × largest curvature = "
            f"{float(rates.max()):.4g} is not below {bound:.4g}; choose lr < {lr * bound / float(rates.max()):.4g}."
        )
    return rates
