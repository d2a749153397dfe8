"""Made-up answers of the tab's server, for looking at its page and for tests of the page alone."""

import numpy as np

HOSTILE = '<img src=x onerror="alert(1)">/</script><b>run</b> & "quotes" \u202e\u2066 ' + "long_" * 40
CIFAR = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
NUMBERS = ("progress", "distance_to_truth", "accuracy", "velocity", "length", "entropy")


class TabAnswers:
    """A log directory that does not exist: so many runs with so many records, as the HTTP interface states them.

    Args:
        runs: how many runs.
        records: of each run.
        samples: of the probe.
        classes: of the probe, named from 10 down, numbered above.
        labelled: whether the probe has labels.
        hostile: whether runs, metadata, classes, and events are called what would be markup, or is very long.
    """

    def __init__(self, runs=12, records=34, samples=512, classes=10, labelled=True, hostile=False):
        self.random = np.random.default_rng(0)
        self.labelled, self.classes, self.samples = labelled, classes, samples
        kinds = [("linear", "adam"), ("linear", "sgd"), ("narrow", "adam"), ("wide", "sgd")]
        self.names = [f"{kinds[i % 4][0]}_{kinds[i % 4][1]}_{i // 4}" for i in range(runs)]
        if hostile:
            self.names = [f"{HOSTILE}{i}" for i in range(runs)]
        self.kinds, self.hostile = [kinds[i % 4] for i in range(runs)], hostile
        self.class_names = None if classes > 10 else CIFAR[:classes]
        if hostile and self.class_names:
            self.class_names = [f"<i>{name}</i>" + "x" * 60 for name in self.class_names]
        self.labels = self.random.integers(0, classes, samples)
        self.turn = self.random.normal(size=(runs, 4))
        self.grow(records)

    def grow(self, records, last=4000):
        """Makes every run of so many records, up to a step."""
        self.records = records
        self.steps = np.unique(np.round(np.geomspace(1, last + 1, 3 * records) - 1).astype(int))
        self.steps = self.steps[np.round(np.linspace(0, len(self.steps) - 1, records)).astype(int)]
        self.revision = f"r{records}"

    def path(self, run):
        """Returns coordinates, progress and distance of a run, a row a record."""
        rate = 1.2 + 0.6 * np.tanh(self.turn[run, 0])
        progress = 1 - np.exp(-rate * (np.log1p(self.steps) / np.log(4001)) ** 3 * 3)
        overfit = self.overfits(run) * np.clip(np.log1p(self.steps) / np.log(4001) - 0.75, 0, None)
        angle = np.pi / 2 * progress
        bow = np.sin(2 * angle)
        wiggle = 0.012 * np.random.default_rng(run).normal(size=(len(progress), 3))
        x = np.cos(angle) * 1.1 - 0.35 - 0.2 * overfit
        y = 0.25 * bow * (0.8 + 0.3 * self.turn[run, 1]) + 0.9 * overfit
        z = 0.18 * bow * self.turn[run, 2] + 0.35 * overfit * self.turn[run, 3]
        distance = 0.1 + 1.05 * (1 - progress) + 0.5 * overfit
        return np.stack([x, y, z], -1) + wiggle, progress, distance

    def overfits(self, run):
        """Returns whether a run is one that overfits."""
        return float(run % 4 == 2)

    def state(self):
        """Returns the answer to ``state``."""
        runs = []
        for i, name in enumerate(self.names):
            model, optimizer = self.kinds[i]
            events = [self._event("knee", 36, 60, 0.4)]
            if self.overfits(i) and self.steps[-1] > 825:
                events.append(self._event("overfitting", 670, 825, 0.18))
            if i % 4 == 0 and self.steps[-1] > 400:  # flags that were withdrawn again, and one that stands
                events += [self._event("overfitting", 100, 150, 0.1), self._event("recovered", 193, 193, 0.0)]
            metadata = {"model": model, "optimizer": optimizer, "lr": 10.0 ** -(i % 3 + 1), "seed": i // 4}
            if self.hostile:
                metadata["<script>alert(2)</script>"] = HOSTILE if i % 2 else "short"
            verdict = (
                "flag since 670"
                if self.overfits(i) and len(events) > 1
                else "watch: up 1.2 % since 1,020"
                if i % 4 == 1
                else "clean"
            )
            runs.append(
                {
                    "name": name,
                    "monitor": "infogeo",
                    "metadata": metadata,
                    "events": events,
                    "verdicts": {"val": verdict},
                    "last": int(self.steps[-1]),
                    "planned": 4000,
                    "ended": bool(i % 3),
                    "continues": self.names[0] if i == 5 else None,
                }
            )
        maps = [self._map("a1", "val", False), self._map("b2", "train", True)]
        return {"format": 1, "problem": None, "revision": self.revision, "maps": maps, "runs": runs}

    def _event(self, name, step, detected_at, strength):
        headline = f"{name} on val since step {step}, known at {detected_at}"
        event = {"name": name, "probe": "val", "step": step, "detected_at": detected_at, "strength": strength}
        return {**event, "headline": headline, "message": HOSTILE if self.hostile else f"{headline}: stop."}

    def _map(self, key, probe, trained):
        return {
            "key": key,
            "title": f"{probe} · {self.samples} samples of {self.classes} classes",
            "probe": probe,
            "trained": trained,
            "samples": self.samples,
            "classes": self.classes,
            "labelled": self.labelled,
            "class_names": self.class_names,
            "sketched": self.classes > 100,
            "runs": self.names,
            "records": self.records * len(self.names),
            "revision": self.revision,
        }

    def map(self, key):
        """Returns the answer to ``map``; the axes point the other way at every other length."""
        paths = [self.path(i) for i in range(len(self.names))]
        sign = 1 if self.records % 2 == 0 else -1
        angle = np.linspace(0, np.pi / 2, 11)
        way = np.stack([1.1 * np.cos(angle) - 0.35, -0.42 * np.sin(2 * angle), 0 * angle], -1) * sign
        curves = {name: [] for name in NUMBERS}
        for i, (_, progress, distance) in enumerate(paths):
            velocity = np.gradient(progress) / np.maximum(np.gradient(self.steps.astype(float)), 1) + 1e-6
            curves["progress"] += progress.tolist()
            curves["distance_to_truth"] += distance.tolist() if self.labelled else [None] * len(progress)
            curves["accuracy"] += (0.1 + 0.85 * progress - 0.05 * i / len(paths)).tolist()
            curves["velocity"] += [None, *velocity[1:].tolist()]
            curves["length"] += np.cumsum(velocity).tolist()
            curves["entropy"] += (2.3 * (1 - progress)).tolist()
        if not self.labelled:
            curves["progress"] = curves["accuracy"] = [None] * len(curves["length"])
        return {
            "key": key,
            "revision": self.revision,
            "runs": self.names,
            "member": np.repeat(np.arange(len(self.names)), self.records).tolist(),
            "steps": np.tile(self.steps, len(self.names)).tolist(),
            "wall": np.tile(1.7e9 + 0.5 * self.steps, len(self.names)).tolist(),
            "coordinates": np.concatenate([one[0] for one in paths]).dot(sign).round(4).tolist(),
            "path": way.round(4).tolist() if self.labelled else None,
            "ignorance": None if self.labelled else way[0].round(4).tolist(),
            "eigenvalues": [12.1, 3.4, -0.6],
            "timelike": [False, False, True],
            "stress": 0.968,
            "landmarks": 600 if self.records * len(self.names) > 2000 else None,
            "samples_used": self.samples,
            "curves": curves,
        }

    def item(self, sample, rise=1.0):
        """Returns an entry of a list of samples."""
        random = np.random.default_rng(sample)
        course = np.clip(np.linspace(0.1, rise, self.records) + 0.08 * random.normal(size=self.records), 0, 1)
        label = int(self.labels[sample])
        predicted = label if rise > 0.5 else (label + 1 + sample % 3) % self.classes
        return {
            "sample": int(sample),
            "label": label if self.labelled else None,
            "predicted": predicted,
            "p": round(float(course[-1]), 3),
            "p_predicted": round(0.999 - sample / 2000, 3),
            "mean_p": round(float(course.mean()), 3),
            "since": int(self.steps[sample % self.records]),
            "moved": round(float(random.uniform(0.2, 1.5)), 3),
            "course": course.round(3).tolist(),
            "picture": bool(sample % 2),
        }

    def samples_at(self, run, step, top=10):
        """Returns the answer to ``samples``."""
        at = int(np.abs(self.steps - step).argmin())
        totals = {"moved": self.samples, "forgotten": 26, "confidently_wrong": 130, "never_learnt": 3}
        few = {name: range(min(total, top)) for name, total in totals.items()}
        lists = {
            "moved": [self.item(self._some(at, i), 0.3 + 0.6 * (i % 2)) for i in few["moved"]],
            "forgotten": [self.item(self._some(at, 20 + i), 0.1) for i in few["forgotten"]],
            "confidently_wrong": [self.item(self._some(at, 40 + i), 0.02) for i in few["confidently_wrong"]],
            "never_learnt": [self.item(self._some(at, 60 + i), 0.05) for i in few["never_learnt"]],
            "memorised_late": None,
        }
        if not self.labelled:
            lists = {name: lists[name] if name == "moved" else [] for name in lists}
            totals = {name: total if name == "moved" else 0 for name, total in totals.items()}
        before = int(self.steps[at - 1]) if at else None
        answer = {"run": run, "step": int(self.steps[at]), "before": before, "steps": self.steps.tolist()}
        return {**answer, "lists": lists, "totals": totals}

    def _some(self, at, place):
        return (7 * at + 13 * place) % self.samples

    def cartography(self):
        """Returns the answer to ``cartography``."""
        count = self.samples
        confidence = np.clip(self.random.beta(3, 1, count), 0.01, 0.99)
        variability = np.sqrt(confidence * (1 - confidence)) * self.random.uniform(0.4, 0.9, count)
        margin = np.log(confidence / (1 - confidence))
        return {
            "samples": list(range(count)),
            "confidence": confidence.round(4).tolist(),
            "variability": variability.round(4).tolist(),
            "correctness": (confidence > 0.5).astype(float).tolist(),
            "forgetting": self.random.poisson(4 * variability).tolist(),
            "area_under_margin": margin.round(4).tolist(),
            "label": self.labels.tolist(),
            "predicted": ((self.labels + (confidence < 0.5)) % self.classes).tolist(),
            "picture": [bool(i % 2) for i in range(count)],
            "ranked": np.argsort(margin).tolist(),
        }

    def sample(self, sample):
        """Returns the answer to ``sample``."""
        item = self.item(sample, 0.8)
        own = np.array(item["course"])
        probabilities = None
        if self.classes <= 20:
            rest = np.random.default_rng(sample).dirichlet(np.full(self.classes - 1, 0.4))
            rows = np.insert(np.outer(1 - own, rest), int(self.labels[sample]), own, axis=1)
            probabilities = rows.round(4).tolist()
        predicted = [item["predicted"]] * self.records
        answer = {"sample": sample, "label": item["label"], "steps": self.steps.tolist(), "p": item["course"]}
        return {**answer, "predicted": predicted, "probabilities": probabilities}

    def pair(self, a, b, top=10):
        """Returns the answer to ``pair``."""
        grid = np.linspace(0.02, 0.9, 60)
        distance = 0.01 + 0.2 * np.clip(grid - 0.4, 0, None) ** 2
        shares = np.sort(self.random.gamma(1, 0.02, self.classes))[::-1]
        steps = np.round(4000 * grid**2).astype(int).tolist()
        items = [
            {**self.item(n, 0.2), "distance": 0.9 - n / 999, "other": {"predicted": int(self.labels[n]), "p": 0.9}}
            for n in (11 * i % self.samples for i in range(top))
        ]
        return {
            "a": a,
            "b": b,
            "progress": grid.round(4).tolist(),
            "distance": distance.round(5).tolist(),
            "steps": [steps, steps],
            "classes": [{"class": i, "distance": round(float(share), 5)} for i, share in enumerate(shares)],
            "samples": items,
            "total": self.samples,
        }
