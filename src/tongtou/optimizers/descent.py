"""Against the gradient: gradient descent, stochastic gradient descent, momentum, Nesterov."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from tongtou.choices import choose
from tongtou.optimizers.base import NESTEROV, Optimizer
from tongtou.settings import checked_number


@dataclass(frozen=True, repr=False)
class GradientDescent(Optimizer):
    """Gradient descent: each step goes against the gradient of the loss of all examples.

    ::

        theta = theta - eta * dC/dtheta,        C = (1/n) sum of C_i over all n training examples

    `fit` takes the whole training set as one batch, whatever its `batch_size`.

    Parameters
    ----------
    learning_rate : float or Schedule
        eta, above 0. Too small is slow; too large jumps past the minimum.
    clip_norm, clip_value : float, optional
        As for `Optimizer`.

    Raises
    ------
    ValueError
        A setting is out of its range.

    Notes
    -----
    On a quadratic whose largest curvature is K it converges for eta < 2/K and for no other eta.

    References
    ----------
    Cauchy (1847), "Méthode générale pour la résolution des systèmes d'équations simultanées".

    Examples
    --------
    >>> GradientDescent(learning_rate=1.5)
    GradientDescent(learning_rate=1.5)
    """

    name: ClassVar[str] = "gradient_descent"

    @property
    def kind(self) -> int:
        """0: no memory."""
        return 0


@dataclass(frozen=True, repr=False)
class SGD(Optimizer):
    """Stochastic gradient descent: each batch moves the parameters against its mean gradient.

    ::

        g = dC/dtheta,                          C = (1/n) sum of C_i over the batch
        theta = theta - eta g                   momentum 0

    With momentum mu, what is remembered of the steps before is a velocity v, 0 at first::

        velocity="gradient"                     velocity="step"
        v = mu v + g                            v = mu v - eta g
        theta = theta - eta v                   theta = theta + v
        theta = theta - eta (g + mu v)          theta = theta + mu v - eta g        with nesterov

    Parameters
    ----------
    learning_rate : float or Schedule
        eta, above 0. Too small is slow; too large jumps past the minimum.
    momentum : float
        mu, from 0 to below 1. A steady gradient is followed 1 / (1 - mu) times as fast.
    nesterov : bool
        Use the gradient as if the next velocity were already in it: Nesterov's method. Needs a
        momentum.
    velocity : "gradient" or "step"
        What v sums up: gradients, which eta then scales, or steps, each with the eta of its time.
    clip_norm, clip_value : float, optional
        As for `Optimizer`.

    Raises
    ------
    ValueError
        A setting is out of its range, or nesterov is asked for without a momentum.

    Notes
    -----
    The two forms of velocity take the same path while eta stays the same. When a schedule lowers
    eta, "gradient" slows down at once, "step" only as the old steps are forgotten. "gradient" is
    PyTorch's and Optax's form; "step" is the paper's (Sutskever et al.), scikit-learn's and
    Keras's. PyTorch's dampening is left out: 1 - mu of it is a smaller learning rate. Nesterov's
    method is written, as in all of these, in the parameters at which the gradient is taken.

    The loss sse is a sum over the outputs, so it takes a smaller rate than mse by their number.
    With a batch of all examples this is gradient descent itself.

    References
    ----------
    Robbins and Monro (1951), "A stochastic approximation method". Polyak (1964), "Some methods of
    speeding up the convergence of iteration methods". Nesterov (1983), "A method for solving the
    convex programming problem with convergence rate O(1/k^2)". Sutskever, Martens, Dahl and Hinton
    (2013), "On the importance of initialization and momentum in deep learning", equations 1 to 4.

    Examples
    --------
    >>> SGD(learning_rate=1.5)
    SGD(learning_rate=1.5)
    >>> SGD(0.1, momentum=0.9, nesterov=True)
    SGD(learning_rate=0.1, momentum=0.9, nesterov=True)
    """

    name: ClassVar[str] = "sgd"

    momentum: float = 0.0
    nesterov: bool = False
    velocity: Literal["gradient", "step"] = "gradient"

    def __post_init__(self) -> None:
        super().__post_init__()
        momentum = checked_number("momentum", self.momentum, 0, 1, below=True)
        object.__setattr__(self, "momentum", momentum)
        object.__setattr__(self, "nesterov", bool(self.nesterov))
        choose("velocity", self.velocity, {"gradient": 1, "step": 2})
        if self.nesterov and not momentum:
            raise ValueError(
                "nesterov=True needs a momentum above 0, along which to look ahead; "
                "momentum is 0. Use momentum=0.9, or nesterov=False."
            )

    @property
    def kind(self) -> int:
        """0 without momentum, 1 where the velocity sums gradients, 2 where it sums steps."""
        return ({"gradient": 1, "step": 2}[self.velocity]) if self.momentum else 0

    @property
    def n_slots(self) -> int:
        """The velocity, where there is momentum."""
        return 1 if self.momentum else 0

    @property
    def constants(self) -> tuple[float, float, float, float]:
        """The momentum."""
        return (self.momentum, 0.0, 0.0, 0.0)

    @property
    def flags(self) -> int:
        """NESTEROV or 0."""
        return NESTEROV if self.nesterov else 0
