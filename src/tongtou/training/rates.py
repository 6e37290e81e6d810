"""The rates of each step, the same to the last bit however the steps are cut into slices."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tongtou.optimizers import Optimizer

_BLOCK = 256


class Rates:
    """What schedule and optimiser say of each step.

    NumPy's powers and cosines of many numbers may differ in the last bit from those of one. So
    rates are always computed for the same blocks of steps, counted from the start of an epoch, and
    slices are cut out of these.

    Parameters
    ----------
    optimizer : Optimizer
    steps_per_epoch, n_steps : int
        Of an epoch and of the whole run.
    """

    def __init__(self, optimizer: Optimizer, steps_per_epoch: int, n_steps: int) -> None:
        self.schedule = optimizer.schedule.fresh()
        self._optimizer = optimizer
        self._per_epoch, self._n_steps = steps_per_epoch, n_steps
        self._block: tuple[int, NDArray[np.float64]] = (-1, np.empty((0, 4)))

    def of(self, first: int, n: int) -> NDArray[np.float64]:
        """Return the rates (n, 4) of n steps, all of one epoch."""
        found, at = [], first
        while at < first + n:
            begin, block = self._block_of(at)
            taken = block[at - begin : first + n - begin]
            found.append(taken)
            at += len(taken)
        return found[0] if len(found) == 1 else np.concatenate(found)

    def observe(self, value: float) -> None:
        """Tell the schedule how the epoch went; the rates of later epochs may change."""
        self.schedule.observe(value)
        self._block = (-1, np.empty((0, 4)))

    def _block_of(self, step: int) -> tuple[int, NDArray[np.float64]]:
        epoch, within = divmod(step, self._per_epoch)
        within -= within % _BLOCK
        begin = epoch * self._per_epoch + within
        if begin != self._block[0]:
            n = min(_BLOCK, self._per_epoch - within)
            eta = self.schedule.rates(begin, n, self._per_epoch, self._n_steps)
            self._block = begin, np.ascontiguousarray(self._optimizer.rates(begin, eta))
        return self._block
