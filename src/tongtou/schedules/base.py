"""What all schedules share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from tongtou.settings import checked_number, rebuilt, settings_of


@dataclass(frozen=True)
class Schedule(ABC):
    """The learning rate of every step.

    Parameters
    ----------
    rate : float
        eta_0, above 0: the largest rate of the schedule.

    Attributes
    ----------
    name : str
        How descriptions call it.
    """

    name: ClassVar[str]

    rate: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "rate", checked_number("rate", self.rate, 0, above=True))

    @property
    def initial(self) -> float:
        """eta_0, the rate that all others are a share of."""
        return self.rate

    def rates(
        self, first_step: int, n_steps: int, steps_per_epoch: int, n_steps_total: int
    ) -> NDArray[np.float64]:
        """Return eta of the steps first_step … first_step + n_steps - 1.

        Parameters
        ----------
        first_step : int
            Counted from 0, the start of the run.
        n_steps : int
        steps_per_epoch : int
        n_steps_total : int
            N, the steps of the whole run.

        Returns
        -------
        ndarray of float64, shape (n_steps,)
        """
        t = np.arange(first_step, first_step + n_steps, dtype=np.float64)
        return self._rates(t, float(steps_per_epoch), float(n_steps_total))

    @abstractmethod
    def _rates(self, t: NDArray[np.float64], per_epoch: float, N: float) -> NDArray[np.float64]:
        """Return eta of the steps t."""

    def observe(self, value: float) -> None:
        """Take note of the loss after an epoch; only `ReduceOnPlateau` does something with it."""
        return

    def fresh(self) -> Schedule:
        """Return the schedule as it is before training: one that has observed nothing."""
        return self

    def state(self) -> dict[str, Any]:
        """Return what has been observed, ready for JSON; {} where nothing is."""
        return {}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go back to what `state` returned."""
        return

    def describe(self) -> dict[str, Any]:
        """Return the JSON-ready description; settings at their defaults are left out."""
        return {"name": self.name, **settings_of(self)}

    @staticmethod
    def from_description(description: Mapping[str, Any]) -> Schedule:
        """Return the schedule that `describe` described.

        Raises
        ------
        ValueError
            The name or a setting is unknown or out of its range.
        """
        from tongtou.schedules import SCHEDULES

        return rebuilt(description, "schedule", SCHEDULES)
