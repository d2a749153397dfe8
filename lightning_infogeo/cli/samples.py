"""``lightning-infogeo samples``: what happened to the single samples of a recorded run."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from infogeo_tensorboard.answers import Answers, moved
from lightning_infogeo.archive import ArchiveError
from lightning_infogeo.cli.errors import Exit, Failure
from lightning_infogeo.cli.progress import print_message, print_note, table_console
from lightning_infogeo.cli.run_checks import notes_on
from lightning_infogeo.cli.runs import OpenedRun, locate_runs, open_runs
from lightning_infogeo.cli.terminal_tables import number
from lightning_infogeo.comparison.compatibility import listed
from lightning_infogeo.loggers import FittedTable
from lightning_infogeo.probe.discovery import held_out
from lightning_infogeo.samples import read_answers


class SampleCourse(NamedTuple):
    """What is known of the samples of a run up to a record.

    Attributes:
        run: of which.
        steps: of its records, up to this one.
        answers: at these.
        moved: distance of each sample from the record before, rad, shape (N,); None at the first.
    """

    run: OpenedRun
    steps: list[int]
    answers: Answers
    moved: np.ndarray[Any, np.dtype[np.float64]] | None


def list_samples(options: Any) -> None:
    """Prints the lists of samples of the run at ``options.path``, and writes all samples to ``options.csv``.

    Raises:
        Failure: where there is not one run, or the file cannot be written.
    """
    locations, notes = locate_runs([options.path], options.probe, skip=None)
    if len(locations) > 1:
        names = listed([location.name for location in locations])
        raise Failure(f"{options.path!r} holds {len(locations)} runs ({names}); give the path of one.", Exit.USAGE)
    course = _course(open_runs(locations)[0], options.step)
    if options.csv is not None:  # before anything is printed, which may fail
        _write(course, options.csv)
    console = table_console()
    empty = []
    for one in lists_of(course):
        if not len(one.samples):
            empty.append(one.title.partition(":")[0].lower())
            continue
        console.print(_table(course, one, options.top))
        console.print()
    if empty:
        console.print(f"No sample is in the list{'s' * (len(empty) > 1)}: {'; '.join(empty)}.")
    for note in [*notes, *notes_on([course.run]), *_notes(course)]:
        print_note(note)
    if options.csv is not None:
        print_message(f"Written to {options.csv}: {len(course.answers.predicted[0])} samples")


class SampleList(NamedTuple):
    """A list of samples, those first that it is about most.

    Attributes:
        title: what they are.
        samples: their indices in the probe.
        heading: of the values.
        values: of all samples of the probe, shape (N,).
    """

    title: str
    samples: np.ndarray[Any, np.dtype[np.int64]]
    heading: str
    values: np.ndarray[Any, Any]


def lists_of(course: SampleCourse) -> Iterator[SampleList]:
    """Yields the lists of samples that can be told of a course."""
    _, steps, answers, distances = course
    if answers.labels is not None:
        margin = answers.area_under_margin()
        title = "Likely label errors: smallest area under the margin"
        yield SampleList(title, answers.ranked(), "area [nats]", margin)
    if distances is not None:
        order = np.argsort(-distances, kind="stable")
        yield SampleList(f"Moved most since step {steps[-2]}", order, "moved [rad]", distances)
    if answers.labels is None:
        return
    forgotten, wrong, never = answers.forgotten(), answers.confidently_wrong(), answers.never_learnt()
    yield SampleList(
        "Forgotten: wrong, and right at an earlier record", forgotten, "times", answers.forgetting_events()
    )
    yield SampleList("Confidently wrong", wrong, "p(predicted)", answers.p_predicted[-1])
    yield SampleList("Never learnt: right at no record", never, "mean p(label)", answers.confidence())
    if not held_out(course.run.probe):
        since = np.array([-1 if record < 0 else steps[record] for record in answers.right_since()])
        yield SampleList("Memorised late, and right since", answers.memorised_late(), "since step", since)


def _table(course: SampleCourse, one: SampleList, top: int) -> FittedTable:
    answers, count = course.answers, len(one.samples)
    labels = answers.labels
    some = "" if count == len(answers.predicted[0]) else f" ({count} sample{'s' * (count != 1)})"
    table = FittedTable(one.title + some)
    for column in ("sample", *(() if labels is None else ("label",)), "predicted"):
        table.add_column(column)
    table.add_column("p(predicted)" if labels is None else "p(label)")
    table.add_column(one.heading)
    p = (answers.p_predicted if labels is None else answers.p)[-1]
    for n in one.samples[:top].tolist():
        label = () if labels is None else (str(labels[n]),)
        table.add_row(str(n), *label, str(answers.predicted[-1, n]), number(p[n].item()), number(one.values[n].item()))
    return table


def _course(run: OpenedRun, step: int | None) -> SampleCourse:
    record = len(run.steps) - 1 if step is None else int((run.steps - step).abs().argmin())
    try:
        answers = read_answers(run.amplitudes, run.labels, records=record + 1)
        before = None
        if record:
            before = moved(*(run.amplitudes[k : k + 1, :][0].numpy() for k in (record - 1, record)))
    except ArchiveError as error:
        raise Failure(f"run {run.name!r} is damaged: {error}", Exit.DAMAGED) from None
    except ValueError as error:
        raise Failure(f"run {run.name!r} cannot be read: {error}", Exit.DAMAGED) from None
    return SampleCourse(run, run.steps[: record + 1].tolist(), answers, before)


def _notes(course: SampleCourse) -> list[str]:
    run, said = course.run, []
    if course.answers.labels is None:
        said.append("The probe has no labels, so nothing is right or wrong.")
    elif held_out(run.probe):
        trained = [name for name in run.archive.probes if not held_out(name)]
        remedy = f": --probe {trained[0]}" if trained else ""
        said.append(f"Label errors stand out among samples that the model is trained on{remedy}.")
    records = f"{len(course.steps)} record{'s' * (len(course.steps) > 1)}"
    return [f"Probe {run.probe!r} at step {course.steps[-1]}, {records} so far.", *said]


def _write(course: SampleCourse, path: str) -> None:
    columns = _columns(course)
    try:
        with Path(path).open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["sample", *columns])
            for n, row in enumerate(zip(*columns.values(), strict=True)):
                writer.writerow([n, *row])
    except OSError as error:
        raise Failure(f"--csv {path}: cannot be written to ({error}).", Exit.USAGE) from None


def _columns(course: SampleCourse) -> dict[str, list[Any]]:
    _, steps, answers, distances = course
    columns: dict[str, Any] = {"predicted": answers.predicted[-1], "p(predicted)": answers.p_predicted[-1]}
    if distances is not None:
        columns["moved [rad]"] = distances
    if answers.labels is not None:
        ranked = answers.ranked()
        rank = np.empty_like(ranked)
        rank[ranked] = np.arange(1, len(ranked) + 1)
        since = answers.right_since()
        columns = {
            "label": answers.labels,
            **columns,
            "p(label)": answers.p[-1],
            "right": answers.right[-1].astype(int),
            "right at some record": answers.right.any(0).astype(int),
            "right since step": np.array(["" if record < 0 else str(steps[record]) for record in since]),
            "forgetting events": answers.forgetting_events(),
            "confidence": answers.confidence(),
            "variability": answers.variability(),
            "correctness": answers.correctness(),
            "area under the margin [nats]": answers.area_under_margin(),
            "rank as a label error": rank,
        }
    return {name: values.tolist() for name, values in columns.items()}
