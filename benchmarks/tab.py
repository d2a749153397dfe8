"""What the tab of TensorBoard costs: the map of 2,000 records, and of a further run, as the page asks for them.

    python benchmarks/tab.py [--runs 19 --records 100 --samples 512 --classes 10 --many 500 --of 20]

Runs are written as event files and read by TensorBoard's own loader in Python, in this process; the times are those of
the plugin's answers, from the request to the bytes of JSON: state and map with nothing known, again with nothing new,
and after one more run of as many records. Wall time, and processor time of all threads, which says the same on a busy
machine.

Then many runs of few records in a TensorBoard of its own with its default loader, over HTTP: wall time as the page sees
it, which includes what is handed over from the loader's process, some 40 ms a request of the plugin and what the data
weigh. The last lines are those of a refresh after every run has grown by a record.
"""

import argparse
import json
import resource
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from table import report

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.tab.event_files import RunFiles, WrittenProbe, trajectory, write_run
from tests.tab.served import Served, installed, tensorboard
from tests.tab.tab_app import TabApp

_DISTINCT = 5
"""Runs that are written; the others are copies of them, for writing takes longer than all that is measured."""


def timed(app: TabApp, what: str, route: str, **arguments: str) -> dict[str, object]:
    wall, processor = time.perf_counter(), time.process_time()
    response = app.respond(route, **arguments)
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    assert response.status_code == 200, response.data[:300]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "request": what,
        "wall [s]": wall,
        "processor [s]": processor,
        "KB": len(response.data) / 1000,
        "peak [MiB]": peak,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=19)
    parser.add_argument("--records", type=int, default=100)
    parser.add_argument("--samples", type=int, default=512)
    parser.add_argument("--classes", type=int, default=10)
    parser.add_argument("--many", type=int, default=500, help="runs of the second table; 0 for none")
    parser.add_argument("--of", type=int, default=20, help="records of each of them")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        write(folder, options, range(options.runs))
        app = TabApp(folder)
        rows = [timed(app, "state, first", "state")]
        key = app.key()
        rows.append(timed(app, f"map of {options.runs * options.records} records, first", "map", map=key))
        rows.append(timed(app, "state, nothing new", "state"))
        rows.append(timed(app, "map, nothing new", "map", map=key))
        write(folder, options, [options.runs])
        app.reload()
        rows.append(timed(app, "state, one more run", "state"))
        rows.append(timed(app, f"map, {options.records} more records", "map", map=key))
        found = app.ask("map", map=key)
        run = found["runs"][0]
        rows.append(timed(app, "samples of a record", "samples", map=key, run=run, step=str(found["steps"][50])))
        rows.append(timed(app, "cartography of a run", "cartography", map=key, run=run))
        rows.append(timed(app, "two runs", "pair", map=key, a=run, b=found["runs"][1]))
    settings = f"{options.samples} samples of {options.classes} classes"
    report("tab", f"The tab: {settings}; landmarks {found['landmarks']}, samples used {found['samples_used']}", rows)
    if options.many:
        report("tab_many", f"{options.many} runs of {options.of} records, default loader: {settings}", many(options))


def many(options: argparse.Namespace) -> list[dict[str, object]]:
    """Returns the rows of many runs in a TensorBoard of its own."""
    runs, rows = options.many, []
    probe = WrittenProbe(samples=options.samples, classes=options.classes)
    courses = [
        trajectory(options.of + 1, seed, options.samples, options.classes) for seed in range(min(runs, _DISTINCT))
    ]
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as site:
        for seed, course in enumerate(courses):
            write_run(f"{folder}/run_{seed}", course[:-1], probe)
        for number in range(len(courses), runs):
            shutil.copytree(f"{folder}/run_{number % len(courses)}", f"{folder}/run_{number}")
        with tensorboard(folder, installed(site)) as served:
            until_listed(served, runs)
            state = asked(served, rows, "state, first", "state")
            key = state["maps"][0]["key"]
            asked(served, rows, "map, first", "map", map=key)
            asked(served, rows, "state, nothing new", "state")
            asked(served, rows, "map, nothing new", "map", map=key)
            for number in range(runs):
                files = RunFiles(f"{folder}/run_{number}")
                files.record(options.of, probe, courses[number % len(courses)][-1])
                files.close()
            time.sleep(10)  # until the loader has read it
            asked(served, rows, "state, all have grown", "state")
            asked(served, rows, "map, all have grown", "map", map=key)
    return rows


def until_listed(served: Served, runs: int) -> None:
    """Waits until TensorBoard has read all runs, by what it says itself, so that the plugin's answer is its first."""
    while len(json.loads(served.fetch("data/runs")[2])) < runs:
        time.sleep(1)
    time.sleep(5)  # for their last records


def asked(served: Served, rows: list[dict[str, object]], what: str, route: str, **arguments: str) -> dict[str, Any]:
    """Adds the row of a request, and returns its answer."""
    start = time.perf_counter()
    code, answer = served.get(route, **arguments)
    wall = time.perf_counter() - start
    assert code == 200, answer
    records = len(answer["steps"]) if route == "map" else sum(one["records"] for one in answer["maps"])
    rows.append({"request": what, "records": records, "wall [s]": wall})
    return answer


def write(folder: str, options: argparse.Namespace, runs: range | list[int]) -> None:
    for seed in runs:
        write_run(f"{folder}/run_{seed}", trajectory(options.records, seed, options.samples, options.classes))


if __name__ == "__main__":
    main()
