"""Is a training trajectory as low-dimensional as the linear theory says? Predictions beside measurements.

    python examples/linear_ribbon.py [--fast] [--steps 1000] [--logdir linear_ribbon]

Full-batch gradient descent, recorded at equal distances in log-time. First linear networks with squared loss, 2,000
initialisations at once, where the theory is exact but for the finite number of them; then linear networks with
softmax, recorded by the monitor, where it is linearised about ignorance; then a network with a hidden layer, one run at
a time, with the tangent kernel it begins with and the one it ends with. One to two minutes; two figures.
"""

import argparse
import logging
import warnings
from pathlib import Path

import lightning.pytorch as pl
import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from lightning_infogeo import AtSteps, Clock, InfoGeometryMonitor, LogSpaced, Probe, pairwise_bhattacharyya
from lightning_infogeo.figures import phase_diagram as draw_phase_diagram
from lightning_infogeo.figures import spectra as draw_spectra
from lightning_infogeo.theory import (
    InputSpectrum,
    Spectrum,
    gaussian_distances,
    input_spectrum,
    kernel_spectrum,
    measured_spectrum,
    phase_diagram,
    predicted_spectrum,
)


class GradientDescent(pl.LightningModule):
    """Any network, its loss ‖f − y‖²/2N or cross-entropy, plain gradient descent."""

    def __init__(self, net: nn.Module, lr: float, squared: bool) -> None:
        super().__init__()
        self.net, self.lr, self.squared = net, lr, squared

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x)

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        x, y = batch
        if self.squared:
            return (self(x) - y).square().sum() / (2 * len(x))
        return nn.functional.cross_entropy(self(x), y)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=self.lr)


class Outputs(pl.Callback):
    """Records the outputs on the training samples themselves: with squared loss they are what the theory is about."""

    def __init__(self, x: Tensor, steps: list[int]) -> None:
        self.x, self.steps, self.records = x, set(steps), []

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.record(trainer, pl_module)

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *args: object) -> None:
        self.record(trainer, pl_module)

    @torch.no_grad()
    def record(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.global_step in self.steps:
            self.records.append(pl_module(self.x).double())


def fit(model: GradientDescent, x: Tensor, y: Tensor, steps: int, callback: pl.Callback) -> None:
    trainer = pl.Trainer(
        max_epochs=1,
        accelerator="cpu",
        logger=False,
        callbacks=[callback],
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    whole = TensorDataset(x.expand(steps, *x.shape), y.expand(steps, *y.shape))
    trainer.fit(model, DataLoader(whole, batch_size=None))


def log_spaced(final: int) -> list[int]:
    steps = [0]
    while (step := LogSpaced(16).next_step(steps[-1], Clock(steps[-1]))) < final:
        steps.append(step)
    return [*steps, final]


def sloppy(c: float, samples: int = 200, features: int = 40) -> Tensor:
    """Inputs whose K = XᵀX/N has the eigenvalues e^{−ci}."""
    left, right = (torch.linalg.qr(torch.randn(size, features)).Q for size in (samples, features))
    return samples**0.5 * left * torch.exp(-c * torch.arange(features) / 2) @ right.T


def digits(samples: int) -> tuple[Tensor, Tensor]:
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    chosen = torch.randperm(len(y))[:samples]
    return torch.tensor(x, dtype=torch.float32)[chosen] / 16, torch.tensor(y)[chosen]


def squared(x: Tensor, y: Tensor, scale: float, steps: int, runs: int) -> tuple[Spectrum, Spectrum]:
    """Each output of one layer is a linear network of its own: as many runs as outputs, all with the same target."""
    spectrum = input_spectrum(x)
    targets = spectrum.targets(y, x)[:, 0]
    lam = spectrum.eigenvalues
    sigma = float(((lam * targets.square()).sum() / lam.sum()).sqrt()) / scale
    net = nn.Linear(x.shape[1], runs, bias=False)
    nn.init.normal_(net.weight, std=sigma)
    lr, records = 0.9 / float(lam[0]), log_spaced(steps)
    outputs = Outputs(x, records)
    fit(GradientDescent(net, lr, squared=True), x, y[:, None].expand(-1, runs), steps, outputs)
    points = torch.stack(outputs.records).transpose(1, 2).flatten(0, 1)  # (records × runs, N)
    points = points - points.mean(0)
    measured = torch.linalg.eigvalsh(points.T @ points / (len(points) * len(x))).flip(0)
    return predicted_spectrum(lam, targets, sigma, lr, records), Spectrum(measured)


def softmax(x: Tensor, labels: Tensor, steps: int, runs: int) -> dict[str, tuple[Spectrum, Spectrum]]:
    """About ignorance p = 1/C + (z − mean z)/C: as squared loss at 1/C of the rate, with the targets C y − 1."""
    classes = int(labels.max()) + 1
    spectrum = input_spectrum(x)
    lr, records = 0.5 * classes / float(spectrum.eigenvalues[0]), log_spaced(steps)
    wanted = classes * nn.functional.one_hot(labels).double() - 1
    targets, lam = spectrum.targets(wanted, x), spectrum.eigenvalues
    histories = []
    for _ in range(runs):
        net = nn.Linear(x.shape[1], classes, bias=False)
        monitor = InfoGeometryMonitor({"train": Probe(x, labels)}, schedule=AtSteps(records), markers=(), lag=0)
        start = spectrum.vectors.T @ net.weight.detach().double().T
        fit(GradientDescent(net, lr, squared=False), x, labels, steps, monitor)
        histories.append(monitor.trajectories["train"].history.amplitudes)
    alone = predicted_spectrum(lam, targets - start, 0.0, lr / classes, records)
    sigma = (3 * x.shape[1]) ** -0.5  # of torch's default initialisation
    together = predicted_spectrum(lam, targets, sigma, lr / classes, records)
    return {
        "one run": (alone, measured_spectrum(monitor.trajectories["train"].distances)),
        f"{runs} runs": (together, measured_spectrum(pairwise_bhattacharyya(torch.cat(histories)))),
    }


def tangent_kernel(net: nn.Module, x: Tensor) -> InputSpectrum:
    parameters = {name: value.detach() for name, value in net.named_parameters()}
    jacobian = torch.func.jacrev(lambda p: torch.func.functional_call(net, p, (x,)).flatten())(parameters)
    rows = torch.cat([part.flatten(1) for part in jacobian.values()], dim=1).double()
    return kernel_spectrum(rows @ rows.T, samples=len(x))


def hidden_layer(x: Tensor, labels: Tensor, steps: int, width: int, is_squared: bool) -> dict[str, Spectrum | float]:
    """One run of one network; predicted by the kernel it begins with and by the one it ends with."""
    classes = int(labels.max()) + 1
    net = nn.Sequential(nn.Linear(x.shape[1], width), nn.Tanh(), nn.Linear(width, classes))
    with torch.no_grad():
        begun = net(x).double()
    first = tangent_kernel(net, x)
    one_hot = nn.functional.one_hot(labels, classes).double()
    slowed, wanted = (1, one_hot - 1 / classes) if is_squared else (classes, classes * one_hot - 1)
    rate, records = 0.3 / float(first.eigenvalues[0]), log_spaced(steps)
    model = GradientDescent(net, rate * slowed, is_squared)
    if is_squared:
        outputs = Outputs(x, records)
        fit(model, x, wanted.float(), steps, outputs)
        distances = gaussian_distances(torch.stack(outputs.records))
    else:
        monitor = InfoGeometryMonitor({"train": Probe(x, labels)}, schedule=AtSteps(records), markers=(), lag=0)
        fit(model, x, labels, steps, monitor)
        distances = monitor.trajectories["train"].distances
    last = tangent_kernel(net, x)
    found: dict[str, Spectrum | float] = {"measured": measured_spectrum(distances)}
    for name, kernel in (("first kernel", first), ("last kernel", last)):
        targets = kernel.targets((wanted - begun).flatten())
        # Where the kernel has grown beyond what gradient descent could follow, at the largest rate that it can.
        able = min(rate, 1.9 / float(kernel.eigenvalues[0]))
        found[name] = predicted_spectrum(kernel.eigenvalues, targets, 0.0, able, records)
        found[f"c, {name}"] = kernel.slope.value
    return found


def table_of(title: str, caption: str, names: list[str]) -> Table:
    table = Table(title=title, caption=f"{', '.join(names)}; {caption}", caption_justify="left")
    for heading in ("", "variance in 3", "stress in 2", "dimensions (95 %)", "dimensions (99.9 %)"):
        table.add_column(heading, justify="right" if heading else "left")
    return table


def figures_of(*spectra: Spectrum) -> list[str]:
    return [
        "  ".join(f"{s.explained_variance(3):.3f}" for s in spectra),
        "  ".join(f"{s.explained_stress(2):.3f}" for s in spectra),
        *("  ".join(f"{s.dimensions(share):3d}" for s in spectra) for share in (0.95, 0.999)),
    ]


def main(arguments: list[str] | None = None) -> dict[str, dict[str, Spectrum]]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--logdir", default="linear_ribbon")
    parser.add_argument("--fast", action="store_true")
    options = parser.parse_args(arguments)
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")
    warnings.filterwarnings("ignore", message="The number of training batches")
    warnings.filterwarnings("ignore", message=".*treespec, LeafSpec.*")
    pl.seed_everything(0, verbose=False)
    steps = 100 if options.fast else options.steps
    console = Console(width=150)
    images, labels = digits(300)
    inputs = {f"c = {c}": sloppy(c) for c in (0.2, 0.5)} | {"digits": images}
    panels: dict[str, dict[str, Spectrum]] = {}

    runs = 1000 if options.fast else 2000
    caption = "scale: targets ÷ initial weights"
    table = table_of(f"Linear, squared loss, {runs} runs, T = {steps}", caption, ["predicted", "measured"])
    for name, x in inputs.items():
        # Synthetic targets have the same weight on every mode, digits are told apart by parity.
        best = input_spectrum(x).vectors.float() @ torch.randn(x.shape[1]).sign() if name != "digits" else None
        y = x @ best if best is not None else (1.0 - 2 * (labels % 2))
        c = input_spectrum(x).slope
        for scale in (0.01, 1.0, 100.0):
            case = f"{name}, scale {scale:g}"
            predicted, measured = squared(x, y, scale, steps, runs)
            panels[case] = {"predicted": predicted, "measured": measured}
            table.add_row(f"{case} (c {c.value:.2f}, R² {c.r_squared:.2f})", *figures_of(predicted, measured))
    console.print(table)

    runs = 3 if options.fast else 10
    caption = "torch's initial weights; recorded by the monitor; the prediction is linearised about ignorance"
    table = table_of(f"Linear, softmax, T = {steps}", caption, ["predicted", "measured"])
    for name, x in inputs.items():
        teacher = torch.randn(x.shape[1], 4)
        classes = (x @ teacher).argmax(-1) if name != "digits" else labels
        for how_many, (predicted, measured) in softmax(x, classes, steps, runs).items():
            case = f"{name}, softmax, {how_many}"
            panels[case] = {"predicted": predicted, "measured": measured}
            table.add_row(case, *figures_of(predicted, measured))
    console.print(table)

    samples, width = (40, 16) if options.fast else (100, 64)
    caption = "one run; c of the kernels, first and last, in brackets"
    names = ["first kernel", "last kernel", "measured"]
    table = table_of(f"Digits, one hidden layer of {width}, T = {steps}", caption, names)
    for loss in ("squared loss", "softmax"):
        for seed in range(1 if options.fast else 3):
            found = hidden_layer(images[:samples], labels[:samples], steps, width, loss == "squared loss")
            case = f"hidden layer, {loss}"
            panels[case] = {name: found[name] for name in names}
            decay = f"c {found['c, first kernel']:.3f}, {found['c, last kernel']:.3f}"
            table.add_row(f"{loss}, run {seed} ({decay})", *figures_of(*panels[case].values()))
    console.print(table)

    where = Path(options.logdir)
    where.mkdir(parents=True, exist_ok=True)
    shown = [case for case in panels if case.startswith(("digits", "hidden")) and not case.endswith(" runs")]
    draw_spectra({case: panels[case] for case in shown}, f"T = {steps}").savefig(where / "spectra.png", dpi=100)
    size = 12 if options.fast else 64
    decay, scale = torch.linspace(0.02, 1.5, size), torch.logspace(-2, 2, size)
    count = torch.unique(torch.logspace(0.31, 6, size).round())
    diagrams = [phase_diagram(decay, scale, 1000), phase_diagram(decay, 100.0, count), phase_diagram(0.5, scale, count)]
    draw_phase_diagram(diagrams, "Linear theory, 60 modes").savefig(where / "phase_diagram.png", dpi=100)
    console.print(f"The figures: {where / 'spectra.png'} and phase_diagram.png", highlight=False, soft_wrap=True)
    return panels


if __name__ == "__main__":
    main()
