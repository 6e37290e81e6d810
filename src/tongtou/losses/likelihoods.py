"""Losses that are minus the logarithm of a likelihood: what would make the targets likely?

Each belongs to one activation of the output and is taken together with it, from the weighted
sums z: there exponential and logarithm cancel on paper instead of in the machine, and the
gradient is a - y.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tongtou.activations import Activation, Array
from tongtou.errors import DataError
from tongtou.losses.base import Loss


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
    >>> CrossEntropy().value_from_z(np.array([[0.0, 2000.0]]), np.array([[1.0, 0.0]]))
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


@dataclass(frozen=True)
class BinaryCrossEntropy(Loss):
    """C_i = -sum_j (y_ij log a_ij + (1 - y_ij) log(1 - a_ij)), in nats, for sigmoid outputs.

    Each output says yes or no for itself: an example may carry several labels, or none.

    Notes
    -----
    From z, with no exponent ever positive: C_i = sum_j max(z, 0) - y z + log(1 + exp(-abs(z))).
    PyTorch's ``BCEWithLogitsLoss`` averages over the outputs, this is their sum. Targets between
    0 and 1 are allowed; then the least possible loss is above 0.

    Examples
    --------
    >>> from tongtou.activations import Sigmoid
    >>> z, y = np.array([[0.0, -2000.0]]), np.array([[1.0, 1.0]])
    >>> BinaryCrossEntropy().value_with(Sigmoid(), z, Sigmoid()(z), y)  # log 2 and 2000
    array([2000.69314718])
    """

    name: ClassVar[str] = "binary_cross_entropy"
    code: ClassVar[int] = 6
    is_multilabel: ClassVar[bool] = True

    def value(self, a: Array, y: Array) -> Array:
        """Return -sum_j (y_ij log a_ij + (1 - y_ij) log(1 - a_ij)); a term times 0 is 0."""
        with np.errstate(divide="ignore"):
            yes = np.log(np.where(y != 0, a, 1).astype(a.dtype))
            no = np.log1p(-np.where(y != 1, a, 0).astype(a.dtype))
        value: Array = 0 - (y * yes + (1 - y) * no).sum(axis=-1)  # (n,); 0 - for no -0
        return value

    def gradient(self, a: Array, y: Array) -> Array:
        """Return dC_i/da_ij = (1 - y_ij) / (1 - a_ij) - y_ij / a_ij; a part times 0 is 0."""
        with np.errstate(divide="ignore"):
            yes = np.where(y != 0, y, 0) / np.where(y != 0, a, 1)
            no = np.where(y != 1, 1 - y, 0) / np.where(y != 1, 1 - a, 1)
        g: Array = (no - yes).astype(a.dtype)
        return g

    def value_with(self, activation: Activation, z: Array, a: Array, y: Array) -> Array:
        """Return C_i from z."""
        self.check_output(activation)
        each = np.maximum(z, 0) - y * z + np.log1p(np.exp(-np.abs(z)))
        value: Array = each.sum(axis=-1)  # (n,)
        return value

    def delta_with(self, activation: Activation, z: Array, a: Array, y: Array) -> Array:
        """Return dC_i/dz_ij = a_ij - y_ij: sigmoid and logarithms in one."""
        self.check_output(activation)
        return a - y

    def check_output(self, activation: Activation) -> None:
        """Raise a ValueError unless the output is sigmoid."""
        if activation.name != "sigmoid":
            raise ValueError(
                "loss='binary_cross_entropy' needs output='sigmoid', each output a probability of "
                f"its own; the output is {activation.name!r}. Use output='sigmoid'; for one class "
                "out of several use output='softmax' with loss='cross_entropy'."
            )

    def check_targets(self, y: Array) -> None:
        """Raise a DataError unless all of y lies in 0 … 1."""
        wrong = (y < 0) | (y > 1)
        if wrong.any():
            row, column = (int(one) for one in np.argwhere(wrong)[0])
            raise DataError(
                "loss='binary_cross_entropy' needs targets 0 or 1, or a probability between; row "
                f"{row}, column {column} is {float(y[row, column]):g}. Give one column a label, 1 "
                "where the example has it."
            )


@dataclass(frozen=True)
class Poisson(Loss):
    """C_i = sum_j (a_ij - y_ij log a_ij + y_ij log y_ij - y_ij), for counts y and exp outputs.

    Half the Poisson deviance: minus the logarithm of the probability of the counts y when a are
    expected, plus what does not depend on a, chosen so that a = y costs 0 (0 log 0 = 0).

    Notes
    -----
    PyTorch's ``PoissonNLLLoss`` leaves ``y log y - y`` out and averages over the outputs.
    scikit-learn's ``mean_poisson_deviance`` is twice this, for one output.

    References
    ----------
    McCullagh and Nelder (1989), "Generalized linear models", section 2.3.

    Examples
    --------
    >>> Poisson().value(np.array([[2.0], [1.0]]), np.array([[2.0], [0.0]]))
    array([0., 1.])
    """

    name: ClassVar[str] = "poisson"
    code: ClassVar[int] = 5

    def value(self, a: Array, y: Array) -> Array:
        """Return C_i; from a = 0 it is infinite where y > 0."""
        with np.errstate(divide="ignore"):
            log_a = np.log(np.where(y != 0, a, 1).astype(a.dtype))
        return self._value(log_a, a, y)

    def gradient(self, a: Array, y: Array) -> Array:
        """Return dC_i/da_ij = 1 - y_ij / a_ij, and 1 where y_ij = 0."""
        with np.errstate(divide="ignore"):
            share = np.where(y != 0, y, 0) / np.where(y != 0, a, 1)
        return (1 - share).astype(a.dtype)

    def value_with(self, activation: Activation, z: Array, a: Array, y: Array) -> Array:
        """Return C_i from z, which is log a."""
        self.check_output(activation)
        return self._value(z, a, y)

    def delta_with(self, activation: Activation, z: Array, a: Array, y: Array) -> Array:
        """Return dC_i/dz_ij = a_ij - y_ij: exponential and logarithm in one."""
        self.check_output(activation)
        return a - y

    def check_output(self, activation: Activation) -> None:
        """Raise a ValueError unless the output is exp, which no weighted sum makes 0 or less."""
        if activation.name != "exp":
            raise ValueError(
                "loss='poisson' needs output='exp', whose outputs are above 0 as an expected "
                f"count must be; the output is {activation.name!r}. Use output='exp', or keep it "
                "and use loss='mse'."
            )

    def check_targets(self, y: Array) -> None:
        """Raise a DataError unless y >= 0 throughout."""
        if (y < 0).any():
            row, column = (int(one) for one in np.argwhere(y < 0)[0])
            raise DataError(
                f"loss='poisson' needs counts, 0 or more; row {row}, column {column} of y is "
                f"{float(y[row, column]):g}. Correct it, or use loss='mse' with another output."
            )

    @staticmethod
    def _value(log_a: Array, a: Array, y: Array) -> Array:
        # y (log y - log a) - (y - a): the first difference before the product, as both are near.
        log_y = np.log(np.where(y > 0, y, 1).astype(a.dtype))
        value: Array = (np.where(y > 0, y * (log_y - log_a), 0) - (y - a)).sum(axis=-1)  # (n,)
        return value
