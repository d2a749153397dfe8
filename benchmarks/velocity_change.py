"""What the marker of abrupt changes is worth: learning-rate drops it should see, and trainings without any.

    python benchmarks/velocity_change.py [--half reporting]

The trainings are the mixed suite of ``onset_runs.py`` (made on the first call), each seen on both probes. A drop is
found where an event is dated within two records after it; whatever else the marker says of a run is false. Records to a
false alarm: those of trainings without a drop ÷ their events.
"""

from __future__ import annotations

import argparse
import math
import statistics

import torch
from onset_judgement import SPACINGS, spaced
from onset_runs import load, settings
from table import report
from torch import Tensor

from lightning_infogeo.markers import VelocityChange


def events(steps: Tensor, velocity: Tensor) -> list[tuple[int, int]]:
    """Step and step of detection of all events."""
    marker = VelocityChange()
    state, found = marker.start(torch.zeros((), dtype=torch.float64)), []
    for step, value in zip(steps.tolist(), velocity, strict=True):
        before = state.firing.times
        state = marker.extend(state, step, value[None])
        if state.firing.times > before:
            found.append((int(state.firing.step), int(state.firing.detected_at)))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--half", choices=["reporting", "tuning"], default="reporting")
    options = parser.parse_args()
    torch.set_num_threads(1)
    chosen = [s for s in settings() if s.suite == "mixed" and s.tuning == (options.half == "tuning")]
    rows: list[dict[str, object]] = []
    for spacing in SPACINGS:
        seen, late, elsewhere, quiet, records, alarms = [], [], 0, [], 0, 0
        for setting in chosen:
            for seed in range(setting.seeds):
                run = load(setting, seed)
                kept = spaced(run.steps, spacing)
                steps = run.steps[kept]
                for probe in (0, 1):
                    found = events(steps, run.velocities[kept, probe])
                    if setting.schedule == "drop":
                        drop = setting.steps // 2
                        window = steps[steps > drop][:2].tolist()
                        right = [known for step, known in found if step in window]
                        seen.append(bool(right))
                        late += [math.log(known / drop) for known in right[:1]]
                        elsewhere += len(found) - len(right)
                    else:
                        quiet.append(not found)
                        records += len(steps)
                        alarms += len(found)
        rows.append(
            {
                "spacing": spacing,
                "drops": len(seen),
                "found": statistics.fmean(seen),
                "median known ÷ drop": math.exp(statistics.median(late)),
                "other events there": elsewhere,
                "without a drop": len(quiet),
                "of these quiet": statistics.fmean(quiet),
                "records to a false alarm": records / max(alarms, 1),
            }
        )
    report(f"velocity_change_{options.half}", f"Abrupt changes of velocity, settings for {options.half}", rows)


if __name__ == "__main__":
    main()
