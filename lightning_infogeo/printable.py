"""Text as any console can show it, and how much of it a line holds."""

from __future__ import annotations

LINE = 80
"""Cells in a line of running text, and of all that does not go to a terminal, which would have a width of its own."""


def shown(text: str, encoding: str) -> str:
    """Returns a text in which characters that an encoding lacks are replaced by "?".

    Example:
        >>> shown("0.1 – 0.2 ÷ ½", "latin-1"), shown("–", "ascii"), shown("–", "utf-8")
        ('0.1 ? 0.2 ÷ ½', '?', '–')
    """
    return text.encode(encoding, "replace").decode(encoding)


def plain(text: str) -> str:
    r"""Returns text without control characters, which would change how a terminal works.

    Example:
        >>> plain("a\x1b[31mb")
        'a�[31mb'
    """
    return "".join(letter if letter.isprintable() or letter == "\n" else "�" for letter in text)
