"""The network in plain NumPy, float32: what somebody writes who knows NumPy and no framework."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.digits import Array, Digits, Parameters, first_weights, order

_PROBE = 50
"""Steps timed with each number of BLAS threads before one is chosen."""


def layers_of(parameters: Parameters) -> list[tuple[Array, Array]]:
    """Copies to train, W as (n_in, n_out): so the products need no transpose."""
    return [(W.T.copy(), b.copy()) for W, b in parameters]


def forward(layers: list[tuple[Array, Array]], X: Array) -> list[Array]:
    """Activations of every layer, W as (n_in, n_out)."""
    A = [X]
    for W, b in layers[:-1]:
        Z = A[-1] @ W
        Z += b
        np.negative(Z, out=Z)
        np.exp(Z, out=Z)
        Z += 1
        A.append(np.reciprocal(Z, out=Z))
    W, b = layers[-1]
    Z = A[-1] @ W
    Z += b
    Z -= Z.max(axis=1, keepdims=True)
    np.exp(Z, out=Z)
    Z /= Z.sum(axis=1, keepdims=True)
    A.append(Z)
    return A


def step(layers: list[tuple[Array, Array]], X: Array, Y: Array, learning_rate: float) -> None:
    """One step of gradient descent on the mean cross-entropy, in place."""
    A = forward(layers, X)
    delta = A[-1] - Y
    delta *= np.float32(learning_rate / len(X))  # η enters once, here
    for layer in range(len(layers) - 1, -1, -1):
        W, b = layers[layer]
        below = A[layer]
        step_W, step_b = below.T @ delta, delta.sum(axis=0)
        if layer:
            delta = delta @ W.T
            delta *= below
            delta *= 1 - below
        W -= step_W
        b -= step_b


class Numpy:
    """Batches gathered by row number, the backward pass by hand, updates in place."""

    def __init__(self, digits: Digits, batch: int, learning_rate: float, threads: int) -> None:
        self.digits, self.batch, self.learning_rate = digits, batch, learning_rate
        self.layers: list[tuple[Array, Array]] = []
        self.facts: dict[str, Any] = {"numpy": np.__version__}

    def prepare(self) -> None:
        """Scale the pixels, write the labels as rows of 0 and 1, choose the number of threads."""
        from benchmarks.contestants.blas import choose_threads

        self.Y = np.eye(10, dtype=np.float32)[self.digits.y]
        self.X = self.digits.scaled()
        rows = np.arange(_PROBE * self.batch) % len(self.X)
        self.layers = layers_of(first_weights())
        self.facts["threads"] = choose_threads(lambda: self._steps(rows))

    def train(self, first: Parameters, n_epochs: int) -> list[float]:
        """Train from these parameters; return the seconds of each epoch."""
        self.layers = layers_of(first)
        seconds = []
        for epoch in range(n_epochs):
            rows = order(epoch, len(self.X))
            start = time.perf_counter()
            self._steps(rows)
            seconds.append(time.perf_counter() - start)
        return seconds

    def _steps(self, rows: Array) -> None:
        for at in range(0, len(rows), self.batch):
            some = rows[at : at + self.batch]
            step(self.layers, self.X[some], self.Y[some], self.learning_rate)

    def parameters(self) -> Parameters:
        """What was learnt, W as (n_out, n_in)."""
        return [(W.T, b) for W, b in self.layers]

    def predictor(self, parameters: Parameters, X: Array) -> Callable[[], object]:
        """Confidences from float32 rows."""
        layers = layers_of(parameters)
        rows = X.astype(np.float32) / np.float32(255)
        return lambda: forward(layers, rows)[-1]
