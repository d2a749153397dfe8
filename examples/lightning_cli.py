"""The monitor from a YAML file: python examples/lightning_cli.py fit --config examples/lightning_cli.yaml."""

import torch
from lightning.pytorch import LightningDataModule
from lightning.pytorch.cli import LightningCLI
from torch import Tensor
from torch.utils.data import DataLoader

from lightning_infogeo.demo import DigitsClassifier, digits


class Digits(LightningDataModule):
    """scikit-learn's digits, a quarter of the training labels wrong."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        self.train, self.val = digits(seed)

    def train_dataloader(self) -> DataLoader:
        return self.train

    def val_dataloader(self) -> DataLoader:
        return self.val


def cooled_logits(module: DigitsClassifier, inputs: Tensor) -> Tensor:
    """An example of a ``logits_fn``: the classifier at temperature 2."""
    return module(inputs) / 2


def main(args: list[str] | None = None) -> LightningCLI:
    torch.set_float32_matmul_precision("high")
    return LightningCLI(DigitsClassifier, Digits, args=args)


if __name__ == "__main__":
    main()
