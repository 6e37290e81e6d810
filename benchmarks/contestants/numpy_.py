"""The network in plain NumPy, float32: what somebody writes who knows NumPy and no framework."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.data import Array, Data, Parameters, first_weights, order
from benchmarks.tasks import BETA1, BETA2, EPSILON, Task

_PROBE = 50
"""Steps timed with each number of BLAS threads before one is chosen."""
_BLOCK = 16384
"""Weights that Adam moves at a time: what it reads and writes of them stays in the cache."""

Layers = list[tuple[Array, Array]]


def layers_of(parameters: Parameters, dtype: Any = np.float32) -> Layers:
    """Copies to train, W as (n_in, n_out): so the products need no transpose."""
    return [(W.T.astype(dtype, order="C"), b.astype(dtype)) for W, b in parameters]


def forward(layers: Layers, X: Array, activation: str) -> list[Array]:
    """Activations of every layer, W as (n_in, n_out)."""
    A = [X]
    for W, b in layers[:-1]:
        Z = A[-1] @ W
        Z += b
        if activation == "relu":
            A.append(np.maximum(Z, 0, out=Z))
            continue
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


class Descent:
    """Plain steps: the learning rate is in the gradient already, where it costs least."""

    def __init__(self, learning_rate: float) -> None:
        self.factor = learning_rate

    def update(self, parameters: tuple[Array, ...], gradients: tuple[Array, ...]) -> None:
        """Move the parameters of one layer."""
        for p, g in zip(parameters, gradients, strict=True):
            p -= g


class Adam:
    """Kingma and Ba 2015, Algorithm 1, in place; the gradient serves as scratch."""

    factor = 1.0

    def __init__(self, learning_rate: float, layers: Layers, corrected: bool) -> None:
        self.learning_rate, self.n_layers, self.calls = learning_rate, len(layers), 0
        self.corrected = corrected  # whether sqrt(v) is, before epsilon is added to it
        self.moments = {
            id(p): (np.zeros_like(p), np.zeros_like(p)) for layer in layers for p in layer
        }
        self.scratch = np.empty(_BLOCK, layers[0][0].dtype)

    def update(self, parameters: tuple[Array, ...], gradients: tuple[Array, ...]) -> None:
        """Move the parameters of one layer."""
        t = self.calls // self.n_layers + 1
        self.calls += 1
        for p, g in zip(parameters, gradients, strict=True):
            flat = [array.reshape(-1) for array in (p, g, *self.moments[id(p)])]
            for at in range(0, p.size, _BLOCK):
                self._block(*(array[at : at + _BLOCK] for array in flat), t=t)

    def _block(self, p: Array, g: Array, m: Array, v: Array, *, t: int) -> None:
        # eta m̂ / (sqrt(v̂) + eps), with sqrt(c2) multiplied through
        root = (1 - BETA2**t) ** 0.5
        some = np.multiply(g, 1 - BETA1, out=self.scratch[: len(g)])
        m *= BETA1
        m += some
        g *= g
        g *= 1 - BETA2
        v *= BETA2
        v += g
        np.sqrt(v, out=g)
        g += EPSILON * root if self.corrected else EPSILON
        np.divide(m, g, out=g)
        g *= self.learning_rate * root / (1 - BETA1**t)
        p -= g


def rule_of(task: Task, layers: Layers, corrected: bool = True) -> Descent | Adam:
    """The rule of a task, its memory empty."""
    if task.rule == "adam":
        return Adam(task.learning_rate, layers, corrected)
    return Descent(task.learning_rate)


def step(layers: Layers, X: Array, Y: Array, activation: str, rule: Descent | Adam) -> None:
    """One step down the gradient of the mean cross-entropy, in place."""
    A = forward(layers, X, activation)
    delta = A[-1] - Y
    delta *= rule.factor / len(X)  # η, where the rule has it so, enters once, here
    for layer in range(len(layers) - 1, -1, -1):
        W = layers[layer][0]
        below = A[layer]
        gradients = below.T @ delta, delta.sum(axis=0)
        if layer:
            delta = delta @ W.T
            if activation == "relu":
                delta *= below > 0
            else:
                delta *= below
                delta *= 1 - below
        rule.update(layers[layer], gradients)


class Numpy:
    """Batches gathered by row number, the backward pass by hand, updates in place."""

    dtype: Any = np.float32
    corrected = True

    def __init__(self, data: Data, task: Task, threads: int) -> None:
        self.data, self.task = data, task
        self.facts: dict[str, Any] = {"numpy": np.__version__}
        self._load(first_weights(task.sizes))

    def _load(self, parameters: Parameters) -> None:
        self.layers = layers_of(parameters, self.dtype)
        self.rule = rule_of(self.task, self.layers, self.corrected)

    def prepare(self) -> None:
        """Scale the inputs, write the labels as rows of 0 and 1, choose the number of threads."""
        from benchmarks.contestants.blas import choose_threads

        self.Y = np.eye(self.task.sizes[-1], dtype=np.float32)[self.data.y]
        self.X = self.data.scaled()
        rows = np.arange(_PROBE * self.task.batch) % len(self.X)
        self.facts["threads"] = choose_threads(lambda: self._steps(rows))

    def train(self, first: Parameters, n_epochs: int, n: int) -> list[float]:
        """Train from these parameters; return the seconds of each epoch."""
        self._load(first)
        seconds = []
        for epoch in range(n_epochs):
            rows = order(epoch, n)
            start = time.perf_counter()
            self._steps(rows)
            seconds.append(time.perf_counter() - start)
        return seconds

    def _steps(self, rows: Array) -> None:
        batch, activation = self.task.batch, self.task.activation
        for at in range(0, len(rows), batch):
            some = rows[at : at + batch]
            step(self.layers, self.X[some], self.Y[some], activation, self.rule)

    def parameters(self) -> Parameters:
        """What was learnt, W as (n_out, n_in)."""
        return [(W.T, b) for W, b in self.layers]

    def predictor(self, parameters: Parameters, X: Array) -> Callable[[], object]:
        """Confidences from float32 rows."""
        layers = layers_of(parameters)
        rows = X.astype(np.float32) / np.float32(self.data.largest)
        return lambda: forward(layers, rows, self.task.activation)[-1]


class Oracle(Numpy):
    """The same with parameters and arithmetic in float64: what the others are compared with."""

    dtype = np.float64


class Uncorrected(Oracle):
    """Adam as Kingma and Ba write it in the end of their section 2, and scikit-learn makes it."""

    corrected = False
