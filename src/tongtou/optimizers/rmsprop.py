"""Each parameter with a rate of its own, from how large its gradients have been: RMSprop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from tongtou.choices import choose
from tongtou.optimizers.base import EPSILON_INSIDE, Optimizer
from tongtou.schedules import Schedule
from tongtou.settings import checked_number


@dataclass(frozen=True, repr=False)
class RMSprop(Optimizer):
    """RMSprop: the gradient divided by the root of the running mean of its square.

    ::

        s = rho s + (1 - rho) g^2                               s = 0 at first
        d = g / (sqrt(s) + epsilon)                             epsilon_placement="outside"
        d = g / sqrt(s + epsilon)                               epsilon_placement="inside"
        theta = theta - eta d                                   momentum 0
        v = mu v + d,  theta = theta - eta v                    momentum mu, v = 0 at first

    Parameters
    ----------
    learning_rate : float or Schedule
        eta, above 0: about how far a parameter moves in a step.
    rho : float
        How much of the mean is kept, from 0 to below 1.
    epsilon : float
        Keeps the division finite where gradients vanish, above 0.
    momentum : float
        mu, from 0 to below 1.
    epsilon_placement : "outside" or "inside"
        Whether epsilon is added to the root or under it. Inside, 1e-8 acts like 1e-4 outside.
    clip_norm, clip_value : float, optional
        As for `Optimizer`.

    Raises
    ------
    ValueError
        A setting is out of its range.

    Notes
    -----
    s is not corrected for its start at 0, so the first step is 1 / sqrt(1 - rho) times as large
    as eta: ten times with rho 0.99. The defaults and "outside" are PyTorch's, but for its rate of
    0.01 which that factor makes 0.1; the lecture has rho 0.9. Keras has rho 0.9, epsilon 1e-7
    inside, and with momentum it sums steps (v = mu v + eta d); Optax has rho 0.9 and adds epsilon
    inside unless told otherwise. The centred form is left out.

    References
    ----------
    Tieleman and Hinton (2012), "Lecture 6.5: RMSprop", Neural Networks for Machine Learning.

    Examples
    --------
    >>> RMSprop(0.001, rho=0.9)
    RMSprop(learning_rate=0.001, rho=0.9)
    """

    name: ClassVar[str] = "rmsprop"

    learning_rate: float | Schedule = 0.001
    rho: float = 0.99
    epsilon: float = 1e-8
    momentum: float = 0.0
    epsilon_placement: Literal["outside", "inside"] = "outside"

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "rho", checked_number("rho", self.rho, 0, 1, below=True))
        object.__setattr__(self, "epsilon", checked_number("epsilon", self.epsilon, 0, above=True))
        momentum = checked_number("momentum", self.momentum, 0, 1, below=True)
        object.__setattr__(self, "momentum", momentum)
        choose("epsilon_placement", self.epsilon_placement, {"outside": 0, "inside": 1})

    @property
    def kind(self) -> int:
        """3."""
        return 3

    @property
    def n_slots(self) -> int:
        """The mean of squares and, with momentum, the velocity."""
        return 2 if self.momentum else 1

    @property
    def constants(self) -> tuple[float, float, float, float]:
        """rho, epsilon and the momentum, at their places."""
        return (0.0, self.rho, self.epsilon, self.momentum)

    @property
    def flags(self) -> int:
        """EPSILON_INSIDE or 0."""
        return EPSILON_INSIDE if self.epsilon_placement == "inside" else 0
