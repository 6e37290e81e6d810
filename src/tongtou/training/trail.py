"""The way back: states along the run from which later steps can be made once more, bit for bit."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tongtou.training.courses import Course

_MOST_SHARE = 0.05
"""Of the time, for copying states: those of a wide network take a while."""


@dataclass(frozen=True)
class Mark:
    """The state before a step."""

    step: int
    snapshot: Any


class Trail:
    """Two marks, and the slices made since the older one.

    A slice is noted before it is made. Whatever happens then (Ctrl-C, a loss that is not finite)
    can be undone: back to a mark, and from there along the same steps at the same rates.

    Attributes
    ----------
    keep : callable or None
        Told of each new mark; where the run is recorded.
    """

    def __init__(self, course: Course) -> None:
        self._course = course
        self.keep: Callable[[Mark], None] | None = None
        self._marks: list[Mark] = []
        self._slices: list[tuple[int, NDArray[np.float64]]] = []
        self._marked_at = self._cost_s = 0.0

    def note(self, step: int, rates: NDArray[np.float64]) -> None:
        """Take note of a slice that is about to be made from this step on."""
        now = time.perf_counter()
        if not self._marks or (now - self._marked_at) * _MOST_SHARE >= self._cost_s:
            # the mark before is kept: the last step of the slice before may be the one to take back
            self._marks = [*self._marks[-1:], Mark(step, self._course.snapshot())]
            self._slices = [one for one in self._slices if one[0] >= self._marks[0].step]
            self._marked_at = time.perf_counter()
            self._cost_s = self._marked_at - now
            if self.keep:
                self.keep(self._marks[-1])
        self._slices.append((step, rates))

    @property
    def begun_at(self) -> int:
        """The first step of the slice that was noted last; -1 before the first."""
        return self._slices[-1][0] if self._slices else -1

    @property
    def earliest(self) -> int:
        """The first step that can be made once more."""
        return self._slices[0][0]

    def slice_of(self, step: int) -> int:
        """Return the first step of the last slice that does not begin behind this step."""
        return max(first for first, _ in self._slices if first <= step)

    def rates_at(self, step: int) -> NDArray[np.float64]:
        """Return the rates (1, 4) of one of the steps; behind the last, those of the last."""
        first, rates = next(one for one in reversed(self._slices) if one[0] <= step)
        at = min(step - first, len(rates) - 1)
        return rates[at : at + 1]

    def back_to(self, step: int) -> None:
        """Bring back the state before this step."""
        mark = next(one for one in reversed(self._marks) if one.step <= step)
        self._course.restore(mark.snapshot)
        for first, rates in self._slices:
            if mark.step <= first < step:
                self._course.advance(first, rates[: step - first], 1)
