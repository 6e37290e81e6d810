"""Digits and table, first weights, order of samples and score: one for all contestants."""

from __future__ import annotations

import gzip
import importlib.util
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from benchmarks.settings import SEED
from benchmarks.tasks import Task

Array = NDArray[Any]
Parameters = list[tuple[Array, Array]]
"""One (W, b) a layer, W of shape (n_out, n_in)."""
_SCORED = 500
"""Test examples scored at a time."""


def data_folder() -> Path:
    """Where the package keeps its digits, found without importing it: peers do not pay for it."""
    spec = importlib.util.find_spec("tongtou")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("tongtou is not installed here; run: make bench")
    for place in spec.submodule_search_locations:
        folder = Path(place) / "datasets" / "mnist_data"
        if folder.is_dir():
            return folder
    raise SystemExit(f"no digits under {list(spec.submodule_search_locations)}; run: make bench")


def read_idx(name: str, header: int) -> NDArray[np.uint8]:
    """Return the bytes behind the header of one of the package's IDX files."""
    packed = (data_folder() / f"{name}-ubyte.gz").read_bytes()
    return np.frombuffer(gzip.decompress(packed), np.uint8, offset=header)


class Data(Protocol):
    """Examples to learn from and to test with."""

    X: Array
    y: NDArray[np.int64]
    X_test: Array
    y_test: NDArray[np.int64]
    largest: float
    """What the inputs are divided by."""
    shape: tuple[int, ...]
    """Of one picture; empty where the examples are none."""

    def scaled(self) -> NDArray[np.float32]:
        """X as the peers learn from it."""
        ...


class Digits:
    """All of MNIST: 60,000 digits to learn from, 10,000 to test with; read when first needed."""

    largest = 255.0
    shape = (28, 28)

    @cached_property
    def X(self) -> NDArray[np.uint8]:
        """Training pixels, shape (60000, 784)."""
        return read_idx("train-images-idx3", 16).reshape(-1, 784)

    @cached_property
    def y(self) -> NDArray[np.int64]:
        """Training labels, shape (60000,)."""
        return read_idx("train-labels-idx1", 8).astype(np.int64)

    @cached_property
    def X_test(self) -> NDArray[np.uint8]:
        """Test pixels, shape (10000, 784)."""
        return read_idx("t10k-images-idx3", 16).reshape(-1, 784)

    @cached_property
    def y_test(self) -> NDArray[np.int64]:
        """Test labels, shape (10000,)."""
        return read_idx("t10k-labels-idx1", 8).astype(np.int64)

    def scaled(self) -> NDArray[np.float32]:
        """Training pixels as float32 in 0 … 1, what the peers learn from; uint8 ones are let go.

        64-byte aligned: then JAX takes the memory as it is, and no contestant holds two copies.
        """
        scaled = aligned(self.X.shape)
        np.divide(self.X, np.float32(255), out=scaled)
        del self.X
        return scaled


class Table:
    """Numbers made up: 50 columns, standard normal; which of two classes, a curved surface says.

    One in twenty answers is turned round, as real tables hold mistakes too.
    """

    largest = 1.0
    shape = ()

    def __init__(self, n: int = 100_000, n_test: int = 10_000, n_in: int = 50) -> None:
        rng = np.random.default_rng(SEED)
        X = rng.standard_normal((n + n_test, n_in), np.float32)
        bends = np.tanh(X @ rng.standard_normal((n_in, 8), np.float32) / np.float32(np.sqrt(n_in)))
        above = bends @ rng.standard_normal(8, np.float32) > 0
        y = (above ^ (rng.random(len(X)) < 0.05)).astype(np.int64)
        self.X, self.y, self.X_test, self.y_test = X[:n], y[:n], X[n:], y[n:]

    def scaled(self) -> NDArray[np.float32]:
        """The numbers as they are, aligned."""
        scaled = aligned(self.X.shape)
        scaled[...] = self.X
        return scaled


def data_of(task: Task) -> Data:
    """The examples of a task."""
    return Table() if task.data == "table" else Digits()


def aligned(shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Room for float32 numbers from a multiple of 64 bytes on."""
    size = int(np.prod(shape))
    memory = np.empty(size + 16, np.float32)
    skip = -memory.ctypes.data % 64 // 4
    return memory[skip : skip + size].reshape(shape)


def first_weights(sizes: tuple[int, ...], seed: int = SEED) -> Parameters:
    """W uniform on ±sqrt(6 / (n_in + n_out)) (Glorot and Bengio 2010, equation 16), b zero."""
    rng = np.random.default_rng(seed)
    parameters: Parameters = []
    for n_in, n_out in pairwise(sizes):
        bound = np.sqrt(6 / (n_in + n_out))
        W = rng.uniform(-bound, bound, (n_out, n_in)).astype(np.float32)
        parameters.append((W, np.zeros(n_out, np.float32)))
    return parameters


def order(epoch: int, n: int) -> NDArray[np.uint32]:
    """The order Tongtou takes n samples in; epochs count from 0."""
    from tongtou.randomness import order as tongtou_order

    return tongtou_order(SEED, epoch, n)


def sigmoid(z: Array) -> Array:
    """Sigmoid 1 / (1 + e^-z), written so that e^|z| never overflows."""
    small = np.exp(-np.abs(z))
    return np.asarray(np.where(z >= 0, 1, small) / (1 + small))


def logits(parameters: Parameters, A: Array, activation: str) -> Array:
    """The sums that the softmax turns into confidences, in float64."""
    for W, b in parameters[:-1]:
        Z = A @ W.T.astype(np.float64) + b
        A = np.maximum(Z, 0) if activation == "relu" else sigmoid(Z)
    W, b = parameters[-1]
    return A @ W.T.astype(np.float64) + b


def score(parameters: Parameters, data: Data, activation: str) -> tuple[float, float]:
    """Accuracy and mean cross-entropy on the test examples, by the same lines for everybody."""
    losses, right = [], 0
    for at in range(0, len(data.y_test), _SCORED):  # peak memory is measured: not all at once
        X, y = data.X_test[at : at + _SCORED], data.y_test[at : at + _SCORED]
        Z = logits(parameters, X / data.largest, activation)
        top = Z.max(axis=1, keepdims=True)
        log_sum = top[:, 0] + np.log(np.exp(Z - top).sum(axis=1))
        losses.append(log_sum - Z[np.arange(len(y)), y])
        right += int(np.sum(Z.argmax(axis=1) == y))
    return right / len(data.y_test), float(np.mean(np.concatenate(losses)))


def saturate(parameters: Parameters, X: Array, median: float) -> Parameters:
    """The same network with each hidden layer's W and b scaled to the given median of |z|."""
    A = X / 255.0
    scaled: Parameters = []
    for W, b in parameters[:-1]:
        Z = A @ W.T.astype(np.float64) + b
        factor = median / float(np.median(np.abs(Z)))
        scaled.append(((W * factor).astype(np.float32), (b * factor).astype(np.float32)))
        A = sigmoid(Z * factor)
    return [*scaled, parameters[-1]]
