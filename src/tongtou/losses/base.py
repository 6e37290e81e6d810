"""What every loss knows of itself."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from tongtou.activations import Activation, Array


class Loss(ABC):
    """A loss C_i(a, y) of one example, with its gradient.

    Attributes
    ----------
    name : str
        The name users write: ``loss="sse"``.
    code : int
        The number by which the kernel knows it.
    parameter : float
        The one number a loss may carry (delta of Huber's), otherwise 0.
    is_multilabel : bool
        Whether each output answers yes or no for itself, so that an example may have several
        classes or none.
    """

    name: ClassVar[str]
    code: ClassVar[int]
    is_multilabel: ClassVar[bool] = False

    @property
    def parameter(self) -> float:
        """The number this loss carries, 0 when it carries none."""
        return 0.0

    @abstractmethod
    def value(self, a: Array, y: Array) -> Array:
        """Return C_i of each example, shape (n,), from outputs a and targets y, both (n, n_out)."""

    @abstractmethod
    def gradient(self, a: Array, y: Array) -> Array:
        """Return dC_i/da of each example, shape (n, n_out); not divided by n."""

    def value_with(self, activation: Activation, z: Array, a: Array, y: Array) -> Array:
        """Return C_i of each example, shape (n,), from a = activation(z), by the most exact way."""
        return self.value(a, y)

    def delta_with(self, activation: Activation, z: Array, a: Array, y: Array) -> Array:
        """Return dC_i/dz of each example, shape (n, n_out), through a = activation(z)."""
        return activation.backward(z, a, self.gradient(a, y))

    def check_output(self, activation: Activation) -> None:
        """Raise a ValueError unless outputs of this activation suit the loss."""
        return

    def check_targets(self, y: Array) -> None:
        """Raise a DataError unless the targets y (n, n_out), already finite, suit the loss."""
        return

    def n_classes(self, n_out: int) -> int:
        """Return among how many classes one target chooses: n_out, or 2 for a yes or no."""
        return 2 if self.is_multilabel or n_out == 1 else n_out

    def bends(self, a: Array, y: Array) -> NDArray[np.bool_] | None:
        """Return which piece each output is on, where the loss is put together of pieces.

        At a joint the second derivative jumps, which costs central differences their accuracy.
        """
        return None

    def describe(self) -> dict[str, Any]:
        """Return the JSON-ready description that `from_description` reads back."""
        return {"name": self.name}
