"""scikit-learn's MLPClassifier set to the task's rule, from the common first weights and order."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import sklearn
from sklearn.neural_network import MLPClassifier

from benchmarks.contestants.blas import choose_threads
from benchmarks.data import Array, Data, Parameters, first_weights, order
from benchmarks.tasks import BETA1, BETA2, EPSILON, Task

_PROBE = 50
"""Steps timed with each number of BLAS threads before one is chosen."""


def network(task: Task) -> MLPClassifier:
    """The estimator of a task, without penalty, momentum and shuffling."""
    return MLPClassifier(
        task.sizes[1:-1],
        activation="relu" if task.activation == "relu" else "logistic",
        solver=task.rule,
        alpha=0.0,
        batch_size=task.batch,
        learning_rate_init=task.learning_rate,
        momentum=0.0,
        shuffle=False,
        beta_1=BETA1,
        beta_2=BETA2,
        epsilon=EPSILON,
    )


def load(net: MLPClassifier, parameters: Parameters) -> None:
    """Set its parameters, and let its optimiser begin anew."""
    # The attributes exist only after a first call; its small step is overwritten.
    n_in, n_out = parameters[0][0].shape[1], len(parameters[-1][1])
    some = np.zeros((net.batch_size, n_in), np.float32)
    net.partial_fit(some, np.zeros(len(some), np.int64), classes=np.arange(n_out))
    for layer, (W, b) in enumerate(parameters):
        if len(net.intercepts_[layer]) < len(b):  # two classes: their difference decides
            W, b = np.diff(W, axis=0), np.diff(b)
        net.coefs_[layer][...] = W.T
        net.intercepts_[layer][...] = b
    del net._optimizer


class Sklearn:
    """`partial_fit` on the rows in the given order; gathering them is part of the time.

    Left to shuffle by itself it gathers rows batch by batch, which is slower than one gather into
    a buffer that is kept. With shuffle=False it takes rows as they come: in the common order.
    """

    def __init__(self, data: Data, task: Task, threads: int) -> None:
        self.data, self.task = data, task
        self.facts: dict[str, Any] = {"sklearn": sklearn.__version__}
        if task.sizes[-1] == 2:
            self.facts["differs"] = "one logistic output for two classes"
        self.net = network(task)

    def prepare(self) -> None:
        """Scale the inputs, choose the number of threads."""
        self.y = self.data.y
        self.X = self.data.scaled()
        self.taken = np.empty_like(self.X)
        rows = np.arange(_PROBE * self.task.batch) % len(self.X)
        some, some_y = self.X[rows], self.y[rows]
        self._load(first_weights(self.task.sizes))
        self.facts["threads"] = choose_threads(lambda: self.net.partial_fit(some, some_y))

    def _load(self, parameters: Parameters) -> None:
        self.net = network(self.task)
        load(self.net, parameters)

    def train(self, first: Parameters, n_epochs: int, n: int) -> list[float]:
        """Train from these parameters; return the seconds of each epoch."""
        self._load(first)
        taken = self.taken[:n]
        seconds = []
        with sklearn.config_context(assume_finite=True):
            for epoch in range(n_epochs):
                rows = order(epoch, n)
                start = time.perf_counter()
                np.take(self.X, rows, axis=0, out=taken, mode="clip")
                self.net.partial_fit(taken, self.y[rows])
                seconds.append(time.perf_counter() - start)
        return seconds

    def parameters(self) -> Parameters:
        """What was learnt, W as (n_out, n_in)."""
        learnt = [(W.T, b) for W, b in zip(self.net.coefs_, self.net.intercepts_, strict=True)]
        W, b = learnt[-1]
        if len(b) < self.task.sizes[-1]:  # beside it an output that is always 0
            learnt[-1] = np.vstack([0 * W, W]), np.append(0 * b, b)
        return learnt

    def predictor(self, parameters: Parameters, X: Array) -> Callable[[], object]:
        """Confidences from float32 rows."""
        self._load(parameters)
        rows = X.astype(np.float32) / np.float32(self.data.largest)
        net = self.net

        def confidences() -> object:
            with sklearn.config_context(assume_finite=True):
                return net.predict_proba(rows)

        return confidences
