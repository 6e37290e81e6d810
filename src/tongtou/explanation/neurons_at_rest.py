"""Neurons through which no gradient passes: dead ones and saturated ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tongtou.activations import Activation
from tongtou.explanation.thresholds import AT_REST, CONSTANT, RESTS_MOSTLY

_STEEPEST = {"sigmoid": 0.25, "tanh": 1.0, "relu": 1.0, "gelu": 1.0}
"""The largest slope of the functions with a flat end."""

_TWO_ENDED = ("sigmoid", "tanh")
"""Flat on both sides. A ReLU that is off for most examples is choosy, not saturated."""


@dataclass(frozen=True)
class Rest:
    """How much of a layer is at rest.

    ::

        at rest     |f'(z)| < 0.04 max |f'|                    sigmoid: a outside 0.01 … 0.99
        dead        at rest for every example, max a - min a <= 0.02
        saturated   at rest for at least 95 % of the examples, and not dead; sigmoid, tanh

    Attributes
    ----------
    n_neurons : int
    dead, saturated : tuple of int
        Numbers of neurons.
    share_at_rest : float or None
        Of all pairs of an example and a neuron; None for functions without a flat end.
    """

    n_neurons: int
    dead: tuple[int, ...]
    saturated: tuple[int, ...]
    share_at_rest: float | None

    @property
    def share_dead(self) -> float:
        """Of the neurons."""
        return len(self.dead) / self.n_neurons

    @property
    def share_saturated(self) -> float:
        """Of the neurons."""
        return len(self.saturated) / self.n_neurons

    def to_dict(self) -> dict[str, Any]:
        """Return all, ready for JSON."""
        return {
            "dead": list(self.dead),
            "share_dead": self.share_dead,
            "saturated": list(self.saturated),
            "share_saturated": self.share_saturated,
            "share_at_rest": self.share_at_rest,
        }


def rest_of(f: Activation, z: NDArray[Any], a: NDArray[Any]) -> Rest:
    """Return which neurons of a layer are at rest.

    Parameters
    ----------
    f : Activation
    z, a : ndarray, shape (n, n_l)
        Of many examples.

    Examples
    --------
    >>> from tongtou.activations import activation
    >>> f, z = activation("relu"), np.array([[-1.0, 2.0, -1.0], [-3.0, 1.0, 4.0]])
    >>> rest_of(f, z, f(z))
    Rest(n_neurons=3, dead=(0,), saturated=(), share_at_rest=0.5)
    """
    n = z.shape[1]
    if f.name not in _STEEPEST:
        return Rest(n, (), (), None)
    resting = np.abs(f.derivative(z, a)) < AT_REST * _STEEPEST[f.name]
    dead = resting.all(axis=0) & (np.ptp(a, axis=0) <= CONSTANT)
    saturated = (resting.mean(axis=0) >= RESTS_MOSTLY) & ~dead & (f.name in _TWO_ENDED)
    return Rest(
        n,
        tuple(np.flatnonzero(dead).tolist()),
        tuple(np.flatnonzero(saturated).tolist()),
        float(resting.mean()),
    )
