"""Making the steps of a recorded run once more."""

from __future__ import annotations

import time
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tongtou.errors import DataError
from tongtou.pace import Pace
from tongtou.training.courses import course_of

if TYPE_CHECKING:
    from tongtou.network import Network
    from tongtou.training.legs import Kept, Leg
    from tongtou.training.rates import Rates


class Player:
    """A network of its own, moved to and fro along a leg.

    Attributes
    ----------
    net : Network
        As the run's was after `step` steps.
    step : int
        -1 before the first call of `go`.
    """

    def __init__(self, leg: Leg) -> None:
        leg.check_same()
        self._leg = leg
        self.net: Network = leg.net.copy()
        self.net.history, self.net.recipe = None, dict(leg.recipe)
        self._course = course_of(self.net, leg.engine, leg.task, leg.material, leg.windows)
        self._rates: tuple[int, Rates] | None = None
        self._pace = Pace(1)
        self.step = -1

    def go(self, step: int) -> Network:
        """Return the network as it was after this many steps; the same object each time.

        Raises
        ------
        ValueError
            There is no such step, or nothing was kept of it, or another kernel is in use.
        DataError
            The examples are not what they were while training.
        """
        self._leg.check_same()
        mark = self._mark_of(step)
        ahead = self.step > mark.step or (self.step == mark.step and not mark.edited)
        if not ahead or self.step > step:
            self._back_to(mark)
        self._on_to(step)
        return self.net

    def verify(self) -> int:
        """Go from each copy to the next, compare, and return the steps made."""
        self._leg.check_same()
        marks, made = self._leg.marks, 0
        for mark, following in pairwise(marks):
            self._back_to(mark)
            self._on_to(following.step)
            made += following.step - mark.step
            if not following.edited and not _same(self._course.snapshot(), following.snapshot):
                raise DataError(
                    f"made once more, step {following.step} differs from the run. The examples, or "
                    "the kernel, are not what they were; nothing before it can be trusted."
                )
        if marks:
            self._back_to(marks[-1])
            self._on_to(self._leg.n_steps)
            made += self._leg.n_steps - marks[-1].step
        return made

    def _mark_of(self, step: int) -> Kept:
        """Return the last copy at or before a step."""
        leg = self._leg
        found = [mark for mark in leg.marks if mark.step <= step]
        if not found or step > leg.n_steps:
            kept = f"{leg.marks[0].step} … {leg.n_steps}" if leg.marks else "none any more"
            raise ValueError(f"step must be one of those recorded, {kept}; it is {step}.")
        return found[-1]

    def _back_to(self, mark: Kept) -> None:
        self.step = -1  # should somebody press Ctrl-C meanwhile
        self._course.enter(mark.step)
        self._course.restore(mark.snapshot)
        self.step = mark.step

    def _on_to(self, step: int) -> None:
        while self.step < step:
            here, self.step = self.step, -1
            self._course.enter(here)
            n = min(self._pace.next_slice()[0], self._course.room(here), step - here)
            rates = self._rates_of(here, n)
            began = time.perf_counter()
            self._course.advance(here, rates, 1)
            self._pace.record(n, 1, time.perf_counter() - began)
            self.step = here + n

    def _rates_of(self, step: int, n: int) -> NDArray[np.float64]:
        leg = self._leg
        epoch = step // leg.steps_per_epoch
        number = max(k for k, (since, _) in enumerate(leg.schedule_states) if since <= epoch)
        if self._rates is None or self._rates[0] != number:
            self._rates = number, leg.rates_after(leg.schedule_states[number][1])
        return self._rates[1].of(step, n)


def _same(one: Any, other: Any) -> bool:
    """Return whether two snapshots have the same bits."""
    if isinstance(one, np.ndarray):
        return bool(one.tobytes() == other.tobytes())
    return all(_same(a, b) for a, b in zip(one, other, strict=True))
