"""How the knee of the weights' path moves with the size of a network: one hidden layer, five widths, several seeds.

    python examples/finite_size.py [--data digits | mnist1d] [--estimator gaussian | histogram] [--fast]

Each network is trained by an ordinary Trainer whose monitor follows the distribution of all its weights
(``parameters=...``), following the quantity defined in arXiv 2406.05295, the noise floor subtracted. Printed are the
knees by width, their exponent, and whether the curvatures of all widths fall on one curve after rescaling; the figure,
in --logdir, shows the same. A few minutes on two cores; --fast takes three narrow widths, one seed and 300 steps, which
shows that it runs and nothing more.
"""

import argparse
import logging
import warnings
from pathlib import Path

import lightning.pytorch as pl
import torch
from rich.console import Console
from rich.progress import track
from rich.table import Table
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from lightning_infogeo import InfoGeometryMonitor, ParameterDensity, finite_size_scaling
from lightning_infogeo.figures import collapse

WIDTHS = (32, 64, 128, 256, 512)


class OneHiddenLayer(pl.LightningModule):
    def __init__(self, features: int, width: int) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(features, width), nn.ReLU(), nn.Linear(width, 10))

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x)

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        return nn.functional.cross_entropy(self(batch[0]), batch[1])

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), lr=1e-3)


def samples(data: str) -> TensorDataset:
    if data == "mnist1d":
        from mnist1d.data import get_dataset_args, make_dataset

        made = make_dataset(get_dataset_args())
        return TensorDataset(torch.tensor(made["x"]).float(), torch.tensor(made["y"]).long())
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    return TensorDataset(torch.tensor(x, dtype=torch.float32) / 16, torch.tensor(y))


def path(data: TensorDataset, width: int, seed: int, steps: int, estimator: str) -> tuple[Tensor, Tensor, float]:
    """Steps and length of the weights' distribution without its noise floor, and how much of the path is noise."""
    pl.seed_everything(seed, verbose=False)
    monitor = InfoGeometryMonitor(
        parameters=ParameterDensity(groups="network", estimator=estimator),
        embedding=False,
        markers=(),
        probe_size=64,
        budget=None,
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
    trainer.fit(OneHiddenLayer(data.tensors[0].shape[1], width), DataLoader(data, batch_size=64, shuffle=True))
    network = monitor.trajectories["parameters/network"]
    hops = (network.velocity * network.interval)[1:]
    noise = float((network.floor * network.interval)[1:].square().sum() / hops.square().sum())
    return network.steps, network.corrected_length, noise


def main(arguments: list[str] | None = None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", choices=["digits", "mnist1d"], default="digits")
    parser.add_argument("--estimator", choices=["histogram", "gaussian"], default="gaussian")
    parser.add_argument(
        "--smoothing", type=float, default=0.8, help="width in ln t; exponents to be believed do not depend on it"
    )
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--max-steps", type=int, default=2000)
    parser.add_argument("--logdir", default="finite_size")
    parser.add_argument("--fast", action="store_true")
    options = parser.parse_args(arguments)
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")
    warnings.filterwarnings("ignore", message="The number of training batches")
    warnings.filterwarnings("ignore", message=".*treespec, LeafSpec.*")
    widths = (16, 24, 32) if options.fast else WIDTHS
    seeds, steps = (1, 300) if options.fast else (options.seeds, options.max_steps)
    data, console = samples(options.data), Console()

    jobs = [(width, seed) for width in widths for seed in range(seeds)]
    paths = [path(data, *job, steps, options.estimator) for job in track(jobs, "training", console=console)]
    curves = [[paths[jobs.index((width, seed))][:2] for seed in range(seeds)] for width in widths]
    scaling = finite_size_scaling(curves, widths, smoothing=options.smoothing, draws=40 if options.fast else 100)

    table = Table(title=f"{options.data}, {options.estimator}: the knee by width", caption="knee: step, 95 % interval")
    for heading in ("width", "knee", "from", "to", "noise in\nthe path"):
        table.add_column(heading, justify="right")
    for k, width in enumerate(widths):
        low, high = scaling.intervals[k].tolist()
        noise = sum(paths[jobs.index((width, seed))][2] for seed in range(seeds)) / seeds
        table.add_row(str(width), f"{float(scaling.knees[k]):.0f}", f"{low:.0f}", f"{high:.0f}", f"{noise:.0%}")
    console.print(table)
    for name, estimate in (("t_c ~ n^", scaling.shift), ("a = ", scaling.width), ("b = ", scaling.height)):
        console.print(f"{name}{estimate.value:.2f} [{estimate.low:.2f}, {estimate.high:.2f}]", highlight=False)
    console.print(f"verdict: {scaling.verdict}")
    where = Path(options.logdir) / f"{options.data}_{options.estimator}.png"
    where.parent.mkdir(parents=True, exist_ok=True)
    collapse(scaling, f"{options.data}, {options.estimator}: weights of one-hidden-layer networks").savefig(
        where, dpi=110
    )
    console.print(f"The figure: {where}", highlight=False, soft_wrap=True)
    return scaling


if __name__ == "__main__":
    main()
