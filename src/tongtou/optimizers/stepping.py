"""One step of every optimiser in float64, with the equations as written: the kernel's oracle."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tongtou.optimizers.base import (
    EPSILON_INSIDE,
    EPSILON_UNCORRECTED,
    NESTEROV,
    Optimizer,
)

Array = NDArray[Any]


def clip(
    gradients: Sequence[Array], clip_value: float | None = None, clip_norm: float | None = None
) -> list[Array]:
    """Return the gradient of a batch within limits.

    ::

        g_i = min(max(g_i, -clip_value), clip_value)
        g   = g min(1, clip_norm / |g|),        |g| the 2-norm of all arrays together

    Parameters
    ----------
    gradients : sequence of ndarray
        Of all parameters; they belong together.
    clip_value, clip_norm : float, optional
        None is no limit.

    Notes
    -----
    PyTorch's ``clip_grad_norm_`` divides by the norm plus 1e-6, so that it stays that much below.

    Examples
    --------
    >>> clip([np.array([3.0]), np.array([-4.0, 0.0])], clip_norm=1.0)
    [array([0.6]), array([-0.8,  0. ])]
    >>> clip([np.array([3.0, -4.0])], clip_value=3.5)
    [array([ 3. , -3.5])]
    """
    clipped = list(gradients)
    if clip_value is not None:
        clipped = [np.clip(g, -clip_value, clip_value) for g in clipped]
    if clip_norm is not None:
        norm = norm_of(clipped)
        if norm > clip_norm:
            clipped = [g * (clip_norm / norm) for g in clipped]
    return clipped


def norm_of(gradients: Sequence[Array]) -> float:
    """Return the 2-norm of all arrays together.

    Examples
    --------
    >>> norm_of([np.array([3.0]), np.array([4.0, 0.0])])
    5.0
    """
    return math.sqrt(sum(float(np.vdot(g, g)) for g in gradients))


def reference_step(
    optimizer: Optimizer,
    w: Array,
    g: Array,
    slots: Sequence[Array],
    rate_row: Sequence[float] | NDArray[np.float64],
    *,
    l1: float = 0.0,
    l2: float = 0.0,
    is_bias: bool = False,
) -> Array:
    """Return the parameters after one step.

    ::

        g = g + l2 w                            weights only
        w = keep w                              weights only: decoupled decay
        w = w - the optimiser's step            see the class of the optimiser
        w = sign(w) max(|w| - eta l1, 0)        weights only: the proximal step of l1 |w|

    Parameters
    ----------
    optimizer : Optimizer
    w : ndarray of float64
        Weights or biases of a layer; left as they are.
    g : ndarray of float64, shape of w
        The gradient of the loss, already clipped.
    slots : sequence of ndarray of float64, shape of w
        What the optimiser remembers, `n_slots` arrays, 0 at first; altered in place.
    rate_row : sequence of 4 floats
        A row of `Optimizer.rates`: eta, c1, c2, keep.
    l1, l2 : float
        Penalties l1 sum |w| + l2/2 sum w^2.
    is_bias : bool
        Biases are neither penalised nor do they decay.

    Returns
    -------
    ndarray of float64, shape of w

    Examples
    --------
    >>> from tongtou.optimizers import SGD
    >>> reference_step(SGD(0.5), np.array([1.0, 0.1]), np.array([2.0, 0.0]), [], (0.5, 1, 1, 1))
    array([0. , 0.1])
    >>> reference_step(SGD(0.5), np.array([1.0, 0.1]), np.zeros(2), [], (0.5, 1, 1, 1), l1=0.4)
    array([0.8, 0. ])
    """
    eta, _, _, keep = (float(one) for one in rate_row)
    if not is_bias:
        g = g + l2 * w
        w = keep * w
    w = w - _step(optimizer, g, slots, rate_row)
    if l1 and not is_bias:
        w = np.sign(w) * np.maximum(np.abs(w) - eta * l1, 0)
    return w


def _step(
    optimizer: Optimizer,
    g: Array,
    slots: Sequence[Array],
    rate_row: Sequence[float] | NDArray[np.float64],
) -> Array:
    """Return what is subtracted from the parameters."""
    eta, c1, c2, _ = (float(one) for one in rate_row)
    first, second, epsilon, momentum = optimizer.constants
    flags = optimizer.flags
    if optimizer.kind == 0:
        return eta * g
    if optimizer.kind == 1:
        (v,) = slots
        v[...] = first * v + g
        return eta * (g + first * v if flags & NESTEROV else v)
    if optimizer.kind == 2:
        (v,) = slots
        v[...] = first * v - eta * g
        return eta * g - first * v if flags & NESTEROV else -v
    if optimizer.kind == 3:
        s = slots[0]
        s[...] = second * s + (1 - second) * g**2
        root = np.sqrt(s + epsilon) if flags & EPSILON_INSIDE else np.sqrt(s) + epsilon
        if not momentum:
            return eta * (g / root)
        v = slots[1]
        v[...] = momentum * v + g / root
        return eta * v
    m, v = slots
    m[...] = first * m + (1 - first) * g
    v[...] = second * v + (1 - second) * g**2
    if flags & EPSILON_UNCORRECTED:
        return eta * math.sqrt(c2) / c1 * m / (np.sqrt(v) + epsilon)
    if flags & EPSILON_INSIDE:
        return eta * (m / c1) / np.sqrt(v / c2 + epsilon)
    return eta * (m / c1) / (np.sqrt(v / c2) + epsilon)
