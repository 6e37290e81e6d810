"""How weights start: uniform on (-r, r), normal, or orthogonal, with a rule for how far.

The number for W[j, i] is the draw with index k = i * n_out + j (input-major, as the kernel stores
them) of the stream (seed, INITIAL_WEIGHTS, epoch 0, step = layer)::

    uniform      W[j, i] = r (2 u_k - 1)                                variance r^2 / 3
    normal       W[j, i] = (r / sqrt 3) g_k                             the same variance
    orthogonal   W = gain Q: the rows of Q, or the columns if there are fewer, are unit vectors
                 at right angles to each other

with g_k standard normal by Box and Muller: for each pair of draws u, v at 2m and 2m + 1 ::

    g_2m = sqrt(-2 log(1 - u)) cos(2 pi v)          g_2m+1 = sqrt(-2 log(1 - u)) sin(2 pi v)

Biases start at 0. Uniform weights have the same bits on every machine; logarithm, cosine and the
QR decomposition may differ from one to another in the last place of float64.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
from numpy.typing import DTypeLike, NDArray

from tongtou.activations import Activation
from tongtou.activations import activation as activation_of
from tongtou.choices import choose
from tongtou.randomness import INITIAL_WEIGHTS, uniform


@dataclass(frozen=True)
class Initializer:
    """A rule for how far a layer's initial weights spread.

    Parameters
    ----------
    name : str
        The name users write: ``initializer="he"``.
    radius : callable (n_in, n_out, activation) -> float
        The rule: r, or the gain of an orthogonal matrix. 0 gives weights of 0.
    kind : "uniform", "normal" or "orthogonal"
        What is drawn; normal weights have the variance of uniform ones with the same r.

    Examples
    --------
    >>> INITIALIZERS["glorot"].radius(784, 16, activation_of("sigmoid"))
    0.08660254037844387
    """

    name: str
    radius: Callable[[int, int, Activation], float]
    kind: Literal["uniform", "normal", "orthogonal"] = "uniform"


def _lesson(n_in: int, n_out: int, activation: Activation) -> float:
    """Radius 1: random in -1 … 1, as the lesson says.

    With 784 inputs the weighted sums then spread over about -10 … 10 on an MNIST digit, where a
    sigmoid is saturated and hardly learns at first. It is kept because it is the lesson.
    """
    return 1.0


def _glorot(n_in: int, n_out: int, activation: Activation) -> float:
    """Radius sqrt(6 / (n_in + n_out)), variance 2 / (n_in + n_out).

    Glorot and Bengio (2010), "Understanding the difficulty of training deep feedforward neural
    networks", equation 16.
    """
    return math.sqrt(6 / (n_in + n_out))


def _he(n_in: int, n_out: int, activation: Activation) -> float:
    """Radius sqrt(6 / n_in), variance 2 / n_in: makes up for the half that ReLU cuts off.

    He, Zhang, Ren and Sun (2015), "Delving deep into rectifiers", equation 10.
    """
    return math.sqrt(6 / n_in)


def _lecun(n_in: int, n_out: int, activation: Activation) -> float:
    """Radius sqrt(3 / n_in), variance 1 / n_in.

    LeCun, Bottou, Orr and Müller (1998), "Efficient BackProp", equation 16.
    """
    return math.sqrt(3 / n_in)


def _zeros(n_in: int, n_out: int, activation: Activation) -> float:
    """Radius 0: all neurons of a hidden layer start alike, get equal gradients and stay alike.

    Nothing ever breaks that symmetry, so this is for showing why weights start at random (and
    for a network with no hidden layer, where it is harmless).
    """
    return 0.0


def _auto(n_in: int, n_out: int, activation: Activation) -> float:
    """He's radius for the ReLU family and GELU, LeCun's for linear and exp, otherwise Glorot's.

    A linear layer of LeCun's hands on exactly the mean square it was given; under exp, which
    magnifies every spread, it is the smaller of the two where a layer narrows.
    """
    if activation.name in ("relu", "leaky_relu", "gelu"):
        return _he(n_in, n_out, activation)
    rule = _lecun if activation.name in ("linear", "exp") else _glorot
    return rule(n_in, n_out, activation)


def _gain(n_in: int, n_out: int, activation: Activation) -> float:
    """Gain sqrt 2 for relu and gelu, sqrt(2 / (1 + slope^2)) for leaky_relu, otherwise 1.

    An orthogonal matrix keeps the length of what passes through it, forward and back; the gain
    makes up for the half that the ReLU family cuts off.

    Saxe, McClelland and Ganguli (2014), "Exact solutions to the nonlinear dynamics of learning in
    deep linear neural networks", section 3.
    """
    if activation.name not in ("relu", "leaky_relu", "gelu"):
        return 1.0
    slope = activation.parameter  # 0 but for leaky_relu
    return math.sqrt(2 / (1 + slope * slope))


INITIALIZERS: Mapping[str, Initializer] = MappingProxyType(
    {
        one.name: one
        for one in (
            Initializer("lesson", _lesson),
            Initializer("glorot", _glorot),
            Initializer("he", _he),
            Initializer("lecun", _lecun),
            Initializer("zeros", _zeros),
            Initializer("auto", _auto),
            Initializer("glorot_normal", _glorot, "normal"),
            Initializer("he_normal", _he, "normal"),
            Initializer("lecun_normal", _lecun, "normal"),
            Initializer("orthogonal", _gain, "orthogonal"),
        )
    }
)
"""Every initialiser by its name."""


def initializer(name_or_object: str | Initializer) -> Initializer:
    """Return the initialiser of this name; an Initializer is returned as it is.

    Raises
    ------
    ValueError
        No initialiser has this name; the message lists the known ones and the nearest.

    Examples
    --------
    >>> initializer("zeros").name
    'zeros'
    """
    if isinstance(name_or_object, Initializer):
        return name_or_object
    return choose("initializer", name_or_object, INITIALIZERS)


def initial(
    name: str | Initializer,
    n_in: int,
    n_out: int,
    activation: str | Activation,
    *,
    seed: int,
    layer: int,
    dtype: DTypeLike = np.float64,
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the initial weights and biases of one layer.

    Parameters
    ----------
    name : str or Initializer
        One of `INITIALIZERS`.
    n_in, n_out : int
        Inputs and neurons of the layer, each at least 1.
    activation : str or Activation
        The layer's activation, which "auto" looks at.
    seed : int
        0 … 2^64 - 1.
    layer : int
        The number of the layer, 1 … L, so that each layer draws its own numbers.
    dtype : dtype, default float64
        Computed in float64 and rounded once to this type.

    Returns
    -------
    W : ndarray, shape (n_out, n_in)
    b : ndarray, shape (n_out,)
        Zeros.

    Raises
    ------
    ValueError
        Unknown name, or a seed outside its range.

    Examples
    --------
    >>> W, b = initial("auto", 784, 16, "sigmoid", seed=0, layer=1)
    >>> W.shape, b.shape
    ((16, 784), (16,))
    """
    chosen = initializer(name)
    r = chosen.radius(n_in, n_out, activation_of(activation))
    n = n_in * n_out
    if r == 0:
        return np.zeros((n_out, n_in), dtype), np.zeros(n_out, dtype)
    if chosen.kind == "uniform":
        drawn = r * (2 * uniform(seed, INITIAL_WEIGHTS, n, step=layer) - 1)
    else:
        drawn = r / math.sqrt(3) * _normal(seed, layer, n)
    W = drawn.reshape(n_in, n_out).T  # (n_out, n_in)
    if chosen.kind == "orthogonal":
        W = r * _orthogonal(W)  # of which the factor above does not matter
    return np.ascontiguousarray(W, dtype), np.zeros(n_out, dtype)


def _normal(seed: int, layer: int, n: int) -> NDArray[np.float64]:
    """Return n standard normal numbers by Box and Muller, in float64."""
    u = uniform(seed, INITIAL_WEIGHTS, n + n % 2, step=layer).reshape(-1, 2)
    radius = np.sqrt(-2 * np.log1p(-u[:, 0]))  # 1 - u lies in (0, 1]: no logarithm of 0
    angle = 2 * math.pi * u[:, 1]
    pairs = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    return pairs.reshape(-1)[:n]


def _orthogonal(normal: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the orthogonal factor of a matrix, its shorter side orthonormal."""
    tall = normal if normal.shape[0] >= normal.shape[1] else normal.T
    Q, R = np.linalg.qr(tall)
    # QR is unique only up to signs; with R's diagonal positive Q is spread evenly (Haar measure).
    Q = Q * np.where(np.diag(R) < 0, -1.0, 1.0)
    return Q if tall is normal else Q.T
