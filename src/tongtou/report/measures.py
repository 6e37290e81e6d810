"""How good the answers are, as plain data with intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tongtou.network import Network

CONFIDENCE = 0.95
_N_CONFUSIONS, _N_WRONG = 12, 24


def wilson(n_yes: int, n: int, confidence: float = CONFIDENCE) -> dict[str, float | None]:
    """Return a share and Wilson's interval of it.

    ::

        centre = (p + z²/2n) / (1 + z²/n)    reach = z sqrt(p(1 - p)/n + z²/4n²) / (1 + z²/n)

    References
    ----------
    Wilson (1927), "Probable Inference, the Law of Succession, and Statistical Inference".

    Examples
    --------
    >>> {name: round(value, 4) for name, value in wilson(9, 10).items()}
    {'value': 0.9, 'low': 0.5958, 'high': 0.9821}
    """
    if n == 0:
        return {"value": None, "low": None, "high": None}
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    p, shrink = n_yes / n, 1 + z * z / n
    centre = (p + z * z / (2 * n)) / shrink
    reach = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / shrink
    low = 0.0 if n_yes == 0 else max(0.0, centre - reach)
    high = 1.0 if n_yes == n else min(1.0, centre + reach)
    return {"value": p, "low": low, "high": high}


def of_classes(
    net: Network, out: NDArray[Any], right: NDArray[Any], names: Sequence[str], places: Any
) -> dict[str, Any]:
    """Return accuracy, by class and in all, the confusions, and what is answered wrongly.

    Parameters
    ----------
    net : Network
    out : ndarray, shape (n, n_out)
        The outputs.
    right : ndarray of int, shape (n,)
        The right classes by number.
    names : sequence of str
        Of the classes.
    places : ndarray of int, shape (n,)
        What row each example is in the user's data.
    """
    said, confidence = answers(out)
    n, k = len(out), len(names)
    counts = np.bincount(right * k + said, minlength=k * k).reshape(k, k)
    hits, n_is, n_said = (one.tolist() for one in (counts.diagonal(), counts.sum(1), counts.sum(0)))
    by_class = [
        {
            "class": names[c],
            "n": n_is[c],
            "right": wilson(hits[c], n_is[c]),
            "n_said": n_said[c],
            "said_rightly": wilson(hits[c], n_said[c]),
        }
        for c in range(k)
    ]
    off = counts * (1 - np.eye(k, dtype=np.int64))
    pairs = np.argsort(-off.reshape(-1), kind="stable")[:_N_CONFUSIONS]
    confusions = [
        {"is": names[p // k], "said": names[p % k], "n": int(off.flat[p]), "of": n_is[p // k]}
        for p in pairs.tolist()
        if off.flat[p]
    ]
    rows = np.flatnonzero(said != right)
    rows = rows[np.argsort(-confidence[rows], kind="stable")]
    most = max(n_is)
    return {
        "kind": "classes",
        "n": n,
        "n_right": int(sum(hits)),
        "accuracy": wilson(int(sum(hits)), n),
        "most_frequent": {"class": names[n_is.index(most)], "share": most / n},
        "classes": by_class,
        "confusion": counts.tolist(),
        "confusions": confusions,
        "wrong": [
            _answer(row, places, names, right, said, confidence) for row in rows[:_N_WRONG].tolist()
        ],
    }


def of_labels(out: NDArray[Any], right: NDArray[Any], names: Sequence[str]) -> dict[str, Any]:
    """Return how often all labels are right, and each of them."""
    hit = (out >= 0.5) == (right >= 0.5)
    n = len(out)
    whole = int(hit.all(axis=1).sum())
    return {
        "kind": "labels",
        "n": n,
        "n_right": whole,
        "accuracy": wilson(whole, n),
        "classes": [
            {
                "class": name,
                "n": int((right[:, c] >= 0.5).sum()),
                "right": wilson(int(hit[:, c].sum()), n),
            }
            for c, name in enumerate(names)
        ],
    }


def answers(out: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the class each row of outputs says, and the output that stands for it."""
    wide = out.astype(np.float64)
    if wide.shape[1] == 1:
        said = (wide[:, 0] >= 0.5).astype(np.int64)
        return said, np.where(said == 1, wide[:, 0], 1 - wide[:, 0])
    said = wide.argmax(axis=1)
    return said, wide[np.arange(len(wide)), said]


def one_in_proportion(
    out: NDArray[Any], right: NDArray[Any], names: Sequence[str], places: Any, seed: int, n: int
) -> list[dict[str, Any]]:
    """Return so many answers drawn at random, right and wrong ones in the proportion of all."""
    said, confidence = answers(out)
    random = np.random.default_rng(seed)
    hit = np.flatnonzero(said == right)
    missed = np.flatnonzero(said != right)
    n = min(n, len(out))
    n_wrong = min(round(n * len(missed) / len(out)), len(missed))
    rows = np.concatenate(
        [random.permutation(hit)[: n - n_wrong], random.permutation(missed)[:n_wrong]]
    )
    rows = random.permutation(rows)
    return [_answer(int(row), places, names, right, said, confidence) for row in rows]


def _answer(
    row: int, places: Any, names: Sequence[str], right: Any, said: Any, confidence: Any
) -> dict[str, Any]:
    return {
        "row": int(places[row]),
        "place": row,
        "is": names[int(right[row])],
        "said": names[int(said[row])],
        "right": bool(right[row] == said[row]),
        "confidence": float(confidence[row]),
    }
