"""Archives of synthetic runs, written as a monitor writes them."""

import torch

from lightning_infogeo.archive import ArchiveWriter, Folder, Row

QUANTITIES = ("velocity", "length", "distance_to_truth", "progress")


def write(
    path, recording, *, events=(), fingerprint=None, bad=(), probe="val", weights=False, more=None, dtype="float32"
):
    """Writes a ``Recording``; the records at the places ``bad`` had logits that were not finite."""
    writer = ArchiveWriter(Folder(path), recording.metadata)
    constants = {} if recording.labels is None else {"labels": recording.labels.numpy()}
    attributes = {"schedule": "every step", "lag": 1, "fingerprint": fingerprint or recording.fingerprint}
    shape = tuple(recording.amplitudes.shape[1:])
    probes = {probe: recording, **(more or {})}
    for name in probes:
        writer.add(name, QUANTITIES, attributes, shape, dtype, constants)
    if weights:
        writer.add(
            "parameters/network", ("velocity", "length", "floor", "interval"), {"schedule": "every step", "lag": 1}
        )
    for k, step in enumerate(recording.steps.tolist()):
        nan = k in bad
        rows = {}
        for name, one in probes.items():
            values = [float("nan")] * 4 if nan else [0.1 / (k + 1), 0.1 * k, 1 / (k + 1), min(1.0, k / 10)]
            predictions = one.amplitudes[k].to(torch.float32)
            rows[name] = Row(values, (predictions * (float("nan") if nan else 1)).numpy())
        if weights:
            rows["parameters/network"] = Row([0.01, 0.02 * k, 0.001, 1.0])
        writer.append(step, rows)
    writer.append(0, {}, list(events))
    writer.commit()
    writer.close()
    return path
