"""What `lightning-infogeo compare` and `report` of many runs take: processor time and memory by the number of runs.

    OMP_NUM_THREADS=1 python benchmarks/many_runs.py [--runs 50 100 200] [--records 100] [--samples 512] [--tree DIR]

Archives as a monitor writes them are read from a disk. Each command is a process of its own; its time is that of the
processor, its memory the peak of the process, both with the imports. ``--tree`` measures another checkout.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from table import report

ROOT = Path(__file__).parents[1]
CLASSES = 10
COMMAND = """
import sys, time
from pathlib import Path
from lightning_infogeo.cli import main
status = main(sys.argv[2:])
peak = Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]
Path(sys.argv[1]).write_text(f"{time.process_time()} {int(peak) / 1024}")
sys.exit(status)
"""


def spent(arguments: list[str], tree: Path, note: Path) -> tuple[float, float]:
    """Returns the seconds of the processor and the peak memory in MiB of a command; Linux."""
    environment = {**os.environ, "PYTHONPATH": str(tree), "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1"}
    command = [sys.executable, "-c", COMMAND, str(note), *arguments]
    subprocess.run(command, cwd=tree, env=environment, stdout=subprocess.DEVNULL, check=True)
    seconds, peak = note.read_text().split()
    return float(seconds), float(peak)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", nargs="+", type=int, default=[50, 100, 200])
    parser.add_argument("--records", type=int, default=100)
    parser.add_argument("--samples", type=int, default=512)
    parser.add_argument("--tree", type=Path, default=ROOT, metavar="DIR")
    options = parser.parse_args()
    torch.set_num_threads(1)
    sys.path.insert(0, str(ROOT))
    from tests.helpers.synthetic_archives import write
    from tests.helpers.synthetic_runs import training

    rows: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory() as folder:
        note, tree = Path(folder) / "note", options.tree.resolve()
        paths = [Path(folder) / "runs" / f"{seed:03}" / "infogeo.zarr" for seed in range(max(options.runs))]
        for seed, path in enumerate(paths):
            write(path, training(seed, options.records, options.samples, CLASSES, way=seed % 4, dtype=torch.float32))
        for count in options.runs:
            given = [str(path) for path in paths[:count]]
            row: dict[str, object] = {"runs": count, "records": options.records, "samples": options.samples}
            commands = {"compare": ["compare", *given], "report": ["report", *given, "-o", f"{folder}/report.html"]}
            for name, command in commands.items():
                row[f"{name} [s]"], row[f"{name}: peak [MiB]"] = spent(command, tree, note)
            rows.append(row)
            print(row, flush=True)
    report("many_runs", f"Comparing runs of {CLASSES} classes, processor time and peak memory", rows)


if __name__ == "__main__":
    main()
