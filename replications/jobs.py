"""Many trainings, some of them in processes beside each other, with an estimate of the time that is left."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TypeVar

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from replications.trainings import quiet

Job = TypeVar("Job")
Result = TypeVar("Result")


class JobError(RuntimeError):
    """One of the jobs failed; the message says which, why, and how to go on."""


def run(
    jobs: Sequence[Job],
    work: Callable[[Job], Result],
    workers: int,
    console: Console,
    title: str = "training",
    cost: Callable[[Job], float] = lambda job: 1.0,
    done: Callable[[Job], bool] = lambda job: False,
) -> list[Result]:
    """Returns ``work(job)`` for every job, in their order.

    Args:
        jobs: to be done; those that were done before are expected to return at once.
        work: of one job; a function of a module, so that other processes find it.
        workers: processes; 0 works in this one.
        console: of the progress bar, and of what is said where it ends early.
        title: of the bar.
        cost: of a job relative to others, by which the time left is estimated.
        done: whether a job was done before and costs nothing.

    Raises:
        JobError: as soon as a job fails; those that have not begun are not begun. It says so before it waits for those
            that run.
    """
    left = {k: 0.0 if done(job) else cost(job) for k, job in enumerate(jobs)}
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    results: dict[int, Result] = {}
    quiet()
    with Progress(*columns, TextColumn("left"), TimeRemainingColumn(), console=console) as progress:
        # The bar runs over the cost, of which a finished job has none: the time left would come out too short.
        task = progress.add_task(f"{title}: {len(jobs)}", total=sum(left.values()))

        def say(what: str) -> str:
            kept = f"{len(results)} of {len(jobs)} are finished and kept: the same command goes on from there."
            kept = f"No other is begun; those that run beside are waited for. {kept}" if workers else kept
            progress.console.print(escape(f"{title}: {what} {kept}"), highlight=False)
            return f"{what} {kept}"

        def collect(k: int, get: Callable[[], Result]) -> None:
            try:
                results[k] = get()
            except Exception as why:
                reason = f"{name_of(jobs[k])} failed, {type(why).__name__}: {str(why).rstrip('.')}."
                raise JobError(say(reason)) from why
            progress.update(task, advance=left[k], description=f"{title}: {len(results)}/{len(jobs)}")

        pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), quiet) if workers else None
        try:
            if pool is None:
                for k, job in enumerate(jobs):
                    collect(k, partial(work, job))
            else:
                # The dearest first, so that no process is left with one of them at the end; and no more than there are
                # processes, since those that wait within the pool cannot be called off.
                order = iter(sorted(left, key=lambda k: -left[k]))
                running = {pool.submit(work, jobs[k]): k for k in islice(order, workers)}
                while running:
                    ended = wait(running, return_when=FIRST_COMPLETED).done
                    for future in sorted(ended, key=lambda one: one.exception() is not None):
                        collect(running.pop(future), future.result)
                    for k in islice(order, workers - len(running)):
                        running[pool.submit(work, jobs[k])] = k
        except (KeyboardInterrupt, SystemExit):  # Lightning ends the process in which it is interrupted
            say("Interrupted.")
            raise
        finally:
            if pool is not None:
                pool.shutdown(cancel_futures=True)
    return [results[k] for k in range(len(jobs))]


def name_of(job: object) -> str:
    """Returns what a job is called: its name, or that of its file."""
    name, path = getattr(job, "name", None), getattr(job, "path", None)
    return name if isinstance(name, str) else path.stem if isinstance(path, Path) else str(job)
