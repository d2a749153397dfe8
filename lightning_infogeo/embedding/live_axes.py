"""The axes of a live embedding: each picture on those of the one before it, as far as the same records allow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from lightning_infogeo.embedding.embedded_path import EmbeddedPath
from lightning_infogeo.embedding.inpca import inpca
from lightning_infogeo.embedding.snapshot import steps_of

COMPONENTS = 3

Places = dict[str, dict[int, list[float]]]
"""Coordinates by probe and step."""


class LiveAxes:
    """Embeds trajectories that grow, without turning or mirroring what was drawn before.

    Args:
        places: where records have stood last; none at the beginning.

    Attributes:
        places: as given, then those of the last picture; those of records since dropped are carried along.
    """

    def __init__(self, places: Mapping[str, Mapping[int, list[float]]]) -> None:
        self.places: Places = {name: dict(of) for name, of in places.items()}

    def follow(self, probes: tuple[str, ...], matrix: Tensor) -> EmbeddedPath | None:
        """Returns what to draw of some probes, to which later pictures are then aligned; None without records.

        Args:
            probes: their names.
            matrix: see ``snapshot.snapshot``.
        """
        path, places = self._embedded(probes, matrix)
        self.places.update(places)
        return path

    def embed(self, probes: tuple[str, ...], matrix: Tensor) -> EmbeddedPath | None:
        """Returns the same and changes nothing in pictures to come."""
        return self._embedded(probes, matrix)[0]

    def state_dict(self) -> dict[str, Any]:
        """Returns plain numbers to go on from."""
        return {name: dict(places) for name, places in self.places.items()}

    def _embedded(self, probes: tuple[str, ...], matrix: Tensor) -> tuple[EmbeddedPath | None, Places]:
        slots = len(matrix)
        in_use = matrix[:, slots] > 0
        if not in_use.any():
            return None, {}
        member = torch.arange(len(probes)).repeat_interleave(slots // len(probes))
        steps = steps_of(matrix[:, slots + 1 : slots + 3])
        order = torch.tensor(sorted(in_use.nonzero()[:, 0].tolist(), key=lambda k: (int(member[k]), int(steps[k]))))
        member, steps = member[order], steps[order]
        keys = [(probes[m], s) for m, s in zip(member.tolist(), steps.tolist(), strict=True)]
        embedding = inpca(matrix[order][:, order], COMPONENTS, weights=matrix[order, slots].double())
        last = {(name, step): place for name in probes for step, place in self.places.get(name, {}).items()}
        axes = embedding.coordinates.shape[1]
        unknown = [float("nan")] * COMPONENTS
        before = torch.tensor([last.get(key, unknown)[:axes] for key in keys], dtype=torch.float64)
        embedding = embedding.aligned(before)
        dropped = {key: place for key, place in last.items() if key not in set(keys)}
        carried = _carried(before, embedding.coordinates, list(dropped.values()))
        # In float32: the last bits of an eigenvector depend on where in memory it was computed.
        padded = torch.nn.functional.pad(torch.cat([carried, embedding.coordinates]), (0, COMPONENTS - axes)).float()
        places: Places = {name: {} for name in probes}
        for (name, step), place in zip([*dropped, *keys], padded.tolist(), strict=True):
            places[name][step] = place
        milestones = embedding.transform(matrix[order, slots + 3 :].T)
        return EmbeddedPath(probes, member, steps, embedding, milestones, carried), places


def _carried(before: Tensor, after: Tensor, dropped: list[list[float]]) -> Tensor:
    """Returns where dropped records stand on the new axes: moved by the best affine map of those on both."""
    old = torch.tensor(dropped, dtype=before.dtype).reshape(-1, COMPONENTS)[:, : after.shape[1]]
    shared = before.isfinite().all(-1)
    if not dropped or shared.sum() <= after.shape[1] + 1:
        return old
    ones = torch.ones(int(shared.sum()), 1, dtype=before.dtype)
    moved = torch.linalg.lstsq(torch.cat([before[shared], ones], dim=1), after[shared]).solution
    carried: Tensor = torch.cat([old, torch.ones(len(old), 1, dtype=before.dtype)], dim=1) @ moved
    return carried
