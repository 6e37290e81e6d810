"""The schedule that looks at how training goes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from tongtou.schedules.base import Schedule
from tongtou.settings import checked_number, checked_whole

_NOTHING_SEEN: dict[str, Any] = {"best": None, "waited": 0, "reductions": 0}


@dataclass(frozen=True)
class ReduceOnPlateau(Schedule):
    """Smaller when the loss no longer falls.

    ::

        eta = max(eta_0 factor^k, minimum)

    k grows by 1 when more than `patience` epochs in a row have not brought the loss below the best
    so far minus `min_delta`; then the counting of epochs begins again.

    Parameters
    ----------
    rate : float
        eta_0.
    factor : float
        What a reduction multiplies the rate by, above 0 and below 1.
    patience : int
        Epochs without improvement that are borne, 0 or more.
    min_delta : float
        How much less than the best a loss must be to count as better, 0 or more.
    minimum : float
        The rate goes no lower; 0 … eta_0.

    Notes
    -----
    `observe` is called after each epoch with the validation loss, or with the training loss where
    nothing is held out. As PyTorch's ``ReduceLROnPlateau`` with ``threshold_mode="abs"`` (its
    default is relative); Keras reduces after `patience` epochs, one earlier. A loss that is not a
    number counts as no improvement.

    Examples
    --------
    >>> schedule = ReduceOnPlateau(0.1, factor=0.5, patience=1)
    >>> for loss in (1.0, 0.9, 0.9, 0.9):
    ...     schedule.observe(loss)
    >>> schedule.rates(0, 2, 10, 100)
    array([0.05, 0.05])
    """

    name: ClassVar[str] = "reduce_on_plateau"

    factor: float = 0.5
    patience: int = 3
    min_delta: float = 1e-4
    minimum: float = 0.0
    _seen: dict[str, Any] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(
            self, "factor", checked_number("factor", self.factor, 0, 1, above=True, below=True)
        )
        object.__setattr__(self, "patience", checked_whole("patience", self.patience, 0))
        object.__setattr__(self, "min_delta", checked_number("min_delta", self.min_delta, 0))
        minimum = checked_number("minimum", self.minimum, 0, self.rate)
        object.__setattr__(self, "minimum", minimum)
        object.__setattr__(self, "_seen", dict(_NOTHING_SEEN))

    def observe(self, value: float) -> None:
        """Take note of the loss after an epoch."""
        seen = self._seen
        best = math.inf if seen["best"] is None else seen["best"]
        if value < best - self.min_delta and math.isfinite(value):
            seen["best"], seen["waited"] = float(value), 0
            return
        seen["waited"] += 1
        if seen["waited"] > self.patience:
            seen["reductions"], seen["waited"] = seen["reductions"] + 1, 0

    def fresh(self) -> Schedule:
        """Return a copy that has observed nothing, so that a schedule can serve two runs."""
        return replace(self)

    def state(self) -> dict[str, Any]:
        """Return the best loss (None before the first), epochs waited and reductions made."""
        return dict(self._seen)

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go back to what `state` returned.

        Raises
        ------
        ValueError
            It is something else.
        """
        if set(state) != set(_NOTHING_SEEN):
            raise ValueError(
                f"the state of reduce_on_plateau holds {', '.join(_NOTHING_SEEN)}; got {state!r}."
            )
        best = state["best"]
        found = {
            "best": None if best is None else checked_number("best", best, -math.inf),
            "waited": checked_whole("waited", state["waited"], 0),
            "reductions": checked_whole("reductions", state["reductions"], 0),
        }
        self._seen.update(found)

    def _rates(self, t: NDArray[np.float64], per_epoch: float, N: float) -> NDArray[np.float64]:
        eta = max(self.rate * self.factor ** self._seen["reductions"], self.minimum)
        return np.full(len(t), eta)
