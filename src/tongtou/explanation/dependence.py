"""What a network says on average as one column takes one value after another."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tongtou.datasets.dataset import Dataset
from tongtou.errors import DataError
from tongtou.explanation.columns import Feature, feature_named, significant, some_rows
from tongtou.explanation.lessons import lesson_on
from tongtou.network import Network
from tongtou.preprocessing.parts import BooleanPart, CategoryPart, DatePart
from tongtou.settings import checked_whole

_MOST_LEVELS = 24


@dataclass(frozen=True)
class Dependence:
    """The mean answer by the value of one column.

    Attributes
    ----------
    name, kind : str
        Of the column: number, boolean, category, date or input.
    values : list
        What it is set to: numbers, truth values, levels, dates as ISO 8601; None for missing.
    outputs : list of str
        A class each, or a target.
    mean, low, high : list of list of float, (len(outputs), len(values))
        The mean over the rows, and its interval.
    tenth, ninetieth : list of list of float
        Between these lie the single rows, but for a tenth at either end.
    n : int
        Rows.
    confidence : float
        Of the interval.
    """

    name: str
    kind: str
    values: list[Any]
    outputs: list[str]
    mean: list[list[float]]
    low: list[list[float]]
    high: list[list[float]]
    tenth: list[list[float]]
    ninetieth: list[list[float]]
    n: int
    confidence: float

    def to_dict(self) -> dict[str, Any]:
        """Return all, ready for JSON."""
        return asdict(self)


def partial_dependence(
    model: Any,
    data: Dataset | tuple[ArrayLike, ArrayLike],
    column: str | int,
    *,
    values: list[Any] | None = None,
    n_points: int = 24,
    confidence: float = 0.95,
    most_rows: int = 1000,
    seed: int = 0,
) -> Dependence:
    """Return the mean answer of a network by the value of one column.

    ::

        mean(v) = (1/n) Σ_i f(x_i with the column set to v)

    Parameters
    ----------
    model : Network, fitted estimator, or Pipeline that ends in one
    data : Dataset or (X, y)
        The rows over which the other columns are averaged; y is not looked at.
    column : str or int
        By name or place; an input without a name is "x0", "x1", …
    values : list, optional
        What to set it to. Left out: every level of a category (at most 24, the most frequent),
        false and true, or `n_points` evenly between the 5th and the 95th percentile (the different
        values themselves, where they are no more than that).
    n_points : int
    confidence : float
        Of the interval of the mean, between 0 and 1.
    most_rows : int
        Of more rows so many are chosen at random.
    seed : int

    Returns
    -------
    Dependence
        For a classifier of confidences, for numbers in the target's own units.

    Raises
    ------
    ShapeError, DataError
        The data do not fit the network.
    ValueError
        There is no such column, or a number is out of its range.

    Notes
    -----
    The interval, mean ± z sd / sqrt(n), says how the mean depends on which rows were there, not
    how well the network fits the world. Rows are made that cannot be, where columns hang together.

    References
    ----------
    Friedman (2001), "Greedy Function Approximation", section 8.2.

    Examples
    --------
    >>> import numpy as np, tongtou as tt
    >>> net = tt.Network([2, 1], output="linear", loss="mse")
    >>> net.layers[0].W = [[3.0, 1.0]]
    >>> X = np.array([[0.0, 1.0], [1.0, 3.0]])
    >>> partial_dependence(net, (X, X[:, 0]), "x0", values=[0.0, 2.0]).mean
    [[2.0, 8.0]]
    """
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be between 0 and 1; it is {confidence!r}.")
    lesson = lesson_on(model, data)
    net = lesson.network
    feature = feature_named(net, column)
    random = np.random.default_rng(seed)
    X, _, _ = some_rows(lesson, checked_whole("most_rows", most_rows, 1), random)
    grid = _grid(feature, X, checked_whole("n_points", n_points, 2)) if values is None else values
    if not grid:
        raise DataError(f"column {feature.name!r} has no value in these rows.")
    blocks = feature.encoded(grid)
    # of numbers: where the network learnt them from a table, in the table's own units
    target: Any = None if net.is_classifier else getattr(net.preprocessing, "target", None)
    n = len(X)
    said = np.empty((len(grid), n, net.sizes[-1]))
    changed = X.copy()
    for place, block in enumerate(blocks):
        changed[:, list(feature.inputs)] = block
        out = net.predict_proba(changed)
        said[place] = out if target is None else target.answers(out).reshape(out.shape)
    mean = said.mean(axis=1)
    error = said.std(axis=1, ddof=1) / np.sqrt(n) if n > 1 else np.zeros_like(mean)
    reach = NormalDist().inv_cdf((1 + confidence) / 2) * error
    tenth, ninetieth = np.quantile(said, (0.1, 0.9), axis=1)
    return Dependence(
        name=feature.name,
        kind=feature.kind,
        values=grid,
        outputs=_names_of_outputs(model, net, target),
        mean=_plain(mean),
        low=_plain(mean - reach),
        high=_plain(mean + reach),
        tenth=_plain(tenth),
        ninetieth=_plain(ninetieth),
        n=n,
        confidence=confidence,
    )


def _names_of_outputs(model: Any, net: Network, target: Any) -> list[str]:
    last = model[-1] if hasattr(model, "named_steps") else model
    known = net.classes or getattr(last, "classes_", ())
    if target is not None:
        known = target.names
    names = [str(one) for one in known]
    if net.sizes[-1] == 1:  # a single output is the confidence in the second of two classes
        return names[-1:] or ["1" if net.is_classifier else "0"]
    return names if len(names) == net.sizes[-1] else [str(j) for j in range(net.sizes[-1])]


def _plain(array: NDArray[Any]) -> list[list[float]]:
    rows: list[list[float]] = array.T.tolist()
    return rows


def _grid(feature: Feature, X: NDArray[Any], n_points: int) -> list[Any]:
    part = feature.part
    missing: list[Any] = [None] if part is not None and part.missing else []
    found = feature.values(X)
    if isinstance(part, CategoryPart):
        levels = sorted(part.levels, key=lambda one: -found.count(one))[:_MOST_LEVELS]
        return [one for one in part.levels if one in levels] + missing
    if isinstance(part, BooleanPart):
        return [False, True, *missing]
    there = [one for one in found if one is not None]
    if not there:
        return []
    if isinstance(part, DatePart):
        when = np.array(there, "datetime64[s]").astype(np.int64)
        low, high = np.quantile(when, (0.05, 0.95))
        days = np.linspace(low, high, n_points) // 86_400
        return [str(np.datetime64(int(day), "D")) for day in np.unique(days)]
    different = np.unique(there)
    if len(different) > n_points:
        low, high = np.quantile(there, (0.05, 0.95))
        different = np.linspace(low, high, n_points)
    return [significant(one) for one in np.unique(different)]
