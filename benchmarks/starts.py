"""What a start imports and how long it takes: the package, the command line, and comparing two small archives.

    python benchmarks/starts.py [--rounds 3] [--tree DIR]

Each start is a fresh process, in turns; the least processor time of all rounds counts. ``--tree`` measures another
checkout of this project. Modules and times are beyond what a row names, the interpreter's own start if nothing.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
PROCESS = """
import sys, time
{before}
known, began = {{*sys.modules}}, time.process_time()
try:
    {code}
except SystemExit:
    pass
spent, added = time.process_time() - began, {{*sys.modules}} - known
others = {{module for module in added if not module.startswith(("lightning_infogeo", "infogeo_tensorboard"))}}
others = {{module for module in others if module.partition(".")[0] not in sys.stdlib_module_names}}
print()
print(spent, len(added), len(others))
"""
NOTHING, TORCH, LIGHTNING = "", "import torch", "import lightning.pytorch"


def starts(runs: str, page: str) -> list[tuple[str, str, str]]:
    """Returns what is started: its name, what is imported before, and the code."""
    command = "from lightning_infogeo.cli import main; main({!r})".format
    return [
        ("import torch", NOTHING, TORCH),
        ("import lightning.pytorch", NOTHING, LIGHTNING),
        ("import lightning_infogeo", LIGHTNING, "import lightning_infogeo"),
        (
            "from lightning_infogeo import InfoGeometryMonitor",
            LIGHTNING,
            "from lightning_infogeo import InfoGeometryMonitor",
        ),
        ("lightning-infogeo --version", NOTHING, command(["--version"])),
        ("lightning-infogeo --help", NOTHING, command(["--help"])),
        ("lightning-infogeo compare --help", NOTHING, command(["compare", "--help"])),
        ("lightning-infogeo report --help", NOTHING, command(["report", "--help"])),
        ("lightning-infogeo compare", TORCH, command(["compare", runs])),
        ("lightning-infogeo report", TORCH, command(["report", runs, "-o", page])),
    ]


def started(before: str, code: str, tree: Path) -> tuple[float, int, int]:
    """Returns processor seconds, modules, and those among them neither of this project nor of Python."""
    command = [sys.executable, "-c", PROCESS.format(before=before, code=code)]
    environment = {**os.environ, "PYTHONPATH": str(tree), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, check=True)
    seconds, modules, others = done.stdout.splitlines()[-1].split()
    return float(seconds), int(modules), int(others)


def two_archives(folder: Path) -> None:
    sys.path.insert(0, str(ROOT))
    from tests.helpers.synthetic_archives import write
    from tests.helpers.synthetic_runs import training

    for seed in range(2):
        write(folder / str(seed) / "infogeo.zarr", training(seed))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tree", type=Path, default=ROOT, metavar="DIR")
    options = parser.parse_args()
    least: dict[str, tuple[float, int, int]] = {}
    with tempfile.TemporaryDirectory() as folder:
        runs = Path(folder) / "runs"
        two_archives(runs)
        for _ in range(options.rounds):
            for name, before, code in starts(str(runs), f"{folder}/report.html"):
                found = started(before, code, options.tree.resolve())
                least[name] = min(found, least.get(name, found))
    torch = least["import torch"][0]
    rows: list[dict[str, object]] = []
    for name, before, _ in starts("", ""):
        seconds, modules, others = least[name]
        rows.append(
            {
                "start": name,
                "beyond": before or "–",
                "modules": modules,
                "neither ours nor Python's": others,
                "processor time, s": seconds,
                "÷ import torch": seconds / torch,
            }
        )
    from table import report  # imports Lightning, which would take its time before the first start

    report("starts", f"Starts, {options.rounds} rounds: least processor time", rows)


if __name__ == "__main__":
    main()
