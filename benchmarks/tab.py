"""What the tab of TensorBoard costs: the map of 2,000 records, and of a further run, as the page asks for them.

    python benchmarks/tab.py [--runs 19 --records 100 --samples 512 --classes 10]

Runs are written as event files and read by TensorBoard's own loader in Python, in this process; the times are those of
the plugin's answers, from the request to the bytes of JSON: state and map with nothing known, again with nothing new,
and after one more run of as many records. Wall time, and processor time of all threads, which says the same on a busy
machine.
"""

import argparse
import resource
import sys
import tempfile
import time
from pathlib import Path

from table import report

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.tab.event_files import trajectory, write_run
from tests.tab.tab_app import TabApp


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


def write(folder: str, options: argparse.Namespace, runs: range | list[int]) -> None:
    for seed in runs:
        write_run(f"{folder}/run_{seed}", trajectory(options.records, seed, options.samples, options.classes))


if __name__ == "__main__":
    main()
