"""Schedules by one formula: constant, a stair, an exponential, a power of the time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from tongtou.schedules.base import Schedule
from tongtou.settings import checked_number, checked_whole


@dataclass(frozen=True)
class Constant(Schedule):
    """The same rate throughout: eta = eta_0. What a plain number means.

    Examples
    --------
    >>> Constant(0.1).rates(0, 3, 10, 100)
    array([0.1, 0.1, 0.1])
    """

    name: ClassVar[str] = "constant"

    def _rates(self, t: NDArray[np.float64], per_epoch: float, N: float) -> NDArray[np.float64]:
        return np.full(len(t), self.rate)


@dataclass(frozen=True)
class Step(Schedule):
    """Down a stair every so many epochs.

    ::

        eta = eta_0 factor^floor(e / every_epochs)

    Parameters
    ----------
    rate : float
        eta_0, of the first stair.
    every_epochs : int
        How long a stair is.
    factor : float
        What each stair multiplies the rate by, above 0 and at most 1.

    Notes
    -----
    PyTorch's ``StepLR`` with ``step_size=every_epochs, gamma=factor``, stepped after each epoch.

    Examples
    --------
    >>> Step(0.8, every_epochs=2, factor=0.5).rates(0, 8, steps_per_epoch=2, n_steps_total=8)
    array([0.8, 0.8, 0.8, 0.8, 0.4, 0.4, 0.4, 0.4])
    """

    name: ClassVar[str] = "step"

    every_epochs: int = 10
    factor: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(
            self, "every_epochs", checked_whole("every_epochs", self.every_epochs, 1)
        )
        object.__setattr__(self, "factor", checked_number("factor", self.factor, 0, 1, above=True))

    def _rates(self, t: NDArray[np.float64], per_epoch: float, N: float) -> NDArray[np.float64]:
        stair = np.floor(np.floor(t / per_epoch) / self.every_epochs)
        eta: NDArray[np.float64] = self.rate * self.factor**stair
        return eta


@dataclass(frozen=True)
class Exponential(Schedule):
    """A little smaller with every step.

    ::

        eta = eta_0 decay_per_epoch^e,      e = t / steps per epoch

    Parameters
    ----------
    rate : float
        eta_0, of the first step.
    decay_per_epoch : float
        What an epoch multiplies the rate by, above 0 and at most 1.

    Notes
    -----
    At the start of each epoch the rate is that of PyTorch's ``ExponentialLR`` stepped after each
    epoch; within an epoch that one stays level, and this one goes down evenly. ``Step`` with
    ``every_epochs=1`` is the level form.

    Examples
    --------
    >>> Exponential(0.8, decay_per_epoch=0.25).rates(0, 5, steps_per_epoch=2, n_steps_total=5)
    array([0.8 , 0.4 , 0.2 , 0.1 , 0.05])
    """

    name: ClassVar[str] = "exponential"

    decay_per_epoch: float = 0.95

    def __post_init__(self) -> None:
        super().__post_init__()
        decay = checked_number("decay_per_epoch", self.decay_per_epoch, 0, 1, above=True)
        object.__setattr__(self, "decay_per_epoch", decay)

    def _rates(self, t: NDArray[np.float64], per_epoch: float, N: float) -> NDArray[np.float64]:
        eta: NDArray[np.float64] = self.rate * self.decay_per_epoch ** (t / per_epoch)
        return eta


@dataclass(frozen=True)
class InverseScaling(Schedule):
    """Slowly smaller, by a power of the time.

    ::

        eta = eta_0 / (t + 1)^power_t

    Parameters
    ----------
    rate : float
        eta_0, of the first step.
    power_t : float
        The power, 0 or more; 1/2 is the classical one for convex problems.
    examples_per_epoch : int, optional
        Given, the time is counted as scikit-learn's ``learning_rate="invscaling"`` does: t is the
        number of examples seen in the epochs behind, so the rate changes once an epoch only.

    Notes
    -----
    With power_t between 1/2 and 1 the rates fulfil the conditions under which stochastic
    approximation converges: their sum is infinite, the sum of their squares finite (above 1/2).

    References
    ----------
    Robbins and Monro (1951), "A stochastic approximation method".

    Examples
    --------
    >>> InverseScaling(0.6).rates(0, 4, 10, 100)
    array([0.6       , 0.42426407, 0.34641016, 0.3       ])
    """

    name: ClassVar[str] = "inverse_scaling"

    power_t: float = 0.5
    examples_per_epoch: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "power_t", checked_number("power_t", self.power_t, 0))
        if self.examples_per_epoch is not None:
            n = checked_whole("examples_per_epoch", self.examples_per_epoch, 1)
            object.__setattr__(self, "examples_per_epoch", n)

    def _rates(self, t: NDArray[np.float64], per_epoch: float, N: float) -> NDArray[np.float64]:
        if self.examples_per_epoch is not None:
            t = np.floor(t / per_epoch) * self.examples_per_epoch
        eta: NDArray[np.float64] = self.rate / (t + 1) ** self.power_t
        return eta
