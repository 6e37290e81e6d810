"""One table: what a plain network, its gates and an honest network refuse."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tongtou.datasets.dataset import Dataset
from tongtou.errors import DataError
from tongtou.honesty.answers import ANSWERED, NOVEL
from tongtou.honesty.gating import checked_risk, gates_of
from tongtou.honesty.strangers import KINDS, test_sets
from tongtou.i18n import text
from tongtou.network import Network

_DIGITS = "digits"


@dataclass(frozen=True)
class Row:
    """What a network does with pictures of one kind.

    Attributes
    ----------
    network : str
        Its name in the table.
    kind : str
        "digits", or one of `tongtou.honesty.test_sets`.
    n : int
    plain : float
        The share whose largest output is below one half: what a plain network might be said to
        refuse.
    ambiguous, novel : float
        The shares that the gates refuse as 拿不准 and as 没见过.
    """

    network: str
    kind: str
    n: int
    plain: float
    ambiguous: float
    novel: float

    @property
    def refused(self) -> float:
        """The share that is not answered."""
        return self.ambiguous + self.novel

    def to_dict(self) -> dict[str, Any]:
        """Return it ready for JSON."""
        return {
            "network": self.network,
            "kind": self.kind,
            "n": self.n,
            "plain": self.plain,
            "ambiguous": self.ambiguous,
            "novel": self.novel,
            "refused": self.refused,
        }


@dataclass(frozen=True)
class Summary:
    """How good a network's answers to digits are.

    Attributes
    ----------
    network : str
    asked : float
        The risk that was asked for.
    promised : bool
        Whether it could be promised.
    accuracy : float
        Of all digits, answered or not.
    coverage, risk : float, float or None
        The share answered, and the share of wrong ones among them; None where none is.
    """

    network: str
    asked: float
    promised: bool
    accuracy: float
    coverage: float
    risk: float | None

    def to_dict(self) -> dict[str, Any]:
        """Return it ready for JSON."""
        return {
            "network": self.network,
            "asked": self.asked,
            "promised": self.promised,
            "accuracy": self.accuracy,
            "coverage": self.coverage,
            "risk": self.risk,
        }


@dataclass(frozen=True)
class Table:
    """What `table` returns; ``str(table)`` is the table in the language in use."""

    summaries: tuple[Summary, ...]
    rows: tuple[Row, ...]

    def refused(self, network: str, kind: str) -> float:
        """Return the share of one kind that a network behind its gates refuses."""
        return next(r.refused for r in self.rows if (r.network, r.kind) == (network, kind))

    def to_dict(self) -> dict[str, Any]:
        """Return it ready for JSON."""
        return {
            "summaries": [one.to_dict() for one in self.summaries],
            "rows": [one.to_dict() for one in self.rows],
        }

    def __str__(self) -> str:
        names = [one.network for one in self.summaries]
        cells = [["", *names]]
        columns: tuple[tuple[str, Callable[[Summary], str]], ...] = (
            ("honesty.accuracy", lambda one: _percent(one.accuracy)),
            ("honesty.asked", lambda one: _percent(one.asked)),
            ("honesty.answered", lambda one: _percent(one.coverage)),
            ("honesty.risk", lambda one: "–" if one.risk is None else _percent(one.risk)),
        )
        for key, told in columns:
            cells.append([text(key), *(told(one) for one in self.summaries)])
        cells.append([text("honesty.refused"), *("" for _ in names)])
        found = {(row.network, row.kind): row for row in self.rows}
        for kind, key in _TITLES.items():
            pair = [found.get((name, kind)) for name in names]
            if any(pair):
                told_row = [
                    "" if r is None else f"{_percent(r.plain)} → {_percent(r.refused)}"
                    for r in pair
                ]
                cells.append(["  " + text(key), *told_row])
        return _aligned(cells)


_TITLES = {
    _DIGITS: "honesty.digits",
    "noise": "honesty.noise",
    "noise_in_box": "honesty.noise_in_box",
    "constant": "honesty.constant",
    "blobs": "honesty.blobs",
    "letters": "honesty.letters",
    "letter_strokes": "honesty.letter_strokes",
    "pairs": "honesty.pairs",
    "upside_down": "honesty.upside_down",
}


def table(
    networks: Mapping[str, Network],
    data: Dataset | None = None,
    *,
    risk: str | float | Mapping[str, str | float] = "1%",
    n: int = 1000,
    names: Sequence[str] | None = None,
    seed: int = 0,
) -> Table:
    """Return what networks refuse: by their largest output alone, and behind their gates.

    Parameters
    ----------
    networks : mapping of str to Network
        Each with gates; for digits of 28×28 pixels.
    data : Dataset, optional
        Digits to measure on, 784 uint8 pixels each: the test digits of MNIST by default. Pairs and
        upside-down digits are made of them.
    risk : str, float or mapping
        Asked of every network, or by name.
    n : int
        Pictures of each kind.
    names : sequence of str, optional
        Kinds of `tongtou.honesty.test_sets`; all by default.
    seed : int
        Of these pictures.

    Returns
    -------
    Table

    Raises
    ------
    DataError
        A network has no gates, other gates, or is none for such pictures.
    ValueError
        A risk or a name is none.

    Examples
    --------
    >>> import tongtou as tt
    >>> digits = tt.datasets.mnist().train[:6000]
    >>> net = tt.Network([784, 16, 10], seed=0)
    >>> history = tt.fit(net, digits, epochs=3, validation=1000, progress=False)
    >>> net.gates = tt.honesty.gates(net, digits)
    >>> found = table({"lesson": net}, risk="10%", n=50, names=["noise", "constant"])
    >>> found.refused("lesson", "noise")
    1.0
    """
    if data is None:
        from tongtou.datasets import mnist

        data = mnist().test
    if isinstance(risk, Mapping) and (missing := set(networks) - set(risk)):
        raise ValueError(f"risk names no share for {', '.join(sorted(missing))}.")
    sets = test_sets(n, digits=data, names=list(KINDS) if names is None else names, seed=seed)
    summaries, rows = [], []
    for name, net in networks.items():
        if net.sizes[0] != data.n_in:
            raise DataError(
                f"{name} has {net.sizes[0]} inputs; the table is for pictures of {data.n_in} "
                "pixels."
            )
        asked = checked_risk(risk[name] if isinstance(risk, Mapping) else risk)
        found = gates_of(net).answers(net, data.X, asked)
        wrong = found.likeliest != data.y
        answered = found.verdicts == ANSWERED
        summaries.append(
            Summary(
                name,
                asked,
                found.promise.kept,
                float(1 - wrong.mean()),
                found.coverage,
                float(wrong[answered].mean()) if answered.any() else None,
            )
        )
        for kind, X in {_DIGITS: data.X, **sets}.items():
            rows.append(_row(name, kind, net, X, asked))
    return Table(tuple(summaries), tuple(rows))


def _row(name: str, kind: str, net: Network, X: NDArray[Any], risk: float) -> Row:
    found = gates_of(net).answers(net, X, risk)
    novel = found.share(NOVEL)
    return Row(
        network=name,
        kind=kind,
        n=len(X),
        plain=float((np.max(net.predict_proba(X), axis=1) < 0.5).mean()),
        ambiguous=1 - found.coverage - novel,
        novel=novel,
    )


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _width(words: str) -> int:
    """Columns on a terminal: Chinese characters take two."""
    return sum(2 if "\u2e80" <= one <= "\uffef" else 1 for one in words)


def _aligned(cells: list[list[str]]) -> str:
    widths = [max(_width(row[k]) for row in cells) for k in range(len(cells[0]))]
    lines = []
    for first, *others in cells:
        line = first + " " * (widths[0] - _width(first))
        for one, width in zip(others, widths[1:], strict=True):
            line += "  " + " " * (width - _width(one)) + one
        lines.append(line.rstrip())
    return "\n".join(lines)
