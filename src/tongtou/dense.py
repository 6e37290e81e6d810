"""One fully connected layer, as a network shows it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tongtou.activations import Activation
from tongtou.errors import ShapeError


class Dense:
    """One layer: ``z = W a + b``, then ``a = f(z)``. Its arrays are the network's own.

    Attributes
    ----------
    W : ndarray, shape (n_out, n_in)
        Row j holds the incoming weights of neuron j. A strided view: editing it edits the network.
    b : ndarray, shape (n_out,)
        The biases, likewise a view.
    activation : Activation
        Fixed when the network is built.

    Examples
    --------
    >>> import tongtou as tt
    >>> layer = tt.Network([2, 1]).layers[0]
    >>> layer.W = [[2.0, -1.0]]
    >>> layer.n_parameters
    3
    """

    __slots__ = ("_W", "_activation", "_b")

    def __init__(self, W: NDArray[Any], b: NDArray[Any], activation: Activation) -> None:
        self._W = W
        self._b = b
        self._activation = activation

    @property
    def activation(self) -> Activation:
        """The activation function of all its neurons."""
        return self._activation

    @property
    def W(self) -> NDArray[Any]:
        """Weights (n_out, n_in); assigning copies the numbers in."""
        return self._W

    @W.setter
    def W(self, value: ArrayLike) -> None:
        self._W[...] = _shaped(value, self._W, "W")

    @property
    def b(self) -> NDArray[Any]:
        """Biases (n_out,); assigning copies the numbers in."""
        return self._b

    @b.setter
    def b(self, value: ArrayLike) -> None:
        self._b[...] = _shaped(value, self._b, "b")

    @property
    def n_in(self) -> int:
        """Number of inputs."""
        return int(self._W.shape[1])

    @property
    def n_out(self) -> int:
        """Number of neurons."""
        return int(self._W.shape[0])

    @property
    def n_parameters(self) -> int:
        """Weights and biases together."""
        return self._W.size + self._b.size

    def __repr__(self) -> str:
        return f"Dense({self.n_in} → {self.n_out}, {self.activation.name})"


def _shaped(value: ArrayLike, like: NDArray[Any], name: str) -> NDArray[Any]:
    array = np.asarray(value)
    if array.shape != like.shape:
        raise ShapeError(f"{name} must have shape {like.shape}; this has shape {array.shape}.")
    return array
