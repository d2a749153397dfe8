"""Names made short enough for a column or a label, by leaving out their middle."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.cells import cell_len

_ELLIPSIS = "…"


def shortened(names: Sequence[str], width: int) -> list[str]:
    """Returns names of at most ``width`` cells of a terminal: of longer ones the middle is left out.

    Different names stay different: the place where they are cut is the nearest to their middle for which this holds.
    Where there is none, what they begin with alike is left out, too; where that does not help, they come back whole.

    Args:
        names: text without line breaks.
        width: 3 or more.

    Example:
        >>> shortened(["resnet18_cifar10_seed1", "resnet18_cifar10_seed2", "mlp"], 14)
        ['resnet…0_seed1', 'resnet…0_seed2', 'mlp']
        >>> shortened(["experiment_a_with_a_long_end", "experiment_b_with_a_long_end"], 14)
        ['experiment_a…d', 'experiment_b…d']
    """
    if all(cell_len(name) <= width for name in names):
        return list(names)
    different = len(set(names))
    for candidate in _candidates(names, width):
        if len(set(candidate)) == different:
            return candidate
    return list(names)


def _candidates(names: Sequence[str], width: int) -> Iterator[list[str]]:
    alike = next((k for k, letters in enumerate(zip(*names, strict=False)) if len(set(letters)) > 1), 0)
    for texts in (names, [_ELLIPSIS + name[alike:] for name in names]):
        room = width - 1
        for head in sorted(range(1, room), key=lambda count: abs(2 * count - room)):
            yield [text if cell_len(text) <= width else _without_middle(text, head, room - head) for text in texts]


def _without_middle(name: str, head: int, tail: int) -> str:
    return _start(name, head) + _ELLIPSIS + _start(name[::-1], tail)[::-1]


def _start(text: str, width: int) -> str:
    """Returns the longest beginning of a text that fits into a number of cells; some letters take two."""
    end = used = 0
    for letter in text:
        used += cell_len(letter)
        if used > width:
            break
        end += 1
    return text[:end]
