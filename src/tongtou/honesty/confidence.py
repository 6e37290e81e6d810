"""What the outputs say of the answer: confidences, their temperature, and a score to rank by."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tongtou.datasets.dataset import Dataset
from tongtou.errors import DataError
from tongtou.network import Network

Array = NDArray[np.float64]
_FACTOR = 64.0
"""Temperatures are sought between 1/64 and 64."""
_GOLDEN = (math.sqrt(5) - 1) / 2


def check_classifier(net: Network) -> None:
    """Refuse a network that does not answer with one class."""
    if not net.is_classifier or (net.loss_function.is_multilabel and net.sizes[-1] > 1):
        what = "several labels an example" if net.is_classifier else "numbers"
        raise DataError(
            f"confidence is for networks that answer with one class; this one answers with {what}."
        )


def logits(net: Network, X: ArrayLike | Dataset) -> Array:
    """Return Z[L] of rows X as the logarithms of odds, one column a class.

    A single output z, which says no or yes, gives the columns 0 and z.
    """
    z: Array = np.atleast_2d(net.weighted_sums(X)).astype(np.float64)
    return np.hstack([np.zeros_like(z), z]) if z.shape[1] == 1 else z


def log_sum_exp(z: Array) -> Array:
    """Return log sum_j exp(z_j) of each row."""
    top = z.max(axis=1, keepdims=True)
    total: Array = top[:, 0] + np.log(np.exp(z - top).sum(axis=1))
    return total


def probabilities(z: Array, temperature: float = 1.0) -> Array:
    """Return softmax(z / T), (n, n_classes)."""
    scaled = z / temperature
    shares: Array = np.exp(scaled - log_sum_exp(scaled)[:, None])
    return shares


def peaks(z: Array) -> tuple[Array, Array]:
    """Return the log odds of the largest class, and of the two largest, against all others.

    ::

        score = z_(1) - log sum_{j > 1} exp(z_(j))
        pair  = log(exp(z_(1)) + exp(z_(2))) - log sum_{j > 2} exp(z_(j))

    with z_(1) >= z_(2) >= … A score keeps apart what a confidence in float rounds to 1.

    Returns
    -------
    score, pair : ndarray, shape (n,)
        pair is infinite where there are but two classes.
    """
    ordered = np.sort(z, axis=1)[:, ::-1]
    score: Array = ordered[:, 0] - log_sum_exp(ordered[:, 1:])
    if z.shape[1] < 3:
        return score, np.full(len(z), np.inf)
    pair: Array = log_sum_exp(ordered[:, :2]) - log_sum_exp(ordered[:, 2:])
    return score, pair


def temperature_of(z: Array, y: NDArray[Any]) -> float:
    """Return the temperature T under which the answers y are likeliest.

    ::

        T = argmin_T  mean_i ( log sum_j exp(z_ij / T) - z_{i, y_i} / T )

    Parameters
    ----------
    z : ndarray, shape (n, n_classes)
        As `logits` returns them, of examples that were not learnt from.
    y : ndarray of int, shape (n,)

    Returns
    -------
    float
        1/64 … 64: above 1 the network was too sure of itself, below 1 not sure enough.

    Notes
    -----
    The loss is convex in 1/T, so a golden-section search over log T finds its only minimum. The
    answers do not change, for softmax keeps the order.

    References
    ----------
    Guo, Pleiss, Sun and Weinberger (2017), "On calibration of modern neural networks", section 4.2.

    Examples
    --------
    >>> z = np.array([[2.0, 0.0]] * 4)        # says 88 %, and is right in 3 of 4: log 3 = 2 / T
    >>> round(temperature_of(z, np.array([0, 0, 0, 1])), 4)
    1.8205
    """
    of_answer = z[np.arange(len(z)), y]

    def loss(log_t: float) -> float:
        t = math.exp(log_t)
        return float((log_sum_exp(z / t) - of_answer / t).mean())

    low, high = -math.log(_FACTOR), math.log(_FACTOR)
    a, b = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
    loss_a, loss_b = loss(a), loss(b)
    while high - low > 1e-7:
        if loss_a <= loss_b:
            high, b, loss_b = b, a, loss_a
            a = high - _GOLDEN * (high - low)
            loss_a = loss(a)
        else:
            low, a, loss_a = a, b, loss_b
            b = low + _GOLDEN * (high - low)
            loss_b = loss(b)
    return math.exp((low + high) / 2)


def labelled(
    net: Network, X: ArrayLike | Dataset, y: ArrayLike | None
) -> tuple[Array, NDArray[np.int64]]:
    """Return logits and class numbers of examples.

    Raises
    ------
    ShapeError, DataError
        The network is no classifier of this kind, the data do not fit it, or y are no classes.
    """
    check_classifier(net)
    inputs, answers = net._examples(X, y)
    if answers.ndim == 2:
        one_each = answers.shape[1] == 1 or (answers.sum(axis=1) == 1).all()
        if not (one_each and np.isin(answers, (0, 1)).all()):
            raise DataError(
                "y must be class numbers, one for each example; these targets lie between classes."
            )
        answers = answers[:, 0] if answers.shape[1] == 1 else answers.argmax(axis=1)
    return logits(net, inputs), answers.astype(np.int64)
