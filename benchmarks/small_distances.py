"""How many digits of a small step survive: d_B and d_FR of two predictions whose logits differ by a perturbation.

Reference: 50-digit arithmetic on the same stored float32 logits. Beside ours, in the same float32, are the two common
ways: through the overlap (arc cosine, −ln), and from torchmetrics' Kullback–Leibler divergence (KL ≈ 4 d_B nearby).

    python benchmarks/small_distances.py [--samples 200] [--classes 10]
"""

import argparse

import mpmath
import torch
from table import report
from torch import Tensor
from torchmetrics.functional import kl_divergence

from lightning_infogeo import amplitudes, bhattacharyya, bhattacharyya_from_logits, fisher_rao_from_logits

mpmath.mp.dps = 50
PERTURBATIONS = [1.0, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6]


def exact(before: Tensor, after: Tensor) -> tuple[mpmath.mpf, mpmath.mpf]:
    d_b, squares = mpmath.mpf(0), mpmath.mpf(0)
    for z, w in zip(before.tolist(), after.tolist(), strict=True):
        p, q = ([mpmath.exp(mpmath.mpf(v)) for v in logits] for logits in (z, w))
        overlap = sum(mpmath.sqrt(a * b) for a, b in zip(p, q, strict=True)) / mpmath.sqrt(sum(p) * sum(q))
        d_b -= mpmath.log(overlap)
        squares += mpmath.acos(min(overlap, mpmath.mpf(1))) ** 2
    return d_b / len(before), 2 * mpmath.sqrt(squares / len(before))


def by_overlap(before: Tensor, after: Tensor) -> tuple[float, float]:
    overlap = (amplitudes(before) * amplitudes(after)).sum(-1).clamp(max=1)
    return float(-overlap.log().mean()), float(2 * overlap.acos().square().mean().sqrt())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=200)
    parser.add_argument("--classes", type=int, default=10)
    options = parser.parse_args()
    rows: list[dict[str, object]] = []
    for offset in (0.0, 1000.0):
        for perturbation in PERTURBATIONS:
            generator = torch.Generator().manual_seed(0)
            shape = (options.samples, options.classes)
            z = 3 * torch.randn(shape, generator=generator) + offset
            w = z + perturbation * torch.randn(shape, generator=generator)
            if torch.equal(z, w):  # an offset of 1000 leaves float32 no room for 1e-6
                continue
            d_b, d_fr = exact(z, w)
            overlap_b, overlap_fr = by_overlap(z, w)
            kl = float(kl_divergence(z.softmax(-1), w.softmax(-1))) / 4

            def error(value: float, truth: mpmath.mpf) -> float:
                return float(abs(value / truth - 1))

            rows.append(
                {
                    "offset": offset,
                    "perturbation": perturbation,
                    "d_B (exact)": float(d_b),
                    "ours, d_B": error(float(bhattacharyya_from_logits(z, w)), d_b),
                    "ours, d_FR": error(float(fisher_rao_from_logits(z, w)), d_fr),
                    "chord of amplitudes, d_B": error(float(bhattacharyya(amplitudes(z), amplitudes(w))), d_b),
                    "overlap, d_B": error(overlap_b, d_b),
                    "overlap, d_FR": error(overlap_fr, d_fr),
                    "torchmetrics KL ÷ 4": error(kl, d_b),
                }
            )
    title = f"Relative errors in float32, {options.samples} samples, {options.classes} classes (aim: ours ≤ 1e-5)"
    report("small_distances", title, rows)


if __name__ == "__main__":
    main()
