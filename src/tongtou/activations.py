"""Activation functions: what each neuron's inspector does with its weighted sum.

Every activation is a small frozen object that knows its equation, its exact derivative and the
code by which the kernel knows it. Symbols: z is the weighted sum, a = f(z) the activation, g the
gradient dC/da that comes back, delta = dC/dz what is handed on (docs/notation.md).
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tongtou.choices import choose

Array: TypeAlias = NDArray[np.floating[Any]]
"""An array of float32 or float64."""

_erfc = np.vectorize(math.erfc, otypes=[np.float64])


class Activation(ABC):
    """An activation function a = f(z) with its derivative.

    Attributes
    ----------
    name : str
        The name users write: ``activation="sigmoid"``.
    code : int
        The number by which the kernel knows it.
    elementwise : bool
        Whether a[j] depends on z[j] alone; false for softmax only.
    kinks : tuple of float
        The z where f has no derivative. Gradient checks step around them.
    parameter : float
        The one number an activation may carry (the slope of leaky ReLU), otherwise 0.
    """

    name: ClassVar[str]
    code: ClassVar[int]
    elementwise: ClassVar[bool] = True
    kinks: ClassVar[tuple[float, ...]] = ()

    @property
    def parameter(self) -> float:
        """The number this activation carries, 0 when it carries none."""
        return 0.0

    @abstractmethod
    def __call__(self, z: Array) -> Array:
        """Return a = f(z), of the shape and the dtype (float32 or float64) of z."""

    @abstractmethod
    def derivative(self, z: Array, a: Array) -> Array:
        """Return da/dz elementwise, from z and a = f(z); at a kink, what the kernel takes too."""

    def backward(self, z: Array, a: Array, g: Array) -> Array:
        """Carry the gradient back through f: delta = dC/dz from g = dC/da, all of one shape."""
        return g * self.derivative(z, a)

    def describe(self) -> dict[str, Any]:
        """Return the JSON-ready description that `from_description` reads back."""
        return {"name": self.name}


@dataclass(frozen=True)
class Linear(Activation):
    """a = z. Layers of nothing else collapse into one linear map."""

    name: ClassVar[str] = "linear"
    code: ClassVar[int] = 0

    def __call__(self, z: Array) -> Array:
        """Return a copy of z, so that editing a never edits z."""
        return z.copy()

    def derivative(self, z: Array, a: Array) -> Array:
        """Return da/dz = 1."""
        return np.ones_like(z)


@dataclass(frozen=True)
class Step(Activation):
    """a = 0 below the threshold z = 0, and 1 from it on: the perceptron's neuron.

    Its derivative is 0 wherever it exists, so gradient descent learns nothing through it; that is
    why smooth activations replaced it.
    """

    name: ClassVar[str] = "step"
    code: ClassVar[int] = 1
    kinks: ClassVar[tuple[float, ...]] = (0.0,)

    def __call__(self, z: Array) -> Array:
        """Return 0 where z < 0, 1 where z >= 0."""
        return np.heaviside(z, 1.0)

    def derivative(self, z: Array, a: Array) -> Array:
        """Return da/dz = 0."""
        return np.zeros_like(z)


@dataclass(frozen=True)
class Sigmoid(Activation):
    """a = 1 / (1 + exp(-z)), between 0 and 1.

    Examples
    --------
    >>> import numpy as np
    >>> Sigmoid()(np.array([-1000.0, 0.0, 1000.0]))
    array([0. , 0.5, 1. ])
    """

    name: ClassVar[str] = "sigmoid"
    code: ClassVar[int] = 2

    def __call__(self, z: Array) -> Array:
        """Return 1 / (1 + exp(-z)), written so that no exponent is ever positive."""
        a: Array = np.exp(np.minimum(z, 0)) / (1 + np.exp(-np.abs(z)))
        return a

    def derivative(self, z: Array, a: Array) -> Array:
        """Return da/dz = a (1 - a): at most 1/4, and nearly 0 once the neuron saturates."""
        return a * (1 - a)


@dataclass(frozen=True)
class Tanh(Activation):
    """a = tanh(z), between -1 and 1."""

    name: ClassVar[str] = "tanh"
    code: ClassVar[int] = 3

    def __call__(self, z: Array) -> Array:
        """Return tanh(z)."""
        return np.tanh(z)

    def derivative(self, z: Array, a: Array) -> Array:
        """Return da/dz = 1 - a^2."""
        # As a product: squaring would round away what is left where |a| is nearly 1.
        return (1 - a) * (1 + a)


@dataclass(frozen=True)
class ReLU(Activation):
    """a = max(z, 0). No saturation on the right, no gradient on the left."""

    name: ClassVar[str] = "relu"
    code: ClassVar[int] = 4
    kinks: ClassVar[tuple[float, ...]] = (0.0,)

    def __call__(self, z: Array) -> Array:
        """Return max(z, 0)."""
        return np.maximum(z, 0)

    def derivative(self, z: Array, a: Array) -> Array:
        """Return da/dz = 1 where z > 0, otherwise 0; at the kink 0."""
        return (z > 0).astype(z.dtype)


@dataclass(frozen=True)
class LeakyReLU(Activation):
    """a = z where z > 0, otherwise slope * z, so that a neuron cannot die altogether.

    Parameters
    ----------
    slope : float, default 0.01
        The slope on the left; finite and not negative, so that a > 0 exactly where z > 0.

    Raises
    ------
    ValueError
        The slope is not a finite number from 0 on.

    Examples
    --------
    >>> import numpy as np
    >>> LeakyReLU(slope=0.2)(np.array([-2.0, 3.0]))
    array([-0.4,  3. ])
    """

    slope: float = 0.01
    name: ClassVar[str] = "leaky_relu"
    code: ClassVar[int] = 5
    kinks: ClassVar[tuple[float, ...]] = (0.0,)

    def __post_init__(self) -> None:
        slope = self.slope
        number = isinstance(slope, (int, float, np.integer, np.floating))
        if not number or isinstance(slope, bool) or not (math.isfinite(slope) and slope >= 0):
            raise ValueError(
                f"the slope of leaky_relu must be a finite number from 0 on; it is {slope!r}. "
                "Use LeakyReLU(slope=0.01)."
            )
        object.__setattr__(self, "slope", float(slope))

    @property
    def parameter(self) -> float:
        """The slope."""
        return self.slope

    def __call__(self, z: Array) -> Array:
        """Return z where z > 0, otherwise slope * z."""
        return np.where(z > 0, z, self.slope * z)

    def derivative(self, z: Array, a: Array) -> Array:
        """Return da/dz = 1 where z > 0, otherwise the slope; at the kink the slope."""
        return np.where(z > 0, 1.0, self.slope).astype(z.dtype)

    def describe(self) -> dict[str, Any]:
        """Return name and slope."""
        return {"name": self.name, "parameter": self.slope}


@dataclass(frozen=True)
class GELU(Activation):
    """a = z Phi(z), with Phi(z) = (1 + erf(z / sqrt 2)) / 2 the normal distribution function.

    The exact form, not the tanh approximation some libraries mean by the same name; the two
    differ by up to 5e-4.

    References
    ----------
    Hendrycks and Gimpel (2016), "Gaussian Error Linear Units", section 2.
    """

    name: ClassVar[str] = "gelu"
    code: ClassVar[int] = 6

    def __call__(self, z: Array) -> Array:
        """Return z Phi(z), computed in float64 whatever the dtype of z."""
        z64 = z.astype(np.float64)
        return (z64 * _normal_distribution(z64)).astype(z.dtype)

    def derivative(self, z: Array, a: Array) -> Array:
        """Return da/dz = Phi(z) + z phi(z), with phi(z) = exp(-z^2 / 2) / sqrt(2 pi)."""
        z64 = z.astype(np.float64)
        # Past |z| = 40 the density is 0 in float64; squaring a large z would overflow first.
        density = np.exp(-0.5 * np.clip(z64, -40, 40) ** 2) / math.sqrt(2 * math.pi)
        return (_normal_distribution(z64) + z64 * density).astype(z.dtype)


def _normal_distribution(z: Array) -> Array:
    """Return Phi(z) by erfc: 1 + erf would lose every digit in the left tail."""
    return np.asarray(0.5 * _erfc(-z / math.sqrt(2)))


@dataclass(frozen=True)
class Softmax(Activation):
    """a[j] = exp(z[j]) / sum_k exp(z[k]), over the last axis: outputs that sum to 1.

    Examples
    --------
    >>> import numpy as np
    >>> Softmax()(np.array([1000.0, 1000.0]))
    array([0.5, 0.5])
    """

    name: ClassVar[str] = "softmax"
    code: ClassVar[int] = 7
    elementwise: ClassVar[bool] = False

    def __call__(self, z: Array) -> Array:
        """Return softmax over the last axis, shifted by the largest z, which cancels out."""
        e = np.exp(z - z.max(axis=-1, keepdims=True))
        a: Array = e / e.sum(axis=-1, keepdims=True)
        return a

    def derivative(self, z: Array, a: Array) -> Array:
        """Raise: every output depends on every z, so there is no elementwise derivative."""
        raise TypeError(
            "softmax has no elementwise derivative: each output depends on every weighted sum. "
            "Use backward(z, a, g), which applies its Jacobian."
        )

    def backward(self, z: Array, a: Array, g: Array) -> Array:
        """Return delta[j] = a[j] (g[j] - sum_k g[k] a[k])."""
        # The Jacobian is da[k]/dz[j] = a[k] ([j = k] - a[j]); delta[j] = sum_k g[k] da[k]/dz[j].
        delta: Array = a * (g - np.sum(g * a, axis=-1, keepdims=True))
        return delta


@dataclass(frozen=True)
class Exp(Activation):
    """a = exp(z), above 0 always: the expected count of a Poisson loss.

    Notes
    -----
    exp overflows; so z counts as at most 690 in float64 and 80 in float32, and at least the
    negative of these, and a stays finite and above 0. The derivative is a even beyond, so that a
    neuron which went too far is led back.

    Examples
    --------
    >>> import numpy as np
    >>> Exp()(np.array([0.0, 1.0]))
    array([1.        , 2.71828183])
    """

    name: ClassVar[str] = "exp"
    code: ClassVar[int] = 8

    def __call__(self, z: Array) -> Array:
        """Return exp(z), z held within its limits."""
        limit = 80.0 if z.dtype == np.float32 else 690.0
        a: Array = np.exp(np.clip(z, -limit, limit))
        return a

    def derivative(self, z: Array, a: Array) -> Array:
        """Return da/dz = a."""
        return a.copy()


ACTIVATIONS: Mapping[str, Activation] = MappingProxyType(
    {
        one.name: one
        for one in (
            Linear(),
            Step(),
            Sigmoid(),
            Tanh(),
            ReLU(),
            LeakyReLU(),
            GELU(),
            Softmax(),
            Exp(),
        )
    }
)
"""Every activation by its name."""


def activation(name_or_object: str | Activation) -> Activation:
    """Return the activation of this name; an Activation is returned as it is.

    Raises
    ------
    ValueError
        No activation has this name; the message lists the known ones and the nearest.

    Examples
    --------
    >>> activation("relu")
    ReLU()
    >>> activation(LeakyReLU(slope=0.2))
    LeakyReLU(slope=0.2)
    """
    if isinstance(name_or_object, Activation):
        return name_or_object
    return choose("activation", name_or_object, ACTIVATIONS)


def from_description(description: Mapping[str, Any]) -> Activation:
    """Return the activation that `Activation.describe` described.

    Raises
    ------
    ValueError
        The description is not a mapping, names no known activation, or holds what that
        activation does not have.

    Examples
    --------
    >>> from_description({"name": "leaky_relu", "parameter": 0.2})
    LeakyReLU(slope=0.2)
    """
    if not isinstance(description, Mapping):
        raise ValueError(
            'an activation is described by a mapping such as {"name": "relu"}; '
            f"this is {description!r}."
        )
    plain = choose("activation", description.get("name"), ACTIVATIONS)
    rest = {key: value for key, value in description.items() if key != "name"}
    if not rest:
        return plain
    if isinstance(plain, LeakyReLU) and set(rest) == {"parameter"}:
        return LeakyReLU(slope=rest["parameter"])
    raise ValueError(
        f"the description of {plain.name!r} may hold {sorted(plain.describe())}; "
        f"this one holds {sorted(map(str, description))}. Remove the others."
    )
