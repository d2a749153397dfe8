"""The spectrum of a network's inputs: eigenvalues of K = XᵀX/N, in one pass over the data."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor

from lightning_infogeo.theory.slope import Decay, Slope, decay_slope

Kernel = Callable[[Tensor, Tensor], Tensor]

_ROWS = 2**25
"""Bytes of float64 rows at a time."""


class InputSpectrum(NamedTuple):
    """The leading part of a correlation's spectrum.

    Attributes:
        eigenvalues: λ_i, shape (modes,), float64, decreasing; only those above rounding.
        vectors: eigenvectors, shape (features, modes), or (N, modes) for a kernel.
        samples: N.
        trace: Σ λ_i over all modes, those not returned too.
        slope: c of λ_i ~ e^{−ci}, on its range; None for fewer than two modes. Real inputs follow a power law rather
            than this: see ``decay``.
        dual: whether ``vectors`` are over samples, as a kernel's are.
    """

    eigenvalues: Tensor
    vectors: Tensor
    samples: int
    trace: float
    slope: Slope | None
    dual: bool = False

    @property
    def decay(self) -> Decay | None:
        """Exponential and power law on the range of ``slope``, and which of them is the better."""
        return None if self.slope is None else Decay.of(self.eigenvalues, (self.slope.first, self.slope.last))

    def targets(self, outputs: Tensor, inputs: Tensor | None = None) -> Tensor:
        """Returns w*, the linear model's best weights, in the eigenbasis: √λ_i w*_i is the part of y along mode i.

        Args:
            outputs: y, what is to be learned, shape (N,) or (N, outputs).
            inputs: those of the spectrum in the same order, shape (N, ...); not for a kernel's, whose vectors are over
                samples.

        Returns:
            Shape (modes, outputs).

        Raises:
            ValueError: where shapes do not belong together.
        """
        y = outputs.double().reshape(len(outputs), -1).to(self.vectors.device)
        if self.dual:
            if len(y) != len(self.vectors):
                raise ValueError(f"`targets(outputs=...)`: has {len(y)} rows, the kernel {len(self.vectors)} samples.")
            return self.vectors.mT @ y / (math.sqrt(self.samples) * self.eigenvalues.sqrt()[:, None])
        if inputs is None or len(inputs) != len(y) or inputs[:1].numel() != len(self.vectors):
            raise ValueError(
                f"`targets(outputs, inputs)`: needs the inputs of the spectrum, shape ({len(y)}, ...) with "
                f"{len(self.vectors)} features, got {None if inputs is None else tuple(inputs.shape)}."
            )
        products = torch.zeros(len(self.vectors), y.shape[1], dtype=torch.float64, device=self.vectors.device)
        start = 0
        for rows in _rows(inputs):
            products += rows.mT @ y[start : start + len(rows)]
            start += len(rows)
        return self.vectors.mT @ products / (len(y) * self.eigenvalues[:, None])


def input_spectrum(
    data: Tensor | Iterable[Any],
    max_rank: int = 100,
    exact_features: int = 2048,
    fit: tuple[int, int] | None = None,
    seed: int = 0,
) -> InputSpectrum:
    """Returns the leading eigenvalues of K = XᵀX/N and their decay, in one pass with bounded memory.

    Nothing is centred, as in the linear theory. Up to ``exact_features`` features K itself is summed; beyond, its
    product with 2 ``max_rank`` + 10 random directions, from which Nyström's approximation gives the eigenvalues
    (Tropp, Yurtsever, Udell, Cevher, 2017): exact where K has no higher rank, otherwise somewhat too small, the less
    so the faster they decay. Sums are in float64, on the device of the data. The generator of the CPU is left as it
    was, also by a DataLoader that shuffles.

    Args:
        data: tensor of shape (N, ...), or batches of it: a DataLoader or any iterable. Where a batch is a tuple or
            list, its first entry counts. All but the first dimension are features.
        max_rank: number of eigenvalues to return at most.
        exact_features: up to which K is held whole (8 × features² bytes; 32 MiB for 2048), at least 0.
        fit: indices [first, last) of the eigenvalues to fit the decay on; None for all returned.
        seed: seed of the random directions.

    Raises:
        ValueError: where there are no samples, batches differ in their features, or a value is not finite.

    Example:
        >>> x = torch.diag(torch.tensor([3.0, 2.0, 1.0]))
        >>> input_spectrum(x).eigenvalues * 3
        tensor([9., 4., 1.], dtype=torch.float64)
    """
    if max_rank < 1 or exact_features < 0:
        raise ValueError(f"`input_spectrum(max_rank={max_rank!r}, exact_features={exact_features!r})`: too small.")
    samples, trace = 0, 0.0
    total: Tensor | None = None
    directions: Tensor | None = None
    with torch.random.fork_rng(devices=[]):
        for rows in _rows(data):
            features = rows.shape[1]
            if total is None and features > exact_features:
                directions = _directions(features, 2 * max_rank + 10, seed).to(rows.device)
            if total is None:
                total = rows.new_zeros(features, features if directions is None else directions.shape[1])
            if len(total) != features:
                raise ValueError(
                    f"`input_spectrum(data=...)`: batches have {len(total)} and {features} features; pad or crop them "
                    "to one size."
                )
            total.addmm_(rows.mT, rows if directions is None else rows @ directions)
            trace += float(rows.square().sum())
            samples += len(rows)
    if total is None or not total.numel():
        raise ValueError("`input_spectrum(data=...)`: holds no samples or no features.")
    if not math.isfinite(trace):
        raise ValueError(
            "`input_spectrum(data=...)`: holds NaN, ∞ or numbers whose squares are; leave out the samples concerned."
        )
    total /= samples
    if directions is None:
        eigenvalues, vectors = torch.linalg.eigh(total)
        eigenvalues, vectors = eigenvalues.flip(0), vectors.flip(1)
    else:
        eigenvalues, vectors = _nystrom(total, directions)
    return _spectrum(eigenvalues[:max_rank], vectors[:, :max_rank], samples, trace / samples, fit, len(total), False)


def kernel_spectrum(
    kernel: Tensor | Kernel,
    inputs: Tensor | None = None,
    max_rank: int | None = None,
    fit: tuple[int, int] | None = None,
    samples: int | None = None,
) -> InputSpectrum:
    """Returns the eigenvalues of a kernel's Gram matrix ÷ N and their decay.

    For the features φ of a layer K = φφᵀ has the eigenvalues of their correlation, ``input_spectrum(φ)``. The tangent
    kernel of a network with C outputs is a matrix over N·C pairs (sample, output): give ``samples`` = N.

    Args:
        kernel: Gram matrix, shape (N, N), symmetric; or k(x, x') of shapes (n, ...) and (N, ...) giving (n, N).
        inputs: shape (N, ...), where ``kernel`` is a function.
        max_rank: number of eigenvalues to return at most; None for all above rounding.
        fit: indices [first, last) of the eigenvalues to fit the decay on; None for all returned.
        samples: what to divide by; None for the size of the matrix.

    Raises:
        ValueError: where the matrix is not square, symmetric and finite, or has a clearly negative eigenvalue.

    Example:
        >>> kernel_spectrum(torch.diag(torch.tensor([4.0, 1.0]))).eigenvalues
        tensor([2.0000, 0.5000], dtype=torch.float64)
    """
    if (max_rank is not None and max_rank < 1) or (samples is not None and samples < 1):
        raise ValueError(
            f"`kernel_spectrum(max_rank={max_rank!r}, samples={samples!r})`: must be positive ints or None."
        )
    if isinstance(kernel, Tensor):
        gram = kernel.detach()
    elif inputs is None:
        raise ValueError("`kernel_spectrum(kernel, inputs=None)`: a kernel that is a function needs inputs.")
    else:
        gram = torch.cat([kernel(part, inputs).detach() for part in torch.split(inputs, 256)])
    gram = _double(gram)
    if gram.dim() != 2 or gram.shape[0] != gram.shape[1] or not len(gram):
        raise ValueError(f"`kernel_spectrum(kernel=...)`: must have shape (N, N), N ≥ 1, got {tuple(gram.shape)}.")
    if not gram.isfinite().all():
        raise ValueError("`kernel_spectrum(kernel=...)`: holds NaN or ∞; leave out the samples concerned.")
    scale = float(gram.abs().max())
    if float((gram - gram.mT).abs().max()) > 1e-4 * scale:
        raise ValueError("`kernel_spectrum(kernel=...)`: is not symmetric.")
    count = len(gram) if samples is None else samples
    eigenvalues, vectors = torch.linalg.eigh((gram + gram.mT) / (2 * count))
    if eigenvalues[0] < -1e-4 * eigenvalues[-1].abs():
        raise ValueError(
            f"`kernel_spectrum(kernel=...)`: has the eigenvalue {float(eigenvalues[0]):.3g}; a kernel has none below 0."
        )
    trace = float(eigenvalues.clamp_min(0).sum())
    rank = slice(None, max_rank)
    leading = eigenvalues.flip(0)[rank], vectors.flip(1)[:, rank]
    return _spectrum(*leading, count, trace, fit, len(gram), True)


def _spectrum(
    eigenvalues: Tensor, vectors: Tensor, samples: int, trace: float, fit: tuple[int, int] | None, size: int, dual: bool
) -> InputSpectrum:
    # An eigenvalue below this is rounding of the matrix it was found from.
    double = torch.finfo(torch.float64)
    floor = (double.eps * size * eigenvalues[:1].abs()).clamp_min(double.tiny)
    rank = int((eigenvalues > floor).sum())
    eigenvalues, vectors = eigenvalues[:rank], vectors[:, :rank]
    slope = decay_slope(eigenvalues, fit) if rank > 1 else None
    return InputSpectrum(eigenvalues, vectors, samples, trace, slope, dual)


def _rows(data: Tensor | Iterable[Any]) -> Iterator[Tensor]:
    """Yields pieces of bounded size as float64 rows, shape (n, features)."""
    for batch in [data] if isinstance(data, Tensor) else data:
        first = batch[0] if isinstance(batch, (tuple, list)) and len(batch) else batch
        if not isinstance(first, Tensor) or not first.dim() or first.layout != torch.strided or first.is_complex():
            raise ValueError(
                f"`input_spectrum(data=...)`: a batch must be a real, dense tensor of shape (n, ...), or a tuple whose "
                f"first entry is; got {type(first).__name__}."
            )
        width = first[:1].numel()
        for piece in torch.split(first.detach(), max(1, _ROWS // (8 * max(width, 1)))):
            if len(piece):
                yield _double(piece).reshape(len(piece), -1)


def _double(tensor: Tensor) -> Tensor:
    return tensor.cpu().double() if tensor.device.type == "mps" else tensor.double()


def _directions(features: int, count: int, seed: int) -> Tensor:
    """Returns random orthonormal directions, shape (features, count)."""
    generator = torch.Generator().manual_seed(seed)
    normal = torch.randn(features, min(count, features), dtype=torch.float64, generator=generator)
    basis, _ = torch.linalg.qr(normal)
    directions: Tensor = basis
    return directions


def _nystrom(product: Tensor, directions: Tensor) -> tuple[Tensor, Tensor]:
    """Returns eigenpairs of K from Y = KΩ: those of Y (ΩᵀY)⁻¹ Yᵀ, with a shift that keeps the inverse stable."""
    norm = torch.linalg.norm(product)
    shift = math.sqrt(len(product)) * torch.finfo(product.dtype).eps * float(norm)
    shift = max(shift, torch.finfo(product.dtype).tiny)
    shifted = product + shift * directions
    middle = directions.mT @ shifted
    factor = torch.linalg.cholesky((middle + middle.mT) / 2)
    half = torch.linalg.solve_triangular(factor, shifted.mT, upper=False).mT
    left, singular, _ = torch.linalg.svd(half, full_matrices=False)
    return (singular.square() - shift).clamp_min(0), left
