"""The models that ``gpu.py`` measures: torchvision's ResNets and ViT-B, and a language model of the size of GPT-2."""

import lightning.pytorch as pl
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from lightning_infogeo import Probe

CONTEXT = 512


class Trained(pl.LightningModule):
    """Any network of logits with a cross entropy."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> Tensor:
        """Returns logits of classes, or of tokens."""
        return self.net(x)

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """Returns the loss."""
        logits = self(batch[0])
        return nn.functional.cross_entropy(logits.flatten(0, -2), batch[1].flatten())

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Plain, since what a step takes is not of interest."""
        return torch.optim.SGD(self.parameters(), lr=1e-3)


class Block(nn.Module):
    """A layer of a transformer, normalised before attention and before the two dense layers."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.before, self.between = nn.LayerNorm(width), nn.LayerNorm(width)
        self.mixed, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.wide = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        """Takes and returns shape (n, t, width)."""
        q, k, v = self.mixed(self.before(x)).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        attended = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(attended.transpose(1, 2).flatten(2))
        return x + self.wide(self.between(x))


class LanguageModel(nn.Module):
    """As large as GPT-2: 124 million parameters, 50,257 tokens."""

    def __init__(self, width: int = 768, layers: int = 12, heads: int = 12, vocabulary: int = 50_257) -> None:
        super().__init__()
        self.tokens, self.places = nn.Embedding(vocabulary, width), nn.Embedding(1024, width)
        self.blocks = nn.Sequential(*(Block(width, heads) for _ in range(layers)))
        self.last, self.head = nn.LayerNorm(width), nn.Linear(width, vocabulary, bias=False)
        for part in (self.tokens, self.places):
            nn.init.normal_(part.weight, std=0.02)
        self.head.weight = self.tokens.weight

    def forward(self, ids: Tensor) -> Tensor:
        """Returns logits (n, t, V)."""
        places = self.places.weight[: ids.shape[1]]
        return self.head(self.last(self.blocks(self.tokens(ids) + places)))


def images(name: str, quick: bool) -> tuple[pl.LightningModule, DataLoader, Probe, str]:
    """Returns model, loader of training, probe, and the kind of output.

    Args:
        name: "ResNet-18", "ResNet-50" or "ViT-B".
        quick: whether images are tiny.

    Raises:
        ImportError: without torchvision.
    """
    from torchvision import models

    size, samples, batch, classes = (32, 8, 4, 10) if quick else (224, 512, 64, 1000)
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(samples, 3, size, size, generator=generator)
    y = torch.randint(classes, (samples,), generator=generator)
    if name == "ViT-B":
        net = models.VisionTransformer(size, 16, 12, 12, 768, 3072, num_classes=classes)
    else:
        net = getattr(models, name.lower().replace("-", ""))(num_classes=classes)
    return Trained(net), DataLoader(TensorDataset(x, y), batch_size=batch), Probe(x, y), "categorical"


def language_model(quick: bool) -> tuple[pl.LightningModule, DataLoader, Probe, str]:
    """Returns what ``images`` does."""
    sizes = {"width": 32, "layers": 2, "heads": 2, "vocabulary": 500} if quick else {}
    net, samples, batch, context = LanguageModel(**sizes), *((8, 4, 16) if quick else (16, 8, CONTEXT))
    ids = torch.randint(net.head.out_features, (samples, context + 1), generator=torch.Generator().manual_seed(0))
    x, y = ids[:, :-1].contiguous(), ids[:, 1:].contiguous()
    return Trained(net), DataLoader(TensorDataset(x, y), batch_size=batch), Probe(x, y), "tokens"
