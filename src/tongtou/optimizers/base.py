"""What all optimisers share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from tongtou.schedules import Constant, Schedule
from tongtou.settings import checked_number, rebuilt, settings_of

NESTEROV = 1
"""Flag: look ahead along the velocity."""
EPSILON_INSIDE = 2
"""Flag: epsilon stands under the square root."""
EPSILON_UNCORRECTED = 4
"""Flag: epsilon is added to the root of v before its correction."""


@dataclass(frozen=True, repr=False)
class Optimizer(ABC):
    """How the gradient of a batch becomes a step of the parameters.

    Parameters
    ----------
    learning_rate : float or Schedule
        eta, above 0.
    clip_norm : float, optional
        Where the 2-norm of the whole gradient of a batch is larger, the gradient is scaled down to
        this norm.
    clip_value : float, optional
        Every element of the gradient is brought into -clip_value … clip_value, before clip_norm.

    Attributes
    ----------
    name : str
        How descriptions call it.
    """

    name: ClassVar[str]

    learning_rate: float | Schedule = 0.1
    clip_norm: float | None = field(default=None, kw_only=True)
    clip_value: float | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        if isinstance(self.learning_rate, Mapping):  # as `describe` writes a schedule
            object.__setattr__(self, "learning_rate", Schedule.from_description(self.learning_rate))
        if not isinstance(self.learning_rate, Schedule):
            rate = checked_number("learning_rate", self.learning_rate, 0, above=True)
            object.__setattr__(self, "learning_rate", rate)
        for which in ("clip_norm", "clip_value"):
            if getattr(self, which) is not None:
                limit = checked_number(which, getattr(self, which), 0, above=True)
                object.__setattr__(self, which, limit)

    def __repr__(self) -> str:
        said = ", ".join(f"{k}={v!r}" for k, v in settings_of(self, "learning_rate").items())
        return f"{type(self).__name__}({said})"

    @property
    def schedule(self) -> Schedule:
        """The learning rate as a schedule; a plain number is `Constant`."""
        rate = self.learning_rate
        return rate if isinstance(rate, Schedule) else Constant(rate)

    @property
    @abstractmethod
    def kind(self) -> int:
        """The number by which the kernel knows the update."""

    @property
    def n_slots(self) -> int:
        """How many numbers the optimiser remembers for each parameter."""
        return 0

    @property
    def constants(self) -> tuple[float, float, float, float]:
        """beta1 or momentum; beta2 or rho; epsilon; the momentum after RMSprop's scaling."""
        return (0.0, 0.0, 0.0, 0.0)

    @property
    def flags(self) -> int:
        """Which form of the update: the sum of NESTEROV, EPSILON_INSIDE, EPSILON_UNCORRECTED."""
        return 0

    def rates(self, first_step: int, eta: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what changes from step to step.

        Parameters
        ----------
        first_step : int
            Counted from 0, the start of the run.
        eta : ndarray of float64, shape (k,)
            The learning rates of these steps, from the schedule.

        Returns
        -------
        ndarray of float64, shape (k, 4)
            A row a step: eta; c1 = 1 - beta1^t and c2 = 1 - beta2^t with t = step + 1; and what
            decay multiplies the weights by. What an optimiser does not use is 1.
        """
        columns = np.ones((len(eta), 4))
        columns[:, 0] = eta
        return columns

    def describe(self) -> dict[str, Any]:
        """Return the JSON-ready description; settings at their defaults are left out."""
        description = {"name": self.name, **settings_of(self, "learning_rate")}
        if isinstance(self.learning_rate, Schedule):
            description["learning_rate"] = self.learning_rate.describe()
        return description

    @staticmethod
    def from_description(description: Mapping[str, Any]) -> Optimizer:
        """Return the optimiser that `describe` described.

        Raises
        ------
        ValueError
            The name or a setting is unknown or out of its range.

        Examples
        --------
        >>> Optimizer.from_description({"name": "sgd", "learning_rate": 0.5, "momentum": 0.9})
        SGD(learning_rate=0.5, momentum=0.9)
        """
        from tongtou.optimizers import OPTIMIZERS

        return rebuilt(description, "optimizer", OPTIMIZERS)
