"""Loss functions: one number that says how wrong the outputs are.

Symbols: a the outputs (n, n_out), y the targets (n, n_out), C_i the loss of example i; the loss
of a batch is the mean C = (1/n) sum_i C_i. The functions here speak of single examples: the 1/n
enters once, in the backward pass (docs/notation.md).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from tongtou.activations import Activation, Array
from tongtou.choices import choose
from tongtou.errors import DataError, ShapeError


class Loss(ABC):
    """A loss C_i(a, y) of one example, with its gradient.

    Attributes
    ----------
    name : str
        The name users write: ``loss="sse"``.
    code : int
        The number by which the kernel knows it.
    """

    name: ClassVar[str]
    code: ClassVar[int]

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


@dataclass(frozen=True)
class SumOfSquaredErrors(Loss):
    """C_i = sum_j (a_ij - y_ij)^2: the lesson's loss, without 1/2 and without 1/n_out.

    Examples
    --------
    >>> import numpy as np
    >>> loss("sse").value(np.array([[0.5, 1.0]]), np.array([[1.0, 0.0]]))
    array([1.25])
    """

    name: ClassVar[str] = "sse"
    code: ClassVar[int] = 0

    def value(self, a: Array, y: Array) -> Array:
        """Return sum_j (a_ij - y_ij)^2."""
        value: Array = np.square(a - y).sum(axis=-1)  # (n,)
        return value

    def gradient(self, a: Array, y: Array) -> Array:
        """Return dC_i/da_ij = 2 (a_ij - y_ij)."""
        return 2 * (a - y)


@dataclass(frozen=True)
class MeanSquaredError(Loss):
    """C_i = (1/n_out) sum_j (a_ij - y_ij)^2: sse, averaged over the outputs too."""

    name: ClassVar[str] = "mse"
    code: ClassVar[int] = 1

    def value(self, a: Array, y: Array) -> Array:
        """Return (1/n_out) sum_j (a_ij - y_ij)^2."""
        value: Array = np.square(a - y).mean(axis=-1)  # (n,)
        return value

    def gradient(self, a: Array, y: Array) -> Array:
        """Return dC_i/da_ij = (2/n_out) (a_ij - y_ij)."""
        n_out: int = a.shape[-1]
        return 2 / n_out * (a - y)


@dataclass(frozen=True)
class CrossEntropy(Loss):
    """C_i = -sum_j y_ij log a_ij, in nats, for softmax outputs and targets that sum to 1.

    Notes
    -----
    A term with y = 0 counts 0 whatever a is. Once a is 0 in floating point `value` is infinite
    and `gradient` too; `value_from_z` and `delta_with` stay finite, because there the logarithm
    and the softmax's exponential cancel on paper instead of in the machine. Use those.

    Examples
    --------
    >>> import numpy as np
    >>> loss("cross_entropy").value_from_z(np.array([[0.0, 2000.0]]), np.array([[1.0, 0.0]]))
    array([2000.])
    """

    name: ClassVar[str] = "cross_entropy"
    code: ClassVar[int] = 2

    def value(self, a: Array, y: Array) -> Array:
        """Return -sum_j y_ij log a_ij."""
        with np.errstate(divide="ignore"):
            log_a = np.log(np.where(y != 0, a, 1).astype(a.dtype))
        value: Array = 0 - (y * log_a).sum(axis=-1)  # (n,); 0 - keeps a sure answer from being -0
        return value

    def value_from_z(self, z: Array, y: Array) -> Array:
        """Return -sum_j y_ij log softmax(z_i)_j, by log softmax(z)_j = z_j - log sum_k exp(z_k)."""
        shifted = z - z.max(axis=-1, keepdims=True)
        log_a = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
        value: Array = 0 - (y * log_a).sum(axis=-1)  # (n,); 0 - keeps a sure answer from being -0
        return value

    def gradient(self, a: Array, y: Array) -> Array:
        """Return dC_i/da_ij = -y_ij / a_ij, and 0 where y_ij = 0."""
        with np.errstate(divide="ignore"):
            g: Array = np.where(y != 0, -y, 0) / np.where(y != 0, a, 1)
        return g.astype(a.dtype)

    def value_with(self, activation: Activation, z: Array, a: Array, y: Array) -> Array:
        """Return C_i by `value_from_z`."""
        self.check_output(activation)
        return self.value_from_z(z, y)

    def delta_with(self, activation: Activation, z: Array, a: Array, y: Array) -> Array:
        """Return dC_i/dz_ij = a_ij - y_ij, since sum_k y_ik = 1: softmax and logarithm in one."""
        self.check_output(activation)
        return a - y

    def check_output(self, activation: Activation) -> None:
        """Raise a ValueError unless the output is softmax, which makes the a_ij sum to 1."""
        if activation.name != "softmax":
            raise ValueError(
                "loss='cross_entropy' needs output='softmax', whose outputs are probabilities "
                f"that sum to 1; the output is {activation.name!r}. "
                "Use output='softmax', or keep it and use loss='sse' or loss='mse'."
            )

    def check_targets(self, y: Array) -> None:
        """Raise a DataError unless each row of y is a distribution: not negative, summing to 1."""
        wrong = (y < 0).any(axis=-1) | (np.abs(y.sum(axis=-1, dtype=np.float64) - 1) > 1e-5)
        if wrong.any():
            row = int(np.argmax(wrong))
            raise DataError(
                "loss='cross_entropy' needs targets that are not negative and sum to 1 in each "
                f"row; row {row} sums to {float(y[row].sum()):g} and its least value is "
                f"{float(y[row].min()):g}. Give class numbers, or divide each row by its sum."
            )


LOSSES: Mapping[str, Loss] = MappingProxyType(
    {one.name: one for one in (SumOfSquaredErrors(), MeanSquaredError(), CrossEntropy())}
)
"""Every loss by its name."""


def loss(name_or_object: str | Loss) -> Loss:
    """Return the loss of this name; a Loss is returned as it is.

    Raises
    ------
    ValueError
        No loss has this name; the message lists the known ones and the nearest.

    Examples
    --------
    >>> loss("mse")
    MeanSquaredError()
    """
    if isinstance(name_or_object, Loss):
        return name_or_object
    return choose("loss", name_or_object, LOSSES)


def one_hot(labels: ArrayLike, n_out: int, dtype: DTypeLike = np.float64) -> NDArray[Any]:
    """Turn class numbers into targets: y[i, labels[i]] = 1, everything else 0.

    Parameters
    ----------
    labels : array_like of int, shape (n,)
        Class numbers 0 … n_out-1.
    n_out : int
        How many outputs there are.
    dtype : dtype, default float64
        The type of the targets.

    Returns
    -------
    ndarray, shape (n, n_out)

    Raises
    ------
    ShapeError
        The labels are not one-dimensional.
    DataError
        A label is not an integer, or outside 0 … n_out-1.

    Examples
    --------
    >>> one_hot([2, 0], 3)
    array([[0., 0., 1.],
           [1., 0., 0.]])
    """
    numbers = np.asarray(labels)
    if numbers.ndim != 1:
        raise ShapeError(
            f"labels must have shape (n,), one class number an example; they have shape "
            f"{numbers.shape}. Targets with one column an output are used as they are."
        )
    if numbers.size and numbers.dtype.kind not in "iu":
        raise DataError(
            f"labels must be integers 0 … {n_out - 1}; they are {numbers.dtype}. "
            "Number the classes, or give real targets of shape (n, n_out)."
        )
    outside = (numbers < 0) | (numbers >= n_out)
    if outside.any():
        row = int(np.argmax(outside))
        raise DataError(
            f"labels must lie in 0 … {n_out - 1} for {n_out} outputs; label {row} is "
            f"{int(numbers[row])}. Correct it, or build a network with more outputs."
        )
    y = np.zeros((len(numbers), n_out), dtype)
    y[np.arange(len(numbers)), numbers.astype(np.intp)] = 1
    return y
