"""Names in pictures: text alone, whatever a user has called things."""

from __future__ import annotations


def lettered(name: str) -> str:
    r"""Returns a name that matplotlib shows as it is: no formula between dollars, and in legends also after "_".

    Example:
        >>> lettered("lr$x^$"), lettered("_hidden")
        ('lr\\$x^\\$', ' _hidden')
    """
    text = name.encode("utf-8", "replace").decode().replace("$", r"\$")  # of a file, it may be of no encoding
    return f" {text}" if text.startswith("_") else text
