"""Terms that pull for and against: what they come to, and how much of it cancels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class Largest(NamedTuple):
    """The largest terms and all others together: ``sum of terms + others = net``.

    Attributes
    ----------
    terms : tuple of (int, float)
        Number and value, largest size first.
    n_others : int
        How many terms are not among them.
    others : float
        What these come to.
    """

    terms: tuple[tuple[int, float], ...]
    n_others: int
    others: float


@dataclass(frozen=True)
class Pulls:
    """Terms of a sum, some for and some against.

    ::

        net = sum_i t_i     pull_for = sum of t_i > 0     pull_against = sum of t_i < 0
        gross = sum_i abs(t_i) = pull_for - pull_against  cancellation = gross / abs(net)

    Every sum is correctly rounded (`math.fsum`), so that the order of the terms does not matter.

    Parameters
    ----------
    values : ndarray of float64
        The terms t_i, 1-D.

    Examples
    --------
    >>> pulls = Pulls(np.array([5.0, -4.0, 0.5]))
    >>> pulls.pull_for, pulls.pull_against, pulls.gross, pulls.net
    (5.5, -4.0, 9.5, 1.5)
    >>> pulls.largest(1)
    Largest(terms=((0, 5.0),), n_others=2, others=-3.5)
    """

    values: NDArray[np.float64]

    @property
    def n(self) -> int:
        """How many terms there are."""
        return len(self.values)

    @property
    def pull_for(self) -> float:
        """The sum of the positive terms."""
        return math.fsum(self.values[self.values > 0].tolist())

    @property
    def pull_against(self) -> float:
        """The sum of the negative terms: 0 or below."""
        return math.fsum(self.values[self.values < 0].tolist())

    @property
    def gross(self) -> float:
        """The sum of the sizes of all terms."""
        return math.fsum(np.abs(self.values).tolist())

    @property
    def net(self) -> float:
        """The sum of all terms."""
        return math.fsum(self.values.tolist())

    @property
    def cancellation(self) -> float:
        """Gross over the size of net: 1 where all pull one way, infinite where nothing is left."""
        gross, net = self.gross, abs(self.net)
        return gross / net if net else (math.inf if gross else 1.0)

    def order(self) -> NDArray[np.int64]:
        """Return the numbers of the terms, largest size first, equal ones by number."""
        return np.argsort(-np.abs(self.values), kind="stable")

    def largest(self, n: int = 5) -> Largest:
        """Return the n largest terms, and never without what all others come to.

        Raises
        ------
        ValueError
            n is below 0.
        """
        if n < 0:
            raise ValueError(f"expected a number of terms from 0 on; got {n}.")
        order = self.order()
        terms = tuple((int(i), float(self.values[i])) for i in order[:n])
        rest = math.fsum(self.values[order[n:]].tolist())
        return Largest(terms, max(self.n - n, 0), rest)

    def to_dict(self, n_terms: int | None = None) -> dict[str, Any]:
        """Return it ready for JSON: the `n_terms` largest terms as [i, value], or all."""
        terms, n_others, others = self.largest(self.n if n_terms is None else n_terms)
        shown = {"terms": [list(one) for one in terms], "n_others": n_others, "others": others}
        return self.summary() | shown

    def summary(self) -> dict[str, Any]:
        """Return what the terms come to, ready for JSON; an infinite cancellation is None."""
        cancellation = self.cancellation
        return {
            "net": self.net,
            "pull_for": self.pull_for,
            "pull_against": self.pull_against,
            "gross": self.gross,
            "cancellation": cancellation if math.isfinite(cancellation) else None,
            "n_terms": self.n,
        }
