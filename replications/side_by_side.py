"""Several small networks trained side by side in one Trainer, each with monitors of its own.

The loss is the sum of theirs and Adam treats every weight by itself, so each of them is trained as it would be alone;
what is saved is the Trainer's own time, which is longer than a step of such a network.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

import lightning.pytorch as pl
import torch
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from lightning_infogeo import InfoGeometryMonitor, ParameterDensity, Probe, Trajectory
from replications.kept import Origin
from replications.trainings import fit

Estimator = Literal["gaussian", "histogram"]
ESTIMATORS: tuple[Estimator, ...] = ("gaussian", "histogram")
PARTS = ("network", "first", "second")
"""Of the weights: all of them, and the layers."""
BATCH = 64


class Member(NamedTuple):
    """One of the networks.

    Attributes:
        network: of ``hidden_layer``.
        rates: learning rate of each of its parameters by name.
        stream: which of the images of a row it is trained on.
    """

    network: nn.Sequential
    rates: Mapping[str, float]
    stream: int = 0


def hidden_layer(features: int, width: int, dropout: float = 0.0, classes: int = 10) -> nn.Sequential:
    """Returns a network of one hidden layer of ReLU for flat images."""
    parts = OrderedDict[str, nn.Module](first=nn.Linear(features, width), rectified=nn.ReLU())
    if dropout:
        parts["dropped"] = nn.Dropout(dropout)
    parts["second"] = nn.Linear(width, classes)
    return nn.Sequential(parts)


class SideBySide(pl.LightningModule):
    """Networks with cross-entropy and Adam at constant rates.

    Args:
        members: by name, without ".".
    """

    def __init__(self, members: Mapping[str, Member]) -> None:
        super().__init__()
        self.networks = nn.ModuleDict({name: member.network for name, member in members.items()})
        self.members = dict(members)

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """Returns the sum of the cross-entropies, of images (batch, streams, features) and labels (batch, streams)."""
        images, labels = batch
        logits = torch.cat([one.network(images[:, one.stream]) for one in self.members.values()])
        targets = torch.cat([labels[:, one.stream] for one in self.members.values()])
        return len(self.members) * nn.functional.cross_entropy(logits, targets)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Returns Adam with a group of parameters for each rate."""
        groups: dict[float, list[nn.Parameter]] = {}
        for one in self.members.values():
            for name, parameter in one.network.named_parameters():
                groups.setdefault(one.rates[name], []).append(parameter)
        return torch.optim.Adam([{"params": some, "lr": rate} for rate, some in groups.items()], fused=True)


class Prepared(NamedTuple):
    """What is to be trained.

    Attributes:
        members: networks by name.
        data: images (N, streams, features) and labels (N, streams).
        probe: test images, on which all of them are watched.
    """

    members: Mapping[str, Member]
    data: TensorDataset
    probe: Probe


class Recorded(NamedTuple):
    """What is kept of one network.

    Attributes:
        val: predictions on the test images.
        weights: of "network", "first" and "second", by estimator and part.
    """

    val: Trajectory
    weights: dict[tuple[str, str], Trajectory]

    @property
    def test_loss(self) -> Tensor:
        """Cross-entropy on the test images, (T,), nats: twice the Bhattacharyya distance to the truth, −ln √p."""
        return 2 * self.val.distance_to_truth


def trained(path: Path, prepared: Callable[[], Prepared], steps: int, origin: Origin | None = None) -> Path:
    """Trains networks side by side, unless the file of what they recorded is there; returns its path.

    Args:
        path: of the file.
        prepared: returns what is to be trained, on what.
        steps: of the optimizer.
        origin: what the file is made of.

    Raises:
        InterruptedError: where the Trainer was told to stop before.
        OtherOriginError: where the file is there and made of something else.
    """
    origin = origin or Origin({"steps": steps})
    if origin.kept(path):
        return path
    began = time.process_time()
    members, data, probe = prepared()
    model = SideBySide(members)
    own = {name: _own_monitor(name, probe) for name in members}
    histograms = {part: _histograms(part, members, probe) for part in PARTS}
    fit(model, data, steps, BATCH, [*own.values(), *histograms.values()], seed=0)
    kept: dict[str, Any] = {"seconds": time.process_time() - began}
    for name, monitor in own.items():
        kept[f"{name}/val"] = monitor.trajectories["val"].state_dict()
        for part in PARTS:
            kept[f"{name}/gaussian/{part}"] = monitor.trajectories[f"parameters/{part}"].state_dict()
            of_all = histograms[part].trajectories
            kept[f"{name}/histogram/{part}"] = of_all[f"parameters/{name}"].state_dict()
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".unfinished")
    torch.save(kept, unfinished)
    origin.note(path)
    return unfinished.rename(path)


def recorded(path: Path) -> tuple[dict[str, Recorded], float]:
    """Returns what ``trained`` kept of each network by name, and the processor time of all of them, seconds."""
    kept = torch.load(path, weights_only=True)
    seconds = float(kept.pop("seconds"))
    found: dict[str, Recorded] = {}
    for name in {key.split("/")[0]: None for key in kept}:
        of: dict[tuple[str, str], str] = {(one, part): f"parameters/{part}" for one in ESTIMATORS for part in PARTS}
        weights = {key: Trajectory.from_state_dict(kept["/".join((name, *key))], of[key]) for key in of}
        found[name] = Recorded(Trajectory.from_state_dict(kept[f"{name}/val"], "val"), weights)
    return found, seconds


def _own_monitor(name: str, probe: Probe) -> InfoGeometryMonitor:
    """Returns what follows a network's predictions, and its weights as normal distributions."""
    groups = {layer: rf"^networks\.{name}\.{layer}\.weight$" for layer in PARTS[1:]}
    density = ParameterDensity(groups={**groups, "biases": rf"^networks\.{name}\."}, estimator="gaussian")
    return _monitor(name, probe, density, name)


def _histograms(part: str, members: Mapping[str, Member], probe: Probe) -> InfoGeometryMonitor:
    """Returns what follows one part of every network as a histogram: a monitor for all, as its evaluations are dear."""
    within = "" if part == "network" else rf"{part}\.weight$"
    groups = {name: rf"^networks\.{name}\.{within}" for name in members}
    density = ParameterDensity(groups=groups, estimator="histogram")
    return _monitor(next(iter(members)), Probe(probe.inputs[:1]), density, f"histograms of {part}")


def _monitor(name: str, probe: Probe, density: ParameterDensity, prefix: str) -> InfoGeometryMonitor:
    return InfoGeometryMonitor(
        probes={"val": probe},
        lag=0,
        logits_fn=partial(_logits, name),
        parameters=density,
        budget=None,
        embedding=False,
        markers=(),
        tab=False,
        prefix=prefix,
    )


def _logits(name: str, model: SideBySide, images: Tensor) -> Tensor:
    logits: Tensor = model.networks[name](images)
    return logits
