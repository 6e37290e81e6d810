"""How a network does on examples it is tested on."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tongtou.datasets.dataset import Dataset
from tongtou.network import Network
from tongtou.terminal.residuals import Residuals, residuals_of


@dataclass(frozen=True)
class WrongAnswer:
    """An example the network got wrong.

    Attributes
    ----------
    row : int
        Its place in the data, from 0.
    is_class, said_class : int
        The right class and the network's, counted from 0.
    confidence : float
        The output of the class it said.
    """

    row: int
    is_class: int
    said_class: int
    confidence: float


@dataclass(frozen=True)
class Findings:
    """What a test showed.

    Attributes
    ----------
    n : int
        Examples.
    loss : float
        The mean.
    seconds : float
        For all outputs.
    confusion : ndarray of int, shape (k, k), or None
        Row: the right class; column: the class the network said. None where outputs are numbers
        rather than classes.
    wrong : list of WrongAnswer
        The most confident first.
    residuals : list of Residuals
        One for each output, where outputs are numbers.
    places : ndarray of int, shape (n,), or None
        The row of the user's own table that each example is, where it is known.
    """

    n: int
    loss: float
    seconds: float
    confusion: NDArray[np.int64] | None = None
    wrong: list[WrongAnswer] = field(default_factory=list)
    residuals: list[Residuals] = field(default_factory=list)
    places: NDArray[np.int64] | None = None

    def place(self, row: int) -> int:
        """Return the row of the user's own table, counted from 0."""
        return row if self.places is None else int(self.places[row])

    @property
    def n_right(self) -> int:
        """Examples whose class the network said."""
        return 0 if self.confusion is None else int(np.trace(self.confusion))

    @property
    def accuracy(self) -> float | None:
        """Share of those; None where there are no classes."""
        return None if self.confusion is None else self.n_right / self.n

    def class_accuracy(self) -> list[float | None]:
        """Return the share said right of each class; None for a class with no example."""
        if self.confusion is None:
            return []
        pairs = zip(self.confusion.diagonal().tolist(), self.confusion.sum(1).tolist(), strict=True)
        return [right / n if n else None for right, n in pairs]

    def to_dict(self) -> dict[str, Any]:
        """Return plain lists, dicts and numbers."""
        return {
            "n": self.n,
            "loss": self.loss,
            "accuracy": self.accuracy,
            "seconds": self.seconds,
            "confusion": None if self.confusion is None else self.confusion.tolist(),
            "class_accuracy": self.class_accuracy(),
            "residuals": [one.to_dict(self.place) for one in self.residuals],
        }


def examine(net: Network, data: Dataset) -> Findings:
    """Test a network on examples, which must fit it."""
    loss = net.loss(data)
    started = time.perf_counter()
    outputs = net.predict_proba(data)
    seconds = time.perf_counter() - started
    if not net.is_classifier or data.y.ndim != 1 or data.y.dtype.kind == "f":
        residuals = residuals_of(net, data.y, outputs) if _is_numbers(net, data) else []
        return Findings(len(data), loss, seconds, residuals=residuals, places=data.rows)
    said, confidence = answers(outputs)
    n_classes = max(outputs.shape[1], 2)
    pairs = data.y.astype(np.int64) * n_classes + said
    confusion = np.bincount(pairs, minlength=n_classes**2).reshape(n_classes, n_classes)
    rows = np.flatnonzero(said != data.y)
    rows = rows[np.argsort(-confidence[rows], kind="stable")]
    wrong = [
        WrongAnswer(int(row), int(data.y[row]), int(said[row]), float(confidence[row]))
        for row in rows
    ]
    return Findings(len(data), loss, seconds, confusion, wrong, places=data.rows)


def _is_numbers(net: Network, data: Dataset) -> bool:
    return not net.is_classifier and data.y.size == len(data) * net.sizes[-1]


def answers(outputs: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the class (n,) each row of outputs (n, n_out) says, and the confidence in it.

    A single output is the confidence in class 1.
    """
    if outputs.shape[1] == 1:
        said = (outputs[:, 0] >= 0.5).astype(np.int64)
        return said, np.where(said == 1, outputs[:, 0], 1 - outputs[:, 0])
    said = outputs.argmax(1)
    return said, outputs[np.arange(len(outputs)), said]
