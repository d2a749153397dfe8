"""What sets runs apart: the factors of their metadata, each told once, and in words which of them matters most."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from lightning_infogeo.comparison.grouping import NO_VALUE, Grouping


class Effect(NamedTuple):
    """A factor and how far it sets runs apart.

    Attributes:
        key: of the metadata.
        aliases: further keys of the same factor: they part the runs in the same way, or have the same name (apart from
            where they are nested, and an s) and never another value.
        groups: the distances within and between its groups.
    """

    key: str
    aliases: tuple[str, ...]
    groups: Grouping

    @property
    def ratio(self) -> float:
        """Mean distance between groups ÷ mean distance within: above 1 where the factor sets runs apart."""
        return self.groups.between / self.groups.within if self.groups.within > 0 else math.nan


def effects(groups: Mapping[str, Grouping]) -> list[Effect]:
    """Returns the factors behind groupings of the same runs, each once, the one with the largest ratio first."""
    families: list[list[Grouping]] = []
    for grouping in sorted(groups.values(), key=_how_readable):
        family = next((each for each in families if _same_factor(each[0], grouping)), None)
        if family is None:
            families.append([grouping])
        else:
            family.append(grouping)
    found = [Effect(first.key, tuple(each.key for each in rest), first) for first, *rest in families]
    return sorted(found, key=lambda effect: effect.ratio if math.isfinite(effect.ratio) else -1, reverse=True)


def what_sets_runs_apart(found: Iterable[Effect]) -> str:
    """Returns a sentence or two on what sets the runs apart most; nothing where there is no factor to speak of.

    Args:
        found: by ``effects``.
    """
    known = [effect for effect in found if math.isfinite(effect.ratio)]
    if not known:
        return ""
    most = known[0]
    if most.ratio < _APART:
        return "No factor sets the runs apart: runs that differ in one are no farther apart than runs that agree in it."
    sentence = (
        f"Runs differ most by {most.key}: two runs that differ in it are {most.ratio:.1f} times as far apart as two "
        "that agree in it."
    )
    alone = [effect for effect in known if math.isfinite(effect.groups.alone)]
    strongest = max(alone, key=lambda effect: effect.groups.alone, default=most)
    if strongest.key != most.key:
        sentence += (
            f" Between runs that differ in one factor alone, {strongest.key} matters most: "
            f"{strongest.groups.alone:.3g} nats."
        )
    if most.groups.p_value >= _BY_CHANCE:
        p = most.groups.p_value
        sentence += f" This may be chance: of runs assigned to {most.key} at random, {p:.0%} are as far apart."
    return sentence


_BY_CHANCE = 0.05
"""p-value from which on the sentence says that the difference may be chance."""
_APART = 1.05
"""Ratio from which on a factor is said to set runs apart: below, it would be printed as 1.0."""
_RECORDED_ALWAYS = ("parameters", "optimizers", "versions")
"""Keys that every run has, whoever trained it: where the user's own say the same, these are its aliases."""


def _how_readable(grouping: Grouping) -> tuple[int, bool, bool, int, str]:
    without = grouping.values.index(NO_VALUE) if NO_VALUE in grouping.values else -1
    missing = int((grouping.member == without).sum())
    documents = any(value[:1] in "[{" for value in grouping.values if value)
    recorded_always = grouping.key.partition(".")[0] in _RECORDED_ALWAYS
    return missing, documents, recorded_always, len(grouping.key), grouping.key


def _same_factor(a: Grouping, b: Grouping) -> bool:
    pairs = set(zip(a.member.tolist(), b.member.tolist(), strict=True))
    if len(pairs) == len(a.values) == len(b.values):
        return True
    values = [(a.values[i], b.values[j]) for i, j in pairs]
    in_both = [x == y for x, y in values if NO_VALUE not in (x, y)]
    return _name(a.key) == _name(b.key) and bool(in_both) and all(in_both)


def _name(key: str) -> str:
    return key.rpartition(".")[2].casefold().removesuffix("s")
