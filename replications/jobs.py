"""Many trainings, some of them in processes beside each other, with an estimate of the time that is left."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from replications.trainings import quiet

Job = TypeVar("Job")
Result = TypeVar("Result")


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
        console: of the progress bar.
        title: of the bar.
        cost: of a job relative to others, by which the time left is estimated.
        done: whether a job was done before and costs nothing.
    """
    left = {k: 0.0 if done(job) else cost(job) for k, job in enumerate(jobs)}
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    results: dict[int, Result] = {}
    quiet()
    with Progress(*columns, TextColumn("left"), TimeRemainingColumn(), console=console) as progress:
        # The bar runs over the cost, of which a finished job has none: the time left would come out too short.
        task = progress.add_task(f"{title}: {len(jobs)}", total=sum(left.values()))

        def collect(finished: Iterable[tuple[int, Result]]) -> None:
            for k, result in finished:
                results[k] = result
                progress.update(task, advance=left[k], description=f"{title}: {len(results)}/{len(jobs)}")

        if workers:
            # The dearest first, so that no process is left with one of them at the end.
            order = sorted(left, key=lambda k: -left[k])
            with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), quiet) as pool:
                futures = {pool.submit(work, jobs[k]): k for k in order}
                collect((futures[future], future.result()) for future in as_completed(futures))
        else:
            collect((k, work(job)) for k, job in enumerate(jobs))
    return [results[k] for k in range(len(jobs))]
