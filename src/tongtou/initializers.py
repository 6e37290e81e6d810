"""How weights start: uniform on (-r, r), with a rule for the radius r.

The number for W[j, i] is the draw with index i * n_out + j (input-major, as the kernel stores
them) of the stream (seed, INITIAL_WEIGHTS, epoch 0, step = layer): W[j, i] = r (2 u - 1).
Biases start at 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from tongtou.activations import Activation
from tongtou.activations import activation as activation_of
from tongtou.choices import choose
from tongtou.randomness import INITIAL_WEIGHTS, uniform


@dataclass(frozen=True)
class Initializer:
    """A rule for the radius r of a layer's initial weights.

    Parameters
    ----------
    name : str
        The name users write: ``initializer="he"``.
    radius : callable (n_in, n_out, activation) -> float
        The rule; a radius of 0 gives weights of 0.

    Examples
    --------
    >>> INITIALIZERS["glorot"].radius(784, 16, activation_of("sigmoid"))
    0.08660254037844387
    """

    name: str
    radius: Callable[[int, int, Activation], float]


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
    """He's radius for the ReLU family and GELU, Glorot's for every other activation."""
    rule = _he if activation.name in ("relu", "leaky_relu", "gelu") else _glorot
    return rule(n_in, n_out, activation)


INITIALIZERS: Mapping[str, Initializer] = MappingProxyType(
    {
        rule.__name__.lstrip("_"): Initializer(rule.__name__.lstrip("_"), rule)
        for rule in (_lesson, _glorot, _he, _lecun, _zeros, _auto)
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
    r = initializer(name).radius(n_in, n_out, activation_of(activation))
    if r == 0:
        return np.zeros((n_out, n_in), dtype), np.zeros(n_out, dtype)
    u = uniform(seed, INITIAL_WEIGHTS, n_in * n_out, step=layer)
    W = (r * (2 * u - 1)).reshape(n_in, n_out).T  # (n_out, n_in)
    return np.ascontiguousarray(W, dtype), np.zeros(n_out, dtype)
