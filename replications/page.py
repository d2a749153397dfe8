"""Writes docs/replications.md from the results that the replications kept.

python -m replications.page
"""

from __future__ import annotations

from pathlib import Path

from replications.claims import RESULTS, ROOT, Replication

PAGE = ROOT / "docs" / "replications.md"
ORDER = ("manifold", "linear_map", "knee", "finite_size", "branching", "phase_boundary")
START = """\
# Replications: claims of the papers, put to the test

Each section is one command of the folder `replications/`. It prints a claim, the anchor it is held against, our figure,
and whether the claim holds. "Does not hold" is a result, too; "undecided" says that the data are too few to tell, or
that two criteria of a row disagree, "reported" that nothing was to be judged. Of arXiv 2406.05295 and 2505.08915 only
the abstract, and of the second the caption of Fig. 1, could be read: their sections test our reading of them.

Anchors are marked by where they are from. *Paper*: what could be read of it, "as quoted" where others quote it. *One
Road*: a reader's replication of 2305.01604 that is not published. *Pilot*: one or two trainings of ours before the
design. *Acceptance*: a criterion written down with the design, before the runs. *Ours*: one added later, and why.

All trainings run on the CPU. Networks are recorded by the callback itself; only the linear ones of
`replications.phase_boundary`, of which thousands are trained at once, are recorded without it: the library's part in
them is the theory.

```
python -m replications.fetch --data DIR            # MNIST, Fashion-MNIST, CIFAR-10; torchvision's folders do, too
python -m replications.{first} --data DIR         # hours, resumed where it was interrupted
python -m replications.{first} --fast             # a minute, no data needed; shows that it runs and nothing more
```

With `--save` a replication writes its section, and refuses to where only a part of its design was run, unless `--part`
is given; `python -m replications.page` puts the page together. Over each table is the command that made it: DIR is a
folder, `--logdir` each replication's own, and `--runs` of `linear_map` the `--logdir` of `manifold`.
Networks are far smaller than in the papers, and so is their number: what falls short is said below each table.
CIFAR-10 is the copy that `fetch` gets, which is JPEG and slightly lossy.

"""


def section(found: Replication) -> str:
    """Returns the part of the page on one replication."""
    command = found.command or f"python -m replications.{found.name}"
    lines = [f"## {found.title}", "", f"`{command}` · arXiv {found.paper} · {found.cost}", ""]
    lines += [found.design, "", "| claim | anchor | measured here | interval | verdict |", "|---|---|---|---|---|"]
    for row in found.claims:
        cells = (row.claim, row.anchor, row.measured, row.interval, row.verdict)
        lines.append("| " + " | ".join(cell.replace("|", "\\|").replace("\n", "<br>") for cell in cells) + " |")
    if found.limits:
        lines += ["", "What falls short:", "", *(f"- {sentence}" for sentence in found.limits)]
    for name, caption in found.pictures.items():
        lines += ["", f"![{caption}](images/replications_{found.name}_{name}.png)", "", f"*{caption}*"]
    return "\n".join(lines) + "\n"


def page(results: Path = RESULTS) -> str:
    """Returns the whole page."""
    found = [Replication.read(results / f"{name}.json") for name in ORDER if (results / f"{name}.json").exists()]
    return START.format(first=ORDER[0]) + "\n".join(section(one) for one in found)


def main() -> None:
    """Writes the page."""
    PAGE.write_text(page())
    print(f"{PAGE.relative_to(ROOT)}: {sum(1 for line in page().splitlines() if line.startswith('## '))} replications")


if __name__ == "__main__":
    main()
