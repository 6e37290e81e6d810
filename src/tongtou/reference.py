"""The network in float64, with the equations as written: the lesson literally, and the oracle.

`forward_by_neuron` is the lesson: one neuron after the other, one input after the other. The rest
is the same in matrix form, one line an equation. Nothing here is fast and nothing may become so:
the kernel is tested against it.

A network is given by plain lists with one entry a layer: ``weights[0]`` (n_out, n_in) and
``biases[0]`` (n_out,) belong to layer 1. Inside, and in what is returned by layer, the index is
the superscript of the equations (docs/notation.md): ``A[0]`` is the input and ``Z[l], A[l],
delta[l]`` belong to layer l = 1 … L. Layer 0 has no W, b, Z or delta; `NOTHING`, an array without
elements, keeps their place, and any sum over it fails for its shape.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tongtou.activations import Activation, Array
from tongtou.losses import Loss

NOTHING: Final[Array] = np.empty((0, 0))
"""What stands at index 0 of W, b, Z and delta: the input layer has none of them."""


class LayerGradient(NamedTuple):
    """The gradient of the loss by one layer's parameters.

    Attributes
    ----------
    W : ndarray, shape (n_out, n_in)
        dC/dW.
    b : ndarray, shape (n_out,)
        dC/db.
    """

    W: Array
    b: Array


def forward_by_neuron(
    weights: Sequence[ArrayLike],
    biases: Sequence[ArrayLike],
    activations: Sequence[Activation],
    x: ArrayLike,
) -> tuple[list[Array], list[Array]]:
    """Pass one example forward, neuron by neuron and input by input.

    ::

        z_j[l] = b_j[l] + sum_i W_ji[l] a_i[l-1]        a[l] = f(z[l])

    Parameters
    ----------
    weights, biases, activations : one entry a layer
    x : array_like, shape (n_in,)
        The example.

    Returns
    -------
    z, a : list of ndarray of float64
        ``z[l]`` and ``a[l]`` of shape (n_l,); ``a[0]`` is x, ``z[0]`` is `NOTHING`.

    Examples
    --------
    >>> from tongtou.activations import ACTIVATIONS
    >>> z, a = forward_by_neuron([[[2.0, 1.0]]], [[-1.0]], [ACTIVATIONS["relu"]], [3.0, 4.0])
    >>> float(a[1][0])
    9.0
    """
    z: list[Array] = [NOTHING]
    a: list[Array] = [np.asarray(x, np.float64)]
    for layer_W, layer_b, f in zip(weights, biases, activations, strict=True):
        # Plain lists of floats: indexing arrays one number at a time would only be slower.
        W = np.asarray(layer_W, np.float64).tolist()
        b = np.asarray(layer_b, np.float64).tolist()
        inputs = a[-1].tolist()
        sums = []
        for j in range(len(b)):
            z_j = b[j]
            for i in range(len(inputs)):
                z_j += W[j][i] * inputs[i]
            sums.append(z_j)
        z.append(np.array(sums))
        # All of the layer's sums at once, because softmax looks at all of them.
        a.append(f(z[-1]))
    return z, a


def forward(
    weights: Sequence[ArrayLike],
    biases: Sequence[ArrayLike],
    activations: Sequence[Activation],
    X: ArrayLike,
) -> tuple[list[Array], list[Array]]:
    """Pass n examples forward in matrix form.

    ::

        Z[l] = A[l-1] @ W[l].T + b[l]       A[l] = f(Z[l])

    Parameters
    ----------
    weights, biases, activations : one entry a layer
    X : array_like, shape (n, n_in)
        One example a row.

    Returns
    -------
    Z, A : list of ndarray of float64
        ``Z[l]`` and ``A[l]`` of shape (n, n_l); ``A[0]`` is X, ``Z[0]`` is `NOTHING`.

    Examples
    --------
    >>> from tongtou.activations import ACTIVATIONS
    >>> Z, A = forward([[[2.0, 1.0]]], [[-1.0]], [ACTIVATIONS["relu"]], [[3.0, 4.0], [0.0, 0.5]])
    >>> A[1]
    array([[9.],
           [0.]])
    """
    W, b = _numbered(weights), _numbered(biases)
    Z: list[Array] = [NOTHING]
    A: list[Array] = [np.asarray(X, np.float64)]
    for layer in range(1, len(W)):
        Z.append(A[layer - 1] @ W[layer].T + b[layer])  # (n, n_l)
        f = activations[layer - 1]
        A.append(f(Z[layer]))
    return Z, A


def loss(
    weights: Sequence[ArrayLike],
    biases: Sequence[ArrayLike],
    activations: Sequence[Activation],
    loss_function: Loss,
    X: ArrayLike,
    y: ArrayLike,
    example_weights: ArrayLike | None = None,
) -> float:
    """Return the mean loss C = (1/n) sum_i C_i of n examples.

    ::

        C = sum_i w_i C_i / sum_i w_i       with weights w_i of the examples; 0 when all are 0

    Parameters
    ----------
    weights, biases, activations : one entry a layer
    loss_function : Loss
    X : array_like, shape (n, n_in)
    y : array_like, shape (n, n_out)
        Dense targets; `tongtou.losses.one_hot` makes them from class numbers.
    example_weights : array_like, shape (n,), optional
        w_i, none of them negative.

    Examples
    --------
    >>> from tongtou.activations import ACTIVATIONS
    >>> from tongtou.losses import LOSSES
    >>> W, b, f = [[[2.0]]], [[0.0]], [ACTIVATIONS["linear"]]
    >>> loss(W, b, f, LOSSES["sse"], [[3.0], [1.0]], [[5.0], [2.0]])  # (1 + 0) / 2
    0.5
    """
    Z, A = forward(weights, biases, activations, X)
    y = np.asarray(y, np.float64)
    each = loss_function.value_with(activations[-1], Z[-1], A[-1], y)  # (n,)
    return float(each.mean() if example_weights is None else _shares(example_weights) @ each)


def deltas(
    weights: Sequence[ArrayLike],
    activations: Sequence[Activation],
    loss_function: Loss,
    Z: Sequence[Array],
    A: Sequence[Array],
    y: ArrayLike,
    example_weights: ArrayLike | None = None,
) -> list[Array]:
    """Return delta[l] = dC/dZ[l], the mean loss by the weighted sums of each layer.

    ::

        delta[L] = (1/n) dC_i/dZ[L]         with weights: (w_i / sum_k w_k) dC_i/dZ[L]
        dC/dA[l] = delta[l+1] @ W[l+1]      delta[l] = dC/dA[l] through f      l = L-1 … 1

    Parameters
    ----------
    weights, activations : one entry a layer
    loss_function : Loss
    Z, A : list of ndarray
        What `forward` returned.
    y : array_like, shape (n, n_out)
    example_weights : array_like, shape (n,), optional
        As for `loss`.

    Returns
    -------
    list of ndarray of float64
        ``delta[l]`` of shape (n, n_l); ``delta[0]`` is `NOTHING`.

    Examples
    --------
    >>> from tongtou.activations import ACTIVATIONS
    >>> from tongtou.losses import LOSSES
    >>> W, b, f = [[[2.0]]], [[0.0]], [ACTIVATIONS["linear"]]
    >>> Z, A = forward(W, b, f, [[3.0], [1.0]])
    >>> deltas(W, f, LOSSES["sse"], Z, A, [[5.0], [2.0]])[1]  # 2 (6 - 5) / n, 2 (2 - 2) / n
    array([[1.],
           [0.]])
    """
    W = _numbered(weights)
    y = np.asarray(y, np.float64)
    n, L = len(y), len(activations)
    delta: list[Array] = [NOTHING] * (L + 1)
    each = loss_function.delta_with(activations[-1], Z[L], A[L], y)  # (n, n_out)
    # C = (1/n) sum_i C_i: the only place where 1/n enters.
    delta[L] = each / n if example_weights is None else _shares(example_weights)[:, None] * each
    for layer in range(L - 1, 0, -1):
        # forward: Z[l+1] = A[l] @ W[l+1].T + b[l+1]
        dA = delta[layer + 1] @ W[layer + 1]  # (n, n_l)
        # forward: A[l] = f(Z[l])
        f = activations[layer - 1]
        delta[layer] = f.backward(Z[layer], A[layer], dA)
    return delta


def backward(
    weights: Sequence[ArrayLike],
    activations: Sequence[Activation],
    loss_function: Loss,
    Z: Sequence[Array],
    A: Sequence[Array],
    y: ArrayLike,
    example_weights: ArrayLike | None = None,
) -> list[LayerGradient]:
    """Return the gradient of the mean loss by every weight and bias.

    ::

        dC/dW[l] = delta[l].T @ A[l-1]      dC/db[l] = sum over the examples of delta[l]

    Parameters
    ----------
    weights, activations, loss_function, Z, A, y, example_weights
        As for `deltas`.

    Returns
    -------
    list of LayerGradient
        One entry a layer, like `weights`: index 0 is layer 1.

    Examples
    --------
    >>> from tongtou.activations import ACTIVATIONS
    >>> from tongtou.losses import LOSSES
    >>> W, b, f = [[[2.0]]], [[0.0]], [ACTIVATIONS["linear"]]
    >>> Z, A = forward(W, b, f, [[3.0], [1.0]])
    >>> backward(W, f, LOSSES["sse"], Z, A, [[5.0], [2.0]])  # W: 1·3 + 0·1, b: 1 + 0
    [LayerGradient(W=array([[3.]]), b=array([1.]))]
    """
    delta = deltas(weights, activations, loss_function, Z, A, y, example_weights)
    gradient = []
    for layer in range(1, len(delta)):
        # forward: Z[l] = A[l-1] @ W[l].T + b[l]
        dW = delta[layer].T @ A[layer - 1]  # (n_l, n_{l-1})
        db = delta[layer].sum(axis=0)  # (n_l,): b[l] was broadcast to the n rows
        gradient.append(LayerGradient(dW, db))
    return gradient


def gradients(
    weights: Sequence[ArrayLike],
    biases: Sequence[ArrayLike],
    activations: Sequence[Activation],
    loss_function: Loss,
    X: ArrayLike,
    y: ArrayLike,
    example_weights: ArrayLike | None = None,
) -> list[LayerGradient]:
    """Return `backward` of `forward`: the gradient of `loss`, one entry a layer.

    Examples
    --------
    >>> from tongtou.activations import ACTIVATIONS
    >>> from tongtou.losses import LOSSES
    >>> W, b, f = [[[2.0]]], [[0.0]], [ACTIVATIONS["linear"]]
    >>> gradients(W, b, f, LOSSES["sse"], [[3.0]], [[5.0]])  # C = (2*3 - 5)^2
    [LayerGradient(W=array([[6.]]), b=array([2.]))]
    """
    Z, A = forward(weights, biases, activations, X)
    return backward(weights, activations, loss_function, Z, A, y, example_weights)


def numeric_gradient(
    f: Callable[[Array], float], theta: Array, step: float = 2.0**-17
) -> NDArray[np.float64]:
    """Return the gradient of f at theta by central differences.

    ::

        dC/dtheta_i = (f(theta_i + step) - f(theta_i - step)) / (2 step) + O(step^2)

    Parameters
    ----------
    f : callable (theta) -> float
        Called twice for every element. It may ignore its argument and read theta itself, or what
        theta is a view of.
    theta : ndarray of float64, any shape
        Altered in place, one element at a time, and put back.
    step : float, default 2^-17
        Near the cube root of the float64 rounding unit, where the errors by rounding and by the
        third derivative balance; a power of two so that theta ± step is hardly rounded.

    Returns
    -------
    ndarray of float64, shape of theta

    Examples
    --------
    >>> numeric_gradient(lambda theta: float(theta @ theta), np.array([1.0, -3.0]))
    array([ 2., -6.])
    """
    gradient = np.empty(theta.shape)
    for index in np.ndindex(theta.shape):
        kept = theta[index]
        try:
            theta[index] = high = kept + step
            f_high = f(theta)
            theta[index] = low = kept - step
            f_low = f(theta)
        finally:
            theta[index] = kept
        # high - low and not 2 * step: what was added is what the rounded sum differs by.
        gradient[index] = (f_high - f_low) / (high - low)
    return gradient


def _shares(example_weights: ArrayLike) -> NDArray[np.float64]:
    """Return w_i / sum w, the part each example has in the mean; 0 when there is no weight."""
    w = np.asarray(example_weights, np.float64)
    total = float(w.sum())
    return w / total if total > 0 else np.zeros_like(w)


def _numbered(entries: Sequence[ArrayLike]) -> list[Array]:
    """Return the entries as float64, the one of layer l at index l."""
    return [NOTHING, *(np.asarray(entry, np.float64) for entry in entries)]
