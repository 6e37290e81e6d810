"""What is altered on purpose while training, and only then: examples, targets, neurons.

Each alteration is a function of the seed, the step and the place in the batch (of the epoch and the
row for pictures), so a step can be replayed alone, and the kernel draws the same, bit for bit. In
this order: pictures are moved, the input gets its noise, then inputs and hidden neurons drop out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from tongtou import evaluation
from tongtou.activations import Activation
from tongtou.augmentation import augmented
from tongtou.boundary import dense_answers
from tongtou.engines import Task
from tongtou.randomness import DROPOUT, NOISE, words
from tongtou.reference import NOTHING, LayerGradient
from tongtou.regularizers import DROPOUT_PARTS, drop_threshold

if TYPE_CHECKING:
    from tongtou.network import Network

Array = NDArray[Any]

_LAST_WORD: Final = 0xFFFFFFFF


def kept(seed: int, step: int, layer: int, n: int, width: int, rate: float) -> Array:
    """Return what dropout multiplies a layer by: 0, or 1 / (1 - rate), of every example.

    ::

        h = half j % 2 of word  s k + j // 2  of the stream (seed, DROPOUT, epoch=layer, step)
        factor = 65536 / (65536 - q) if h >= q else 0       q = round(65536 rate)

    for neuron j of the example at place s of the batch; k = 8 ceil(width / 16) words an example.

    Parameters
    ----------
    seed, step : int
    layer : int
        0 is the input.
    n, width : int
        Examples, and neurons of the layer.
    rate : float
        From 0 to below 1.

    Returns
    -------
    ndarray of float64, shape (n, width)

    Examples
    --------
    >>> kept(0, 0, 1, 2, 5, 0.5)
    array([[0., 2., 2., 2., 2.],
           [2., 2., 0., 2., 0.]])
    """
    per_example = 8 * -(-width // 16)
    word = words(seed, DROPOUT, n * per_example, epoch=layer, step=step & _LAST_WORD)
    halves = _halves(word).reshape(n, 2 * per_example)[:, :width]
    q = drop_threshold(rate)
    return np.where(halves >= q, DROPOUT_PARTS / (DROPOUT_PARTS - q), 0.0)


def noise(seed: int, step: int, n: int, n_in: int) -> Array:
    """Return numbers near to standard normal ones, for every input of every example.

    ::

        g = sqrt(3) (h0 + h1 + h2 + h3 - 2)         h_k = (half_k + 1/2) / 65536

    from the four halves of the words 2 i and 2 i + 1 of the stream (seed, NOISE, step), where
    i = s n_in + j counts the inputs of the batch. Mean 0, variance 1, none beyond 2 sqrt(3).

    Returns
    -------
    ndarray of float64, shape (n, n_in)

    Examples
    --------
    >>> noise(0, 0, 1, 3).round(3)
    array([[1.598, 0.53 , 0.564]])
    """
    word = words(seed, NOISE, 2 * n * n_in, step=step & _LAST_WORD)
    total = _halves(word).reshape(n, n_in, 4).sum(axis=2)
    g: Array = math.sqrt(3) * ((total + 2) / 65536 - 2)
    return g


def _halves(word: NDArray[np.uint32]) -> NDArray[np.int64]:
    """Return the low and the high 16 bits of each word, one after the other."""
    low, high = word & np.uint32(0xFFFF), word >> np.uint32(16)
    return np.stack([low, high], axis=1).reshape(-1).astype(np.int64)


def inputs(task: Task, rows: NDArray[np.uint32], epoch: int, step: int) -> Array:
    """Return X (n, n_in) in float64 as this step sees it, before dropout."""
    X = task.X[rows]
    if task.augmentation:
        X = augmented(X, rows, epoch, task.seed, task.augmentation, task.input_shape)
    X = evaluation.as_float64(X)
    sigma = task.regularization.input_noise
    return X + sigma * noise(task.seed, step, *X.shape) if sigma else X


def targets(net: Network, task: Task, rows: NDArray[np.uint32]) -> Array:
    """Return y (n, n_out) in float64, smoothed where the task says so."""
    n_out = net.sizes[-1]
    y = dense_answers(task.y[rows], n_out).astype(np.float64)
    return task.regularization.smoothed(y, net.loss_function.n_classes(n_out))


def masks(task: Task, sizes: Sequence[int], n: int, step: int) -> list[Array | None]:
    """Return what dropout multiplies each layer by, the input first; None where nothing drops."""
    rates = task.regularization.rates(len(sizes) - 1)
    return [
        kept(task.seed, step, layer, n, width, rate) if drop_threshold(rate) else None
        for layer, (width, rate) in enumerate(zip(sizes[:-1], rates, strict=True))
    ]


def forward(
    W: Sequence[Array],
    b: Sequence[Array],
    activations: Sequence[Activation],
    X: Array,
    mask: Sequence[Array | None],
) -> tuple[list[Array], list[Array], list[Array]]:
    """Pass forward with dropout.

    ::

        D[0] = X M[0]       Z[l] = D[l-1] @ W[l].T + b[l]       A[l] = f(Z[l])      D[l] = A[l] M[l]

    Returns
    -------
    Z, A, D : list of ndarray
        Index = superscript; `NOTHING` stands at Z[0], and the output does not drop.
    """
    Z, A, D = [NOTHING], [X], [_times(X, mask[0])]
    for layer, f in enumerate(activations, start=1):
        Z.append(D[-1] @ W[layer - 1].T + b[layer - 1])  # (n, n_l)
        A.append(f(Z[-1]))
        D.append(_times(A[-1], mask[layer] if layer < len(mask) else None))
    return Z, A, D


def backward(
    W: Sequence[Array],
    activations: Sequence[Activation],
    Z: Sequence[Array],
    A: Sequence[Array],
    D: Sequence[Array],
    mask: Sequence[Array | None],
    delta: Array,
) -> list[LayerGradient]:
    """Return dC/dW and dC/db of every layer, from delta = dC/dZ[L] (n, n_out)."""
    gradient: list[LayerGradient] = []
    for layer in range(len(W), 0, -1):
        # forward: Z[l] = D[l-1] @ W[l].T + b[l]
        gradient.insert(0, LayerGradient(delta.T @ D[layer - 1], delta.sum(axis=0)))
        if layer > 1:
            # forward: D[l-1] = A[l-1] M[l-1], A[l-1] = f(Z[l-1])
            dA = _times(delta @ W[layer - 1], mask[layer - 1])  # (n, n_{l-1})
            delta = activations[layer - 2].backward(Z[layer - 1], A[layer - 1], dA)
    return gradient


def _times(a: Array, mask: Array | None) -> Array:
    return a if mask is None else a * mask
