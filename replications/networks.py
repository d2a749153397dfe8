"""The architectures of the replication of arXiv 2305.01604, for images of any size."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

ARCHITECTURES = ("linear", "mlp-256", "mlp-4x512", "cnn", "gru", "resnet-8", "vit")
WIDER = ("cnn-x2", "cnn-x4")


def network(name: str, shape: tuple[int, int, int], classes: int = 10) -> nn.Module:
    """Returns a freshly initialised network.

    Args:
        name: one of ``ARCHITECTURES`` or ``WIDER``.
        shape: channels, height and width of an image; height and width multiples of 4.
        classes: number of logits.

    Raises:
        ValueError: for another name.
    """
    channels, height, width = shape
    if name == "linear":
        return mlp(channels * height * width, classes)
    if name == "mlp-256":
        return mlp(channels * height * width, 256, classes)
    if name == "mlp-4x512":
        return mlp(channels * height * width, 512, 512, 512, 512, classes)
    if name in ("cnn", *WIDER):
        return _convolutions(shape, 16 * int(name.partition("-x")[2] or 1), classes)
    if name == "gru":
        return Rows(channels * width, 128, classes)
    if name == "resnet-8":
        return _residual(channels, classes)
    if name == "vit":
        return Patches(shape, 64, 4, classes)
    raise ValueError(f"`name={name!r}`: no such network; there are {', '.join((*ARCHITECTURES, *WIDER))}.")


def mlp(*sizes: int) -> nn.Sequential:
    """Returns fully connected layers of these sizes with ReLU between them."""
    layers: list[nn.Module] = [nn.Flatten()]
    for entering, leaving in pairwise(sizes):
        layers += [nn.Linear(entering, leaving), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def _convolutions(shape: tuple[int, int, int], width: int, classes: int) -> nn.Sequential:
    channels, height, breadth = shape
    return nn.Sequential(
        *(nn.Conv2d(channels, width, 5, stride=2, padding=2), nn.ReLU()),
        *(nn.Conv2d(width, 2 * width, 3, stride=2, padding=1), nn.ReLU()),
        *(nn.Flatten(), nn.Linear(2 * width * (height // 4) * (breadth // 4), classes)),
    )


class Rows(nn.Module):
    """A gated recurrent unit that reads an image row by row.

    Args:
        row: numbers in a row, all channels.
        width: of the state.
        classes: number of logits.
    """

    def __init__(self, row: int, width: int, classes: int) -> None:
        super().__init__()
        self.recurrent = nn.GRU(row, width, batch_first=True)
        self.head = nn.Linear(width, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Returns logits, shape (batch, classes)."""
        logits: Tensor = self.head(self.recurrent(x.transpose(1, 2).flatten(2))[0][:, -1])
        return logits


class Residual(nn.Module):
    """Two convolutions around which the input goes too."""

    def __init__(self, entering: int, leaving: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *(nn.Conv2d(entering, leaving, 3, stride, 1, bias=False), nn.BatchNorm2d(leaving), nn.ReLU()),
            *(nn.Conv2d(leaving, leaving, 3, 1, 1, bias=False), nn.BatchNorm2d(leaving)),
        )
        self.around = nn.Sequential()
        if stride > 1:
            self.around = nn.Sequential(nn.Conv2d(entering, leaving, 1, stride, bias=False), nn.BatchNorm2d(leaving))

    def forward(self, x: Tensor) -> Tensor:
        """Returns features, shape (batch, leaving, height ÷ stride, width ÷ stride)."""
        return torch.relu(self.body(x) + self.around(x))


def _residual(channels: int, classes: int) -> nn.Sequential:
    return nn.Sequential(
        *(nn.Conv2d(channels, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU()),
        *(Residual(16, 16, 1), Residual(16, 32, 2), Residual(32, 64, 2)),
        *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, classes)),
    )


class Patches(nn.Module):
    """A small vision transformer: four heads, no dropout, the mean of all patches read out.

    Patches are of 4 × 4 pixels, or of 7 × 7 where an image can be cut into these.

    Args:
        shape: channels, height and width of an image.
        width: of the embedding.
        depth: number of blocks.
        classes: number of logits.
    """

    def __init__(self, shape: tuple[int, int, int], width: int, depth: int, classes: int) -> None:
        super().__init__()
        channels, height, breadth = shape
        side = 4 if height % 7 or breadth % 7 else 7
        self.embed = nn.Conv2d(channels, width, side, stride=side)
        self.place = nn.Parameter(0.02 * torch.randn(height // side * (breadth // side), width))
        self.blocks = nn.Sequential(
            *(
                nn.TransformerEncoderLayer(width, 4, 2 * width, dropout=0, batch_first=True, norm_first=True)
                for _ in range(depth)
            )
        )
        self.head = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, classes))

    def forward(self, x: Tensor) -> Tensor:
        """Returns logits, shape (batch, classes)."""
        logits: Tensor = self.head(self.blocks(self.embed(x).flatten(2).mT + self.place).mean(1))
        return logits
