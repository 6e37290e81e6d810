"""The network's weighted sums and their gradient by the input, many examples at once, in float64.

The kernel has gradients by parameters, not by the input; these are the equations of
docs/notation.md with the network's own weights, exact in float64. Whatever is found with them is
put to the kernel before it is reported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tongtou.activations import ACTIVATIONS, Activation

if TYPE_CHECKING:
    from tongtou.network import Network

Wide = NDArray[np.floating[Any]]
"""Always float64 here."""


class Slopes:
    """Forward from the first weighted sums, and back to them.

    Parameters
    ----------
    net : Network
    through_steps : bool
        Give a hidden step the slope of a sigmoid, so that a search has a direction to follow; its
        true slope is 0 everywhere.
    """

    def __init__(self, net: Network, *, through_steps: bool = False) -> None:
        self.W = [np.ascontiguousarray(layer.W, np.float64) for layer in net.layers]
        self.b = [np.asarray(layer.b, np.float64) for layer in net.layers]
        self._f = [layer.activation for layer in net.layers]
        self._through_steps = through_steps

    def first(self, X: Wide) -> Wide:
        """Return Z[1] (n, n_1) of inputs X (n, n_in)."""
        Z: Wide = X @ self.W[0].T + self.b[0]
        return Z

    def onward(self, first: Wide) -> tuple[list[Wide], list[Wide]]:
        """Return Z[l] and A[l] for l = 1 … L, index 0 being layer 1, from Z[1]."""
        Z, A = [first], [self._f[0](first)]
        for W, b, f in zip(self.W[1:], self.b[1:], self._f[1:], strict=True):
            Z.append(A[-1] @ W.T + b)
            A.append(f(Z[-1]))
        return Z, A

    def back(self, Z: list[Wide], A: list[Wide], delta: Wide) -> Wide:
        """Return delta[1] = dF/dZ[1] from delta = dF/dZ[L], each row for itself."""
        for layer in range(len(self.W) - 2, -1, -1):
            # forward: Z[l+1] = A[l] @ W[l+1].T + b[l+1], A[l] = f(Z[l])
            delta = self._through(self._f[layer], Z[layer], A[layer], delta @ self.W[layer + 1])
        return delta

    def through_output(self, Z: list[Wide], A: list[Wide], g: Wide) -> Wide:
        """Return dF/dZ[L] from g = dF/dA[L]."""
        return self._through(self._f[-1], Z[-1], A[-1], g)

    def to_input(self, delta: Wide) -> Wide:
        """Return dF/dX (n, n_in) from delta[1]."""
        dX: Wide = delta @ self.W[0]
        return dX

    def _through(self, f: Activation, z: Wide, a: Wide, g: Wide) -> Wide:
        if self._through_steps and f.name == "step":
            f = ACTIVATIONS["sigmoid"]
            a = f(z)
        slope: Wide = f.backward(z, a, g)
        return slope
