"""Does 90 % sure mean right in 90 of 100? Reliability, calibration error, Brier score."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tongtou.datasets.dataset import Dataset
from tongtou.honesty.confidence import labelled, probabilities
from tongtou.network import Network
from tongtou.settings import checked_number, checked_whole

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Bin:
    """The examples whose confidence lies in one interval.

    Attributes
    ----------
    low, high : float
        The interval; the confidence is above `low` and at most `high`.
    n : int
    confidence, accuracy : float or None
        Means; None where n is 0.
    """

    low: float
    high: float
    n: int
    confidence: float | None
    accuracy: float | None

    def to_dict(self) -> dict[str, Any]:
        """Return it ready for JSON."""
        return {
            "low": self.low,
            "high": self.high,
            "n": self.n,
            "confidence": self.confidence,
            "accuracy": self.accuracy,
        }


@dataclass(frozen=True)
class Calibration:
    """How far confidences can be taken at their word.

    Attributes
    ----------
    n : int
        Examples.
    temperature : float
        By which the weighted sums were divided.
    accuracy, confidence : float
        The share of right answers, and the mean confidence in them.
    ece : float
        Expected calibration error.
    ece_interval : tuple of float
        95 % of the bootstrap's.
    ece_if_calibrated : float
        What such a finite sample shows on average of a network whose confidences are true.
    brier, log_loss : float
        Of the confidences in all classes.
    bins : tuple of Bin
        The reliability curve.
    """

    n: int
    temperature: float
    accuracy: float
    confidence: float
    ece: float
    ece_interval: tuple[float, float]
    ece_if_calibrated: float
    brier: float
    log_loss: float
    bins: tuple[Bin, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return it ready for JSON."""
        return {
            "n": self.n,
            "temperature": self.temperature,
            "accuracy": self.accuracy,
            "confidence": self.confidence,
            "ece": self.ece,
            "ece_interval": list(self.ece_interval),
            "ece_if_calibrated": self.ece_if_calibrated,
            "brier": self.brier,
            "log_loss": self.log_loss,
            "bins": [one.to_dict() for one in self.bins],
        }


def calibration(
    net: Network,
    data: ArrayLike | Dataset,
    y: ArrayLike | None = None,
    *,
    temperature: float | None = None,
    bins: int = 15,
    resamples: int = 1000,
    seed: int = 0,
) -> Calibration:
    """Return how well a classifier's confidences agree with how often it is right.

    ::

        p     = softmax(z / T)      confidence = max_j p_j      z = 0, z of a single output
        ECE   = sum_b (n_b / n) abs(accuracy_b - confidence_b)  over bins b of equal width
        Brier = (1/n) sum_i sum_j (p_ij - y_ij)^2               0 … 2

    Of sigmoid outputs, each a yes or no of its own, softmax(z) is the probability that class j is
    the one that applies, given that exactly one of the independent answers is yes: the odds a_j /
    (1 - a_j) = exp(z_j), shared out.

    Parameters
    ----------
    net : Network
        A classifier.
    data : Dataset, or array_like of shape (n, n_in)
        Neither learnt from nor used for the temperature.
    y : array_like, optional
        Class numbers, where `data` is no Dataset.
    temperature : float, optional
        By default that of `net.gates`, or 1.
    bins : int
    resamples : int
        Of the bootstrap, and of the comparison with a calibrated network.
    seed : int
        Of both.

    Returns
    -------
    Calibration

    Raises
    ------
    ShapeError, DataError
        The network answers with numbers or several labels, or the data do not fit it.
    ValueError
        A setting is out of its range.

    Notes
    -----
    ECE is a sum of absolute values, so chance alone makes it larger than 0: `ece_if_calibrated`
    says by how much. The bootstrap interval has the same excess.

    References
    ----------
    Guo, Pleiss, Sun and Weinberger (2017), "On calibration of modern neural networks", equation 3;
    Brier (1950), "Verification of forecasts expressed in terms of probability", equation 2.

    Examples
    --------
    >>> import numpy as np, tongtou as tt
    >>> net = tt.Network([1, 1])
    >>> net.layers[0].W, net.layers[0].b = [[0.0]], [np.log(3)]           # says 75 % yes to all
    >>> found = calibration(net, np.zeros((4, 1)), np.array([1, 1, 1, 0]))
    >>> round(found.ece, 6), round(found.brier, 6)
    (0.0, 0.375)
    """
    bins = checked_whole("bins", bins, 1)
    resamples = checked_whole("resamples", resamples, 1)
    z, answers = labelled(net, data, y)
    if temperature is None:
        temperature = 1.0 if net.gates is None else net.gates.temperature
    checked_number("temperature", temperature, 0.0, above=True)
    p = probabilities(z, temperature)
    confidence, right = p.max(axis=1), z.argmax(axis=1) == answers
    places = bin_numbers(confidence, bins)
    rng = np.random.default_rng(seed)
    targets = np.arange(p.shape[1]) == answers[:, None]
    of_answer = np.maximum(p[targets], np.finfo(np.float64).tiny)
    n = len(answers)
    edges = np.linspace(0, 1, bins + 1)
    counts = np.bincount(places, minlength=bins)
    means = [np.bincount(places, one, bins) / np.maximum(counts, 1) for one in (confidence, right)]
    return Calibration(
        n=n,
        temperature=float(temperature),
        accuracy=float(right.mean()),
        confidence=float(confidence.mean()),
        ece=expected_error(confidence, right, places, bins),
        ece_interval=_interval(confidence, right, places, bins, resamples, rng),
        ece_if_calibrated=_if_calibrated(confidence, places, bins, resamples, rng),
        brier=float(((p - targets) ** 2).sum(axis=1).mean()),
        log_loss=float(-np.log(of_answer).mean()),
        bins=tuple(
            Bin(
                float(edges[b]),
                float(edges[b + 1]),
                int(counts[b]),
                float(means[0][b]) if counts[b] else None,
                float(means[1][b]) if counts[b] else None,
            )
            for b in range(bins)
        ),
    )


def bin_numbers(confidence: Array, bins: int) -> NDArray[np.int64]:
    """Return which bin (low, high] each confidence lies in; 0 lies in the first."""
    places: NDArray[np.int64] = np.ceil(confidence * bins).astype(np.int64) - 1
    return places.clip(0, bins - 1)


def expected_error(
    confidence: Array, right: NDArray[Any], places: NDArray[np.int64], bins: int
) -> float:
    """Return the expected calibration error: sum_b abs(sum of (right - confidence) in b) / n."""
    gaps = np.bincount(places, right - confidence, bins)
    return float(np.abs(gaps).sum()) / len(confidence)


def _interval(
    confidence: Array,
    right: NDArray[np.bool_],
    places: NDArray[np.int64],
    bins: int,
    resamples: int,
    rng: np.random.Generator,
) -> tuple[float, float]:
    n = len(confidence)
    gap = right - confidence
    found = np.empty(resamples)
    for k in range(resamples):
        rows = rng.integers(0, n, n)
        found[k] = np.abs(np.bincount(places[rows], gap[rows], bins)).sum() / n
    low, high = np.quantile(found, (0.025, 0.975))
    return float(low), float(high)


def _if_calibrated(
    confidence: Array,
    places: NDArray[np.int64],
    bins: int,
    resamples: int,
    rng: np.random.Generator,
) -> float:
    n = len(confidence)
    total = 0.0
    for _ in range(resamples):
        right = rng.random(n) < confidence
        total += float(np.abs(np.bincount(places, right - confidence, bins)).sum()) / n
    return total / resamples
