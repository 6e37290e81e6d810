"""How far numbers are off, how sure that is, and where they are off the furthest."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tongtou.boundary import dense_answers
from tongtou.datasets.dataset import Dataset
from tongtou.errors import DataError
from tongtou.explanation.columns import features_of
from tongtou.explanation.lessons import lesson_on
from tongtou.preprocessing import TablePreprocessing
from tongtou.settings import checked_whole


@dataclass(frozen=True)
class Estimate:
    """A measure and its interval; None where it has no value."""

    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class FarOff:
    """One of the rows that a network is furthest off.

    Attributes
    ----------
    row : int
        Of the user's table, counted from 0.
    right, said, off : float
        The right answer, the network's, and said - right.
    values : dict
        The row's columns, read back; empty where it is no row of a table.
    """

    row: int
    right: float
    said: float
    off: float
    values: dict[str, Any]


@dataclass(frozen=True)
class TargetResiduals:
    """The residuals r = said - is of one target, in its own units.

    Attributes
    ----------
    name : str
    rmse, mae, r_squared : Estimate
        sqrt(mean r²), mean abs(r), 1 - Σ r² / Σ (is - mean)².
    half_within, nine_tenths_within : float
        How far off half of the rows, and nine tenths, are at most.
    worst : list of FarOff
        The furthest off first.
    """

    name: str
    rmse: Estimate
    mae: Estimate
    r_squared: Estimate
    half_within: float
    nine_tenths_within: float
    worst: list[FarOff]


@dataclass(frozen=True)
class Residuals:
    """Every target; `n` rows, intervals of `confidence`."""

    targets: list[TargetResiduals]
    n: int
    confidence: float

    def to_dict(self) -> dict[str, Any]:
        """Return all, ready for JSON."""
        return asdict(self)


def worst_residuals(
    model: Any,
    data: Dataset | tuple[ArrayLike, ArrayLike],
    n: int = 10,
    *,
    confidence: float = 0.95,
    n_resamples: int = 1000,
    seed: int = 0,
) -> Residuals:
    """Return how far a network's numbers are off, and the rows where they are off the furthest.

    Parameters
    ----------
    model : Network, fitted estimator, or Pipeline that ends in one
        One that predicts numbers.
    data : Dataset or (X, y)
    n : int
        Rows shown of each target.
    confidence : float
        Of the intervals, between 0 and 1: percentile bootstrap over the rows.
    n_resamples : int
    seed : int

    Returns
    -------
    Residuals

    Raises
    ------
    DataError
        The network answers with classes.
    ShapeError
        The data do not fit it.

    Examples
    --------
    >>> import numpy as np, tongtou as tt
    >>> net = tt.Network([1, 1], output="linear", loss="mse")
    >>> net.layers[0].W = [[1.0]]
    >>> found = worst_residuals(net, (np.array([[1.0], [2.0], [3.0]]), [1.0, 2.0, 5.0]), n=1)
    >>> found.targets[0].worst[0].row, found.targets[0].worst[0].off
    (2, -2.0)
    """
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be between 0 and 1; it is {confidence!r}.")
    lesson = lesson_on(model, data)
    net = lesson.network
    if net.is_classifier:
        raise DataError("residuals are of numbers; this network answers with classes.")
    said = net.predict_proba(lesson.inputs).astype(np.float64)
    right = dense_answers(lesson.answers, net.sizes[-1]).astype(np.float64)
    names = [f"y{j}" for j in range(said.shape[1])] if said.shape[1] > 1 else ["y"]
    target = getattr(net.preprocessing, "target", None)
    if target is not None:
        names = list(target.names)
        said, right = (target.answers(one).reshape(one.shape) for one in (said, right))
    own = data.rows if isinstance(data, Dataset) else None
    places = np.arange(len(said)) if own is None else np.asarray(own)
    features = features_of(net) if isinstance(net.preprocessing, TablePreprocessing) else ()
    shown = checked_whole("n", n, 0)
    n_resamples = checked_whole("n_resamples", n_resamples, 1)
    found = []
    for j, name in enumerate(names):
        off = said[:, j] - right[:, j]
        rows = np.argsort(-np.abs(off), kind="stable")[:shown]
        picked: Any = lesson.inputs[rows]
        X = picked.toarray() if hasattr(picked, "toarray") else picked
        read = {one.name: one.values(X) for one in features}
        worst = [
            FarOff(
                int(places[row]),
                float(right[row, j]),
                float(said[row, j]),
                float(off[row]),
                {key: values[k] for key, values in read.items()},
            )
            for k, row in enumerate(rows)
        ]
        near = np.quantile(np.abs(off), (0.5, 0.9))
        random = np.random.default_rng(seed)  # the same samples of rows for every target
        rmse, mae, r_squared = _estimates(off, right[:, j], random, n_resamples, confidence)
        found.append(
            TargetResiduals(name, rmse, mae, r_squared, float(near[0]), float(near[1]), worst)
        )
    return Residuals(found, len(said), confidence)


def _estimates(
    off: NDArray[np.float64],
    right: NDArray[np.float64],
    random: np.random.Generator,
    n_resamples: int,
    confidence: float,
) -> list[Estimate]:
    edges = [(1 - confidence) / 2, (1 + confidence) / 2]
    n = len(off)
    drawn = (random.integers(n, size=n) for _ in range(n_resamples))
    each = np.array([_measures(off[rows], right[rows]) for rows in drawn])
    found = []
    for value, samples in zip(_measures(off, right), each.T, strict=True):
        known = samples[np.isfinite(samples)]
        if not np.isfinite(value) or not len(known):
            found.append(Estimate(None, None, None))
            continue
        low, high = np.quantile(known, edges)
        found.append(Estimate(float(value), float(low), float(high)))
    return found


def _measures(off: NDArray[np.float64], right: NDArray[np.float64]) -> tuple[float, float, float]:
    squares = float(off @ off)
    spread = float(((right - right.mean()) ** 2).sum())
    r_squared = 1 - squares / spread if spread else float("nan")
    return float(np.sqrt(squares / len(off))), float(np.abs(off).mean()), r_squared
