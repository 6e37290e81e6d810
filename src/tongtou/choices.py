"""Looking a name up among the known ones, with an error that helps."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import TypeVar

Item = TypeVar("Item")


def choose(kind: str, name: object, known: Mapping[str, Item]) -> Item:
    """Return ``known[name]``; otherwise a ValueError that lists the known names and the nearest.

    Parameters
    ----------
    kind : str
        What is being chosen, for the message: "activation", "loss", …
    name : object
        What the user wrote.
    known : Mapping[str, Item]
        Every accepted name.
    """
    if isinstance(name, str) and name in known:
        return known[name]
    near = difflib.get_close_matches(str(name).lower(), known, n=1, cutoff=0.5)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise ValueError(f"unknown {kind} {name!r}; expected one of {', '.join(sorted(known))}.{hint}")


def listed(names: Sequence[str]) -> str:
    """Return the first eight names in quotes, for a message.

    Examples
    --------
    >>> listed(("cat", "dog"))
    "'cat', 'dog'"
    """
    shown = ", ".join(f"{name!r:.40}" for name in names[:8])
    return f"{shown}, …" if len(names) > 8 else shown
