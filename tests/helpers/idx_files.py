"""Small data sets in the files that torchvision reads."""

import gzip

import numpy as np


def write_idx(path, values, packed=True):
    header = bytes([0, 0, 8, values.ndim]) + b"".join(size.to_bytes(4, "big") for size in values.shape)
    content = header + values.astype(np.uint8).tobytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(content) if packed else content)


def write_mnist(folder, counts=(5, 3), packed=True):
    """Writes images of 4 × 6; returns what is in each file."""
    random = np.random.default_rng(0)
    written = {}
    for split, count in zip(("train", "t10k"), counts, strict=True):
        for kind, shape in (("images-idx3", (count, 4, 6)), ("labels-idx1", (count,))):
            name = f"{split}-{kind}-ubyte" + ".gz" * packed
            written[name] = random.integers(0, 10, shape)
            write_idx(folder / "MNIST" / "raw" / name, written[name], packed)
    return written
