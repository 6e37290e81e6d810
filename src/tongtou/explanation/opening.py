"""Opening a network from the top down: secant slopes make it linear, exactly, at one example."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from tongtou.activations import Activation
from tongtou.network import Network

Doubles: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class Opening:
    """The hidden layers as linear maps of what sets the example apart from a reference.

    ::

        d[0] = x - x0
        d[l] = s[l] (W[l] d[l-1])             s[l] = (f(z) - f(z0)) / (z - z0),  f'(z) where z = z0
        a[l] = rest[l] + d[l]                 l = 1 … L-1

    Attributes
    ----------
    weights : list of ndarray, (n_l, n_{l-1})
        ``weights[l]`` of layer l in float64; at index 0 nothing.
    slopes : list of ndarray, (n_l,)
        s[l].
    moved : list of ndarray, (n_l,)
        d[l]: what the input, as far as it differs from the reference, makes of each neuron.
    rest : list of ndarray, (n_l,)
        a[l] - d[l]: what is there on the reference too; f(z0) up to the kernel's rounding.
    """

    weights: list[Doubles]
    slopes: list[Doubles]
    moved: list[Doubles]
    rest: list[Doubles]

    def through(self, layer: int, pull: Doubles) -> Doubles:
        """Return the terms of the layer before: pull_j s_j W_ji d_i.

        Parameters
        ----------
        layer : int
            1 … L-1.
        pull : ndarray, shape (n_l,) or (k, n_l)
            By how much what is opened changes with each activation of this layer.

        Returns
        -------
        ndarray, shape (n_{l-1},) or (k, n_{l-1})
            The pull of each activation of the layer before: times d[l-1], the terms.
        """
        return (pull * self.slopes[layer]) @ self.weights[layer]

    def to_inputs(self, layer: int, pull: Doubles) -> Doubles:
        """Return the terms of the inputs, (n_0,) or (k, n_0), from pulls on layer 0 … L-1."""
        for number in range(layer, 0, -1):
            pull = self.through(number, pull)
        return pull * self.moved[0]


def secant(f: Activation, z: Doubles, z0: Doubles) -> Doubles:
    """Return (f(z) - f(z0)) / (z - z0); where both are all but equal, the derivative at z.

    Raises
    ------
    TypeError
        f is softmax, which is no function of one neuron.

    Examples
    --------
    >>> from tongtou.activations import ACTIVATIONS
    >>> secant(ACTIVATIONS["relu"], np.array([3.0, -1.0]), np.array([-1.0, -2.0]))
    array([0.75, 0.  ])
    """
    apart = z - z0
    a = f(z)
    derivative = f.derivative(z, a)
    # Closer than this, the quotient would hold more rounding than slope.
    near = np.abs(apart) <= 2.0**-26 * np.maximum(np.abs(z), np.abs(z0))
    return np.where(near, derivative, (a - f(z0)) / np.where(near, 1.0, apart))


def opening(net: Network, x: Doubles, a: list[Doubles], x0: Doubles) -> Opening:
    """Return the hidden layers opened at x against a reference x0.

    Parameters
    ----------
    net : Network
    x, x0 : ndarray of float64, shape (n_0,)
    a : list of ndarray of float64
        ``a[l]`` of layer l as the kernel has it; the rest takes what it differs by.
    """
    hidden = net.layers[:-1]
    nothing = np.empty((0, 0))
    weights = [nothing, *(layer.W.astype(np.float64) for layer in hidden)]
    slopes: list[Doubles] = [nothing]
    moved, rest = [x - x0], [x0]
    at, at0 = x, x0
    for number, layer in enumerate(hidden, start=1):
        W, b, f = weights[number], layer.b.astype(np.float64), layer.activation
        z, z0 = W @ at + b, W @ at0 + b
        at, at0 = f(z).astype(np.float64), f(z0).astype(np.float64)
        slopes.append(secant(f, z, z0))
        moved.append(slopes[number] * (W @ moved[number - 1]))
        rest.append(a[number] - moved[number])
    return Opening(weights, slopes, moved, rest)
