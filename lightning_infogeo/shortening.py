"""Names made short enough for a column or a label, by leaving out their middle."""

from __future__ import annotations

from collections.abc import Sequence
from string import ascii_letters

from rich.cells import cell_len

_ELLIPSIS = "…"


def shortened(names: Sequence[str], width: int) -> list[str]:
    """Returns names of at most ``width`` cells of a terminal: of longer ones the middle is left out.

    Different names stay different, and of the places where they can be cut for this, the one is taken that leaves out
    what is alike in most of them, or else is nearest to their middle. Where much of what they begin with is alike, that
    is left out before. Names that cannot be told apart in this width come back whole.

    Args:
        names: text without line breaks.
        width: 3 or more.

    Example:
        >>> shortened(["resnet18_cifar10_seed1", "resnet18_cifar10_seed2", "mlp"], 14)
        ['resnet…0_seed1', 'resnet…0_seed2', 'mlp']
        >>> shortened([f"2026-11-27_digits_{model}_64_seed0" for model in ("mlp", "vit")], 14)
        ['…_mlp_64_seed0', '…_vit_64_seed0']
    """
    if all(cell_len(name) <= width for name in names):
        return list(names)
    different, room = len(set(names)), width - 1
    heads = sorted(range(1, room), key=lambda head: abs(2 * head - room))
    alike = _alike(names)
    without = [_ELLIPSIS + name[min(alike, max(map(len, names)) - room) :] for name in names]
    for texts in (without, names) if alike > width // 3 else (names, without):
        cuts = [[_cut(text, head, room - head, width) for text in texts] for head in heads]
        cuts = [cut for cut in cuts if len({kept for kept, _ in cut}) == different]
        if cuts:
            best = min(cuts, key=lambda cut: len({left_out for _, left_out in cut}))
            return [kept for kept, _ in best]
    return list(names)


def _alike(names: Sequence[str]) -> int:
    """Returns how many letters names begin with alike, the word before what differs not among them."""
    count = next((k for k, letters in enumerate(zip(*names, strict=False)) if len(set(letters)) > 1), 0)
    return len(names[0][:count].rstrip(ascii_letters)) or count


def _cut(text: str, head: int, tail: int, width: int) -> tuple[str, str]:
    """Returns what is kept of a text, and what is left out."""
    if cell_len(text) <= width:
        return text, ""
    start, end = _start(text, head), _start(text[::-1], tail)[::-1]
    return f"{start}{_ELLIPSIS}{end}", text[len(start) : len(text) - len(end)]


def _start(text: str, width: int) -> str:
    """Returns the longest beginning of a text that fits into a number of cells; some letters take two."""
    end = used = 0
    for letter in text:
        used += cell_len(letter)
        if used > width:
            break
        end += 1
    return text[:end]
