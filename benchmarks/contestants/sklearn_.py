"""scikit-learn's MLPClassifier set to plain SGD, from the common first weights and order."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import sklearn
from sklearn.neural_network import MLPClassifier

from benchmarks.contestants.blas import choose_threads
from benchmarks.digits import Array, Digits, Parameters, first_weights, order
from benchmarks.settings import SIZES

_PROBE = 50
"""Steps timed with each number of BLAS threads before one is chosen."""


class Sklearn:
    """`partial_fit` on the rows in the given order; gathering them is part of the time.

    Left to shuffle by itself it gathers rows batch by batch, which is slower than one gather into
    a buffer that is kept. With shuffle=False it takes rows as they come: in the common order.
    """

    def __init__(self, digits: Digits, batch: int, learning_rate: float, threads: int) -> None:
        self.digits, self.batch, self.learning_rate = digits, batch, learning_rate
        self.facts: dict[str, Any] = {"sklearn": sklearn.__version__}
        self.net = self._fresh()

    def _fresh(self) -> MLPClassifier:
        return MLPClassifier(
            SIZES[1:-1],
            activation="logistic",
            solver="sgd",
            alpha=0.0,
            batch_size=self.batch,
            learning_rate_init=self.learning_rate,
            momentum=0.0,
            shuffle=False,
        )

    def prepare(self) -> None:
        """Scale the pixels, choose the number of threads."""
        self.y = self.digits.y
        self.X = self.digits.scaled()
        self.taken = np.empty_like(self.X)
        rows = np.arange(_PROBE * self.batch) % len(self.X)
        some, some_y = self.X[rows], self.y[rows]
        self._load(first_weights())
        self.facts["threads"] = choose_threads(lambda: self.net.partial_fit(some, some_y))

    def _load(self, parameters: Parameters) -> None:
        # The attributes exist only after a first call; its small step is overwritten.
        self.net = self._fresh()
        some = np.zeros((self.batch, SIZES[0]), np.float32)
        self.net.partial_fit(some, np.zeros(self.batch, np.int64), classes=np.arange(SIZES[-1]))
        for layer, (W, b) in enumerate(parameters):
            self.net.coefs_[layer][...] = W.T
            self.net.intercepts_[layer][...] = b

    def train(self, first: Parameters, n_epochs: int) -> list[float]:
        """Train from these parameters; return the seconds of each epoch."""
        self._load(first)
        seconds = []
        with sklearn.config_context(assume_finite=True):
            for epoch in range(n_epochs):
                rows = order(epoch, len(self.X))
                start = time.perf_counter()
                np.take(self.X, rows, axis=0, out=self.taken, mode="clip")
                self.net.partial_fit(self.taken, self.y[rows])
                seconds.append(time.perf_counter() - start)
        return seconds

    def parameters(self) -> Parameters:
        """What was learnt, W as (n_out, n_in)."""
        return [(W.T, b) for W, b in zip(self.net.coefs_, self.net.intercepts_, strict=True)]

    def predictor(self, parameters: Parameters, X: Array) -> Callable[[], object]:
        """Confidences from float32 rows."""
        self._load(parameters)
        rows = X.astype(np.float32) / np.float32(255)
        net = self.net

        def confidences() -> object:
            with sklearn.config_context(assume_finite=True):
                return net.predict_proba(rows)

        return confidences
