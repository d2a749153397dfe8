"""An archive with a probe's inputs and the neurons of a layer."""

import torch

from lightning_infogeo.archive import ArchiveWriter, Folder, Row, to_arrays
from lightning_infogeo.geodesics import geodesic, ignorance, truth

STEPS = torch.arange(80)


LABELS = torch.arange(30) % 3


INPUTS = torch.randn(30, 5, generator=torch.Generator().manual_seed(0)) * torch.tensor([4.0, 2.0, 1.0, 0.5, 0.2])


def vectors(neurons=4, fan_in=6):
    """Neurons that part in two: half go one way, half the other."""
    way = torch.zeros(neurons, fan_in)
    way[::2, 0], way[1::2, 1] = 1, -1
    return STEPS[:, None, None] / 80 * way + 1e-3 * torch.arange(neurons)[None, :, None]


def recorded(path):
    """Writes a run along the geodesic, with the inputs of its probe and the neurons of a layer."""
    writer = ArchiveWriter(Folder(path), {})
    tree, arrays = to_arrays(INPUTS)
    constants = {"labels": LABELS.numpy(), "inputs/0": arrays[0]}
    writer.add("val", ["length"], {"fingerprint": "f", "inputs": tree}, (30, 3), constants=constants)
    writer.add("neurons/net.0", (), {}, (4, 6), kind="vectors")
    for k, step in enumerate(STEPS.tolist()):
        like = torch.zeros(30, 3)
        amplitudes = geodesic(ignorance(like), truth(LABELS, like), 0.9 * k / 80).numpy()
        writer.append(step, {"val": Row([float(k)], amplitudes), "neurons/net.0": Row([], vectors()[k].numpy())})
    writer.commit()
    writer.close()
