"""How much of the distances between runs each factor explains: an analysis of variance made of distances."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Table = NDArray[np.float64]


class Share(NamedTuple):
    """What one factor explains beyond all others.

    Attributes:
        explained: of the sum of squares, range [0, 1]. It grows with the number of groups, also of a factor that does
            nothing.
        freedom: degrees of freedom of the factor.
        omega: ω², the share less what as many degrees of freedom explain by chance: 0 on average where the factor does
            nothing, and then negative half of the time.
        interval: 95 % of ω², the residuals' signs being drawn again.
        apart: squared distance between two groups of the factor, in all else alike, less what the residuals make of it;
            mean over pairs of groups. It also does not depend on how many runs a group has.
        p_value: by permutation of the residuals of the other factors.
    """

    explained: float
    freedom: int
    omega: float
    interval: tuple[float, float]
    apart: float
    p_value: float


class Shares(NamedTuple):
    """What all factors explain.

    Attributes:
        factors: by name.
        residual: share of the sum of squares that no factor explains.
        ahead: 95 % interval of the ω² of the factor with the largest, less the largest of another; None for one factor.
    """

    factors: dict[str, Share]
    residual: float
    ahead: tuple[float, float] | None


def variance_explained(squares: Table, factors: Mapping[str, Sequence[str]], draws: int = 999, seed: int = 0) -> Shares:
    """Returns the share of the variance that each factor explains once all others are accounted for.

    The table of squared distances, centred twice, is the table G of inner products of the runs, whose trace is the sum
    of squares; the projections on the factors' groups split it (McArdle & Anderson, Ecology 82, 290, 2001).
    Bhattacharyya distances stand for squared ones: to lowest order they are half the squared distance of amplitudes.

    For the p-values residuals of the model without the factor are permuted (Freedman and Lane; Anderson & Legendre, J.
    Stat. Comput. Simul. 62, 271, 1999): permuting the runs themselves would mix what the other factors do into the
    noise. For the intervals the residuals of the whole model, divided by √(1 − leverage), get random signs, so that
    groups may scatter unequally.

    Args:
        squares: squared distances between R runs, shape (R, R).
        factors: value of each run, by the name of the factor.
        draws: permutations, and as many draws of signs.
        seed: of both.

    Raises:
        ValueError: where the runs are no more than the groups, so that nothing is left to compare with.
    """
    count = len(squares)
    centred = squares - squares.mean(0) - squares.mean(1)[:, None] + squares.mean()
    inner = -0.5 * centred
    whole, rank = _projection(list(factors.values()), count)
    if rank >= count:
        raise ValueError(f"{count} runs are too few for {rank} groups of the factors {', '.join(factors)}.")
    others = {name: _projection([values for key, values in factors.items() if key != name], count) for name in factors}
    rest = np.eye(count) - whole
    own = {name: (whole - without, rank - smaller) for name, (without, smaller) in others.items()}

    def omegas(table: Table) -> Table:
        noise = (rest * table).sum() / (count - rank)
        return np.array([((o * table).sum() - df * noise) / (np.trace(table) + noise) for o, df in own.values()])

    random = np.random.default_rng(seed)
    observed = omegas(inner)
    scaled = rest / np.sqrt(np.clip(1 - whole.diagonal(), 1e-9, None))[:, None]
    drawn = []
    for _ in range(draws):
        again = whole + random.choice([-1.0, 1.0], count)[:, None] * scaled
        drawn.append(omegas(again @ inner @ again.T))
    low, high = _ends(observed, np.array(drawn))
    apart = _apart(inner, factors, rest, rank)
    shares = {}
    for k, (name, (without, _)) in enumerate(others.items()):
        reduced = np.eye(count) - without
        left, (part, freedom) = reduced @ inner @ reduced, own[name]
        ratio = _ratio(part, rest, left)
        orders = (random.permutation(count) for _ in range(draws))
        larger = sum(_ratio(part, rest, left[np.ix_(order, order)]) >= ratio - 1e-12 for order in orders)
        explained = float((part * inner).sum() / np.trace(inner))
        ends = float(low[k]), float(high[k])
        p_value = (1 + larger) / (1 + draws)
        shares[name] = Share(explained, freedom, float(observed[k]), ends, apart[name], p_value)
    return Shares(shares, float((rest * inner).sum() / np.trace(inner)), _ahead(observed, np.array(drawn)))


def _ratio(own: Table, rest: Table, inner: Table) -> float:
    return float((own * inner).sum() / max((rest * inner).sum(), 1e-300))


def _ahead(observed: Table, drawn: Table) -> tuple[float, float] | None:
    """Returns ``Shares.ahead``."""
    if len(observed) < 2:
        return None
    first = int(observed.argmax())
    gap, gaps = (each[..., first] - np.delete(each, first, axis=-1).max(-1) for each in (observed, drawn))
    low, high = _ends(gap, gaps)
    return float(low), float(high)


def _ends(observed: Table, drawn: Table) -> Table:
    """Returns the ends of the 95 % interval: what was drawn has the noise twice, so its mean is moved to the figure."""
    return np.asarray(observed + np.quantile(drawn - drawn.mean(0), (0.025, 0.975), axis=0))


def _apart(inner: Table, factors: Mapping[str, Sequence[str]], rest: Table, rank: int) -> dict[str, float]:
    """Returns ``Share.apart`` of each factor."""
    noise = (rest * inner).sum() / (len(inner) - rank)
    columns, groups = _columns(list(factors.values()), len(inner))
    effects = np.linalg.pinv(columns)
    found = {}
    for name, (first, last) in zip(factors, groups, strict=True):
        each = np.concatenate([np.zeros((1, len(inner))), effects[first:last]])  # the first group is the reference
        gaps = [each[a] - each[b] for a, b in combinations(range(len(each)), 2)]
        found[name] = float(np.mean([gap @ inner @ gap - gap @ gap * noise for gap in gaps])) if gaps else 0.0
    return found


def _columns(factors: Sequence[Sequence[str]], count: int) -> tuple[Table, list[tuple[int, int]]]:
    """Returns a mean and the groups of all factors but each one's first, shape (R, columns), and whose columns are."""
    columns, groups = [np.ones(count)], []
    for values in factors:
        first = len(columns)
        columns += [np.array([value == each for value in values], dtype=float) for each in sorted(set(values))[1:]]
        groups.append((first, len(columns)))
    return np.stack(columns, 1), groups


def _projection(factors: Sequence[Sequence[str]], count: int) -> tuple[Table, int]:
    """Returns the projection on the space of a mean and all groups of the factors, and its dimension."""
    basis, sizes, _ = np.linalg.svd(_columns(factors, count)[0], full_matrices=False)
    rank = int((sizes > 1e-9 * sizes[0]).sum())
    return basis[:, :rank] @ basis[:, :rank].T, rank
