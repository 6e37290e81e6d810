"""What the steps of the epoch under way add up to, and what its end records."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tongtou.boundary import dense_answers
from tongtou.engines import Slice

if TYPE_CHECKING:
    from tongtou.network import Network
    from tongtou.training.courses import Course, Measured

_COLUMNS = ("losses", "penalties", "gradient_norms", "weight_sums")


@dataclass
class Part:
    """Some steps that follow each other.

    Attributes
    ----------
    step : int
        The first.
    columns : ndarray of float64, shape (k, 4)
        Loss sum, penalty, gradient norm and weight sum of each.
    correct : int
        Examples recognised before their step.
    seconds : float
    """

    step: int
    columns: NDArray[np.float64]
    correct: int
    seconds: float

    @classmethod
    def of(cls, step: int, done: Slice, seconds: float) -> Part:
        """Return the part that a slice was."""
        columns = np.stack([getattr(done, name) for name in _COLUMNS], axis=1)
        weighed = done.weight_sums > 0  # a batch that weighs nothing is not counted
        return cls(step, columns, int(done.correct[weighed].sum()), seconds)


@dataclass
class Gathered:
    """The parts of the epoch under way, in their order."""

    parts: list[Part] = field(default_factory=list)

    def back_to(self, step: int) -> None:
        """Drop what was made from this step on."""
        while self.parts and self.parts[-1].step >= step:
            self.parts.pop()

    @property
    def columns(self) -> NDArray[np.float64]:
        """All columns, joined: one sum over these does not depend on where slices ended."""
        return np.concatenate([part.columns for part in self.parts])

    @property
    def correct(self) -> int:
        """Examples recognised so far."""
        return sum(part.correct for part in self.parts)

    @property
    def seconds(self) -> float:
        """Seconds of training so far."""
        return sum(part.seconds for part in self.parts)


def epoch_means(
    gathered: Gathered, course: Course, n: int, weighted: bool, labelled: bool, measured: bool
) -> dict[str, Any]:
    """Return loss, penalty, accuracy and gradient norm of a whole epoch of n examples."""
    columns = gathered.columns
    losses, penalties, norms, weights = columns.T.copy()
    weight = float(weights.sum()) if weighted else float(n)
    n_counted = n
    if weighted:
        first = gathered.parts[0].step
        n_counted -= sum(course.batch_at(first + int(k)) for k in np.flatnonzero(weights == 0))
    penalty = 0.0
    if penalties.any():
        penalty = float((penalties * weights).sum() / weights.sum())
    return {
        "loss": float(losses.sum()) / weight,
        "penalty": penalty,
        "accuracy": gathered.correct / n_counted if labelled else None,
        "gradient_norm": float(norms[weights > 0].mean()) if measured else None,
    }


def measured(net: Network, parts: Iterable[Measured]) -> tuple[float, float | None]:
    """Return loss and accuracy of held-out examples, means by weight; no accuracy for targets."""
    loss, activation = net.loss_function, net.layers[-1].activation
    total = right = weight = 0.0
    labelled = False
    for z, y, w in parts:
        targets = dense_answers(y, net.sizes[-1])
        for at in range(0, len(z), 4096):  # float64 copies of no more than these
            z64 = z[at : at + 4096].astype(np.float64)
            y64 = targets[at : at + 4096].astype(np.float64)
            each = loss.value_with(activation, z64, activation(z64), y64)
            total += float((each if w is None else each * w[at : at + 4096]).sum())
        weight += float(len(z) if w is None else w.sum())
        if y.ndim == 1:  # no activation changes which output is largest, but for ties of step
            labelled = True
            hit = activation(z).argmax(1) == y
            right += float(hit.sum() if w is None else w[hit].sum())
    if weight == 0:
        return math.nan, None
    return total / weight, right / weight if labelled else None
