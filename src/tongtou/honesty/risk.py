"""Risk against coverage, and a threshold under which a promised risk is kept."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tongtou.datasets.dataset import Dataset
from tongtou.honesty.binomial import at_most, upper_bound
from tongtou.honesty.confidence import labelled, peaks
from tongtou.network import Network
from tongtou.settings import checked_number

LEVEL = 0.95
"""How sure a promise is."""
ROWS = 500
"""Rows of the curve that is kept: with 5,000 examples every tenth."""
_START_WITH = 2
"""So many wrong ones are allowed for where testing begins."""


@dataclass(frozen=True, eq=False)
class Curve:
    """How many are wrong among the n most confident, for a ladder of n.

    Attributes
    ----------
    score : ndarray of float32, shape (k,), falling
        Answered is what has a larger score (`confidence.peaks`).
    answered, wrong : ndarray of int64, shape (k,)
        How many examples have a larger score, and how many of those are answered wrongly.
    n : int
        Of all examples.
    """

    score: NDArray[np.float32]
    answered: NDArray[np.int64]
    wrong: NDArray[np.int64]
    n: int

    @classmethod
    def of(cls, score: NDArray[Any], wrong: NDArray[np.bool_], rows: int = ROWS) -> Curve:
        """Return the curve of examples with these scores.

        Row j stands at the score of example ceil(j n / rows) in falling order, the last row below
        all: a ladder that is the same whatever the answers are.
        """
        n = len(score)
        order = np.argsort(-score, kind="stable")
        falling = score[order].astype(np.float32)
        n_wrong = np.concatenate([[0], np.cumsum(wrong[order])])
        places = np.unique(np.ceil(np.arange(1, rows + 1) * n / rows).astype(np.int64)) - 1
        thresholds = falling[places]
        # Only what lies strictly above a threshold is answered, so equal scores stay together.
        answered = np.searchsorted(-falling, -thresholds, side="left")
        least = np.nextafter(falling[-1:], np.float32(-np.inf))
        answered = np.append(answered, n)
        return cls(np.append(thresholds, least), answered, n_wrong[answered], n)

    def promise(self, risk: float) -> Promise:
        """Return the largest threshold-free part that may be answered at this risk.

        Hypotheses "more than `risk` of those above the threshold are wrong" are tested one after
        the other, from a short list of the most confident on, each by an exact binomial test at
        5 %, until one is not rejected: the last rejected one gives the threshold.

        See `Promise` and docs/explain.md.
        """
        risk = checked_number("the risk", risk, 0.0, 1.0, above=True, below=True)
        start = _enough(risk)
        found = None
        before = -1
        for row in range(len(self.score)):
            n, k = int(self.answered[row]), int(self.wrong[row])
            if n < start or n == before:
                continue
            if at_most(k, n, risk) > 1 - LEVEL:
                break
            found, before = row, n
        if found is None:
            return Promise(risk, None, self.n, 0, 0, None, start)
        n, k = int(self.answered[found]), int(self.wrong[found])
        return Promise(
            risk, float(self.score[found]), self.n, n, k, upper_bound(k, n, LEVEL), start
        )


def _enough(risk: float) -> int:
    """The least number of examples of which `_START_WITH` wrong ones would pass the test."""
    low, high = _START_WITH + 1, math.ceil(10 / risk) + 10
    while low < high:
        middle = (low + high) // 2
        if at_most(_START_WITH, middle, risk) <= 1 - LEVEL:
            high = middle
        else:
            low = middle + 1
    return low


@dataclass(frozen=True)
class Promise:
    """A risk that is kept among the answered, or that cannot be.

    Attributes
    ----------
    risk : float
        What was asked for: the share of wrong ones among the answered.
    threshold : float or None
        Answered is what has a score above it; None where the risk cannot be promised, and nothing
        is answered.
    n, answered, wrong : int
        Held-out examples; those above the threshold; the wrong ones of these.
    bound : float or None
        The 95 % upper bound of the risk that they show (Clopper and Pearson); at most `risk`.
    start : int
        Testing began with so many of the most confident.
    """

    risk: float
    threshold: float | None
    n: int
    answered: int
    wrong: int
    bound: float | None
    start: int

    @property
    def kept(self) -> bool:
        """Whether there is a threshold."""
        return self.threshold is not None

    @property
    def coverage(self) -> float:
        """The share of the held-out examples that is answered."""
        return self.answered / self.n if self.n else 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return it ready for JSON."""
        return {
            "risk": self.risk,
            "level": LEVEL,
            "threshold": self.threshold,
            "n": self.n,
            "answered": self.answered,
            "wrong": self.wrong,
            "coverage": self.coverage,
            "bound": self.bound,
            "start": self.start,
            "kept": self.kept,
            "words": self.words(),
        }

    def words(self) -> str:
        """Return what is promised and for what, or why nothing is, in the language in use."""
        from tongtou.i18n import text

        asked = f"{self.risk:.4g}" if self.risk < 1e-6 else f"{100 * self.risk:.4g}"
        if self.bound is None:
            return text("honesty.no_promise", risk=asked, n=f"{self.n:,}", start=f"{self.start:,}")
        return text(
            "honesty.promise",
            risk=asked,
            answered=f"{self.answered:,}",
            n=f"{self.n:,}",
            wrong=f"{self.wrong:,}",
            bound=f"{100 * self.bound:.3g}",
        )

    def __str__(self) -> str:
        return self.words()


@dataclass(frozen=True, eq=False)
class RiskCoverage:
    """Risk among the answered against the share answered, from the most confident on.

    Attributes
    ----------
    coverage, risk : ndarray of float64, shape (n,)
        Of the 1, 2, … n most confident: share of all, share of wrong ones among them.
    aurc : float
        The mean of `risk`: the area under the curve; small where errors come last.
    least_aurc : float
        What it would be if every wrong answer were less sure than every right one.
    """

    coverage: NDArray[np.float64]
    risk: NDArray[np.float64]
    aurc: float
    least_aurc: float

    def risk_at(self, coverage: float) -> float:
        """Return the risk when this share is answered (at least one example)."""
        n = len(self.risk)
        return float(self.risk[min(n, max(1, math.ceil(coverage * n - 1e-9))) - 1])

    def to_dict(self, points: int = 101) -> dict[str, Any]:
        """Return it ready for JSON, at that many shares from the first example to all."""
        n = len(self.risk)
        at = np.unique(np.rint(np.linspace(1, n, min(points, n))).astype(np.int64)) - 1
        return {
            "n": n,
            "aurc": self.aurc,
            "least_aurc": self.least_aurc,
            "coverage": self.coverage[at].tolist(),
            "risk": self.risk[at].tolist(),
        }


def risk_coverage(
    net: Network, data: ArrayLike | Dataset, y: ArrayLike | None = None
) -> RiskCoverage:
    """Return how the risk grows with the share that is answered.

    ::

        score   = log odds of the likeliest class under softmax(z / T)
        risk(m) = (1/m) sum of the wrong among the m with the largest score        m = 1 … n
        AURC    = (1/n) sum_m risk(m)

    T is the rank temperature of the gates, or 1 where there are none.

    Parameters
    ----------
    net : Network
        A classifier.
    data : Dataset, or array_like of shape (n, n_in)
    y : array_like, optional
        Class numbers, where `data` is no Dataset.

    Returns
    -------
    RiskCoverage

    Raises
    ------
    ShapeError, DataError
        The network answers with numbers or several labels, or the data do not fit it.

    References
    ----------
    Geifman and El-Yaniv (2017), "Selective classification for deep neural networks"; the area:
    Geifman, Uziel and El-Yaniv (2019), "Bias-reduced uncertainty estimation".

    Examples
    --------
    >>> import numpy as np, tongtou as tt
    >>> net = tt.Network([2, 2], output="softmax", loss="cross_entropy")
    >>> net.layers[0].W = [[1.0, 0.0], [0.0, 1.0]]
    >>> X = np.array([[4.0, 0.0], [3.0, 0.0], [2.0, 0.0]])
    >>> risk_coverage(net, X, np.array([0, 1, 0])).risk.round(3).tolist()
    [0.0, 0.5, 0.333]
    """
    z, answers = labelled(net, data, y)
    temperature = 1.0 if net.gates is None else net.gates.rank_temperature
    return curve_of(peaks(z / temperature)[0], z.argmax(axis=1) != answers)


def curve_of(score: NDArray[Any], wrong: NDArray[np.bool_]) -> RiskCoverage:
    """Return risk against coverage of examples with these scores."""
    n = len(score)
    count = np.arange(1, n + 1)
    in_order = wrong[np.argsort(-score, kind="stable")]
    risk = np.cumsum(in_order) / count
    best = np.cumsum(np.sort(wrong)) / count
    return RiskCoverage(count / n, risk, float(risk.mean()), float(best.mean()))
