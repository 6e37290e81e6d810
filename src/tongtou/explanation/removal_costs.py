"""What it costs to take a hidden neuron out: for every neuron of a layer, and class by class."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tongtou.explanation.counterfactuals import Outcome, Sections
from tongtou.explanation.intervals import numbers_or_none
from tongtou.explanation.lessons import Lesson
from tongtou.network import Network

MOST_ROWS: Final = 10_000
_FEWEST_ROWS = 250
_WORK = 2e10  # multiplications for all neurons together


@dataclass(frozen=True, eq=False)
class RemovalCost:
    """Loss and accuracy without a neuron.

    Attributes
    ----------
    now, zeroed, held : Outcome
        As the network is; with the neuron's activation 0; with it at its mean over these rows.
    by_class_now, by_class_zeroed, by_class_held : ndarray of float64, shape (n_classes,)
        Accuracy on the examples of each class; NaN for a class without examples. Empty where
        there are no classes.
    n_rows : int
        On how many examples.
    """

    now: Outcome
    zeroed: Outcome
    held: Outcome
    by_class_now: NDArray[np.float64]
    by_class_zeroed: NDArray[np.float64]
    by_class_held: NDArray[np.float64]
    n_rows: int

    def to_dict(self) -> dict[str, Any]:
        """Return it ready for JSON."""
        return {
            "now": self.now.to_dict(),
            "zeroed": self.zeroed.to_dict(),
            "held": self.held.to_dict(),
            "by_class": {
                "now": numbers_or_none(self.by_class_now),
                "zeroed": numbers_or_none(self.by_class_zeroed),
                "held": numbers_or_none(self.by_class_held),
            },
            "n_rows": self.n_rows,
        }


def rows_to_measure(net: Network, n: int, most: int = MOST_ROWS) -> NDArray[np.int64]:
    """Return which rows of n removals are measured on: evenly spread, fewer for a wide network."""
    sizes = net.sizes
    behind = [a * b + 8 * b for a, b in pairwise(sizes[1:])]
    work = sum(2 * m * sum(behind[at:]) for at, m in enumerate(sizes[1:-1]))
    n_rows = min(n, most, max(_FEWEST_ROWS, int(_WORK / max(work, 1))))
    return np.linspace(0, n - 1, n_rows).round().astype(np.int64)


def removal_costs(
    lesson: Lesson, layer: int, classes: NDArray[Any] | None, n_classes: int
) -> list[RemovalCost]:
    """Return what the removal of each neuron of a hidden layer costs, on the rows of the lesson.

    Parameters
    ----------
    lesson : Lesson
    layer : int
        1 … L - 1.
    classes : ndarray of int, shape (n,), or None
        The class of each example.
    n_classes : int

    Notes
    -----
    The layers up to this one are computed once; those behind it by the kernel, twice a neuron.
    """
    sections = Sections(lesson, layer)
    n, n_neurons = len(lesson.answers), lesson.network.sizes[layer]
    label = np.zeros(n, np.int64) if classes is None else classes
    n_labels = 1 if classes is None else n_classes
    size = max(256, (1 << 18) // max(lesson.network.sizes[1:]))
    means = np.zeros(n_neurons)
    blocks = []
    for at in range(0, n, size):
        a = sections._run(0, layer, lesson.inputs[at : at + size], False).astype(np.float64)
        means += a.sum(axis=0) / n
        blocks.append(a)
    losses = np.zeros((1 + 2 * n_neurons, n_labels))
    rights = np.zeros((1 + 2 * n_neurons, n_labels))
    counts_right = True
    for at, a in zip(range(0, n, size), blocks, strict=True):
        rows = np.arange(at, at + len(a))
        changes: list[tuple[int, float]] = [(0, 0.0)]
        changes += [(j, value) for j in range(n_neurons) for value in (0.0, means[j])]
        for number, (j, value) in enumerate(changes):
            kept = a[:, j].copy()
            if number:
                a[:, j] = value
            loss, right = sections._measured(*sections._ending(a), rows)
            a[:, j] = kept
            losses[number] += np.bincount(label[rows], loss, n_labels)
            counts_right = right is not None
            if right is not None:
                rights[number] += np.bincount(label[rows], right, n_labels)
    counts = np.bincount(label, minlength=n_labels)
    with np.errstate(invalid="ignore"):
        shares = rights / counts if classes is not None else np.empty((len(rights), 0))
    totals = [
        Outcome(loss / n, right / n if counts_right else None)
        for loss, right in zip(
            losses.sum(axis=1).tolist(), rights.sum(axis=1).tolist(), strict=True
        )
    ]
    return [
        RemovalCost(
            totals[0],
            totals[1 + 2 * j],
            totals[2 + 2 * j],
            shares[0],
            shares[1 + 2 * j],
            shares[2 + 2 * j],
            n,
        )
        for j in range(n_neurons)
    ]
