"""What a network answers on examples of known class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tongtou.boundary import Examples, check_same_meaning, checked_examples
from tongtou.datasets.dataset import Dataset
from tongtou.errors import DataError

if TYPE_CHECKING:
    from tongtou.network import Network


@dataclass(frozen=True)
class Answers:
    """Class numbers (n,) right and said, the output that stands for what was said, and names."""

    right: NDArray[np.int64]
    said: NDArray[np.int64]
    confidence: NDArray[np.float64]
    names: tuple[Any, ...]

    @property
    def counts(self) -> NDArray[np.int64]:
        """How often each class (row) was said to be each class (column)."""
        k = len(self.names)
        return np.bincount(self.right * k + self.said, minlength=k * k).reshape(k, k)


def answers(net: Network, data: Examples) -> Answers:
    """Return what the network says of the examples.

    Raises
    ------
    ShapeError, DataError
        They do not fit the network, are of other classes than it learnt, or have targets that are
        no classes.
    """
    check_same_meaning(data, net.classes, net.preprocessing)
    X, y = (data, None) if isinstance(data, Dataset) else data
    inputs, known = checked_examples(X, y, net.blueprint)
    single = net.sizes[-1] == 1
    if known.ndim == 2 and single and set(np.unique(known)) <= {0.0, 1.0}:
        known = known[:, 0]
    if known.ndim != 1 or not net.is_classifier:
        raise DataError(
            "the examples must have class numbers, one each; these have targets that are numbers."
        )
    outputs = np.atleast_2d(net.predict_proba(inputs)).astype(np.float64)
    if single:
        said = (outputs[:, 0] >= 0.5).astype(np.int64)
        confidence = np.where(said == 1, outputs[:, 0], 1 - outputs[:, 0])
    else:
        said = outputs.argmax(1)
        confidence = outputs[np.arange(len(outputs)), said]
    names = net.classes or (data.classes if isinstance(data, Dataset) else ())
    k = max(net.sizes[-1], 2)
    named = names if len(names) == k else tuple(range(k))
    return Answers(known.astype(np.int64), said.astype(np.int64), confidence, tuple(named))
