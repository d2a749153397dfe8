"""Trainings in processes that Lightning makes; a module of their own, since "spawn" imports what it runs."""

import json
import sys
import warnings

import torch

from lightning_infogeo import InfoGeometryMonitor
from tests.helpers.classifiers import Classifier, fit


class Failing(Classifier):
    def training_step(self, batch, batch_idx):
        if self.global_step == 3:
            raise RuntimeError("a mistake in the third step")
        return super().training_step(batch, batch_idx)


def seen(monitor):
    return {
        "values": {name: t.state_dict()["values"].nan_to_num(-1).tolist() for name, t in monitor.trajectories.items()},
        "steps": {name: t.steps.tolist() for name, t in monitor.trajectories.items()},
        "kept": {name: t.distances.tolist() for name, t in monitor.trajectories.items() if t.kept},
        "events": [list(event) for event in monitor.events],
        "verdicts": {name: repr(verdict) for name, verdict in monitor.verdicts.items()},
        "neurons": {layer: steps.tolist() for layer, (steps, _) in monitor.neuron_trajectories.items()},
    }


def main(folder, strategy, model, devices=2, **options):
    torch.set_num_threads(1)
    monitor = InfoGeometryMonitor(schedule=1, probe_size=30, **options)
    error = None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            fit(monitor, folder, model, strategy=strategy, devices=devices, max_steps=6)
        except Exception as raised:
            error = str(raised).strip().splitlines()[-1]
    print(json.dumps({"error": error, **seen(monitor), "again": seen(monitor)}))


if __name__ == "__main__":
    folder, strategy, model, options = sys.argv[1:]
    main(folder, strategy, {"Classifier": Classifier, "Failing": Failing}[model], **json.loads(options))
