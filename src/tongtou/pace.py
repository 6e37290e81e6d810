"""How many steps a slice gets, and how many threads: measured while training goes on.

Neither changes a bit of the result, so both may follow the clock.
"""

from __future__ import annotations

import os

LONGEST_S = 0.05
"""Seconds a slice may take: between slices live Ctrl-C, progress and time budgets."""

AIMED_S = 0.03
_TRIAL_S = 0.002
_TRIALS = 3
_PATIENCE = 3
"""So many slices in a row must be slower than one thread was: one alone may be chance."""
_QUICK_S = 25e-6
"""Steps shorter than this are left to one thread: meeting at barriers and fetching each other's
numbers costs as much, and to try it would cost more."""
_AGAIN = 128
"""After so many slices, about four seconds, both are tried again: other processes come and go."""


def usable_cores() -> int:
    """Return the number of processor cores this process may run on."""
    return len(os.sched_getaffinity(0))


class Pace:
    """Chooses the length of slices and the number of threads from the times of those before.

    The first slices are short, two with one thread and then one and `threads` in turns; then the
    faster stays, one thread where steps are very short. If later slices with several threads fall
    behind one thread's time (another process has taken a core), the run goes back to one; every
    few seconds both are tried again.

    Parameters
    ----------
    threads : int
        The most threads to use.
    """

    def __init__(self, threads: int) -> None:
        self._most = threads
        self._step_s = {1: 0.0, threads: 0.0}
        self._trials = {1: 0, threads: 0}
        self._chosen = 0 if threads > 1 else 1
        self._behind = 0
        self._since = 0
        self.last = 1

    def next_slice(self) -> tuple[int, int]:
        """Return the number of steps and of threads of the next slice."""
        if self._chosen:
            return self._steps(self._chosen, AIMED_S), self._chosen
        one_first = self._trials[1] < 2 or self._trials[1] <= self._trials[self._most]
        threads = 1 if one_first else self._most
        return self._steps(threads, _TRIAL_S), threads

    def record(self, n_steps: int, threads: int, seconds: float) -> None:
        """Take note of a finished slice."""
        self.last = threads
        step_s = seconds / n_steps
        known = self._step_s[threads]
        if self._chosen:
            # after a slice that was too long the next one is shorter at once
            follow = 1.0 if seconds > LONGEST_S or not known else 0.2
            self._step_s[threads] = known + follow * (step_s - known)
            self._behind = self._behind + 1 if step_s > 1.1 * self._step_s[1] else 0
            if threads > 1 and self._behind >= _PATIENCE:
                self._chosen = 1
                self._step_s[1] = step_s * threads  # at worst: begin again with short slices
            self._since += 1
            if self._most > 1 and self._since >= _AGAIN:
                self._chosen, self._since = 0, 0
                self._trials = dict.fromkeys(self._trials, 0)
            return
        self._trials[threads] += 1
        # the first is colder than those after it, which take its place
        self._step_s[threads] = min(step_s, known) if self._trials[threads] > 2 else step_s
        if self._trials[1] == 2 and self._step_s[1] < _QUICK_S:
            self._chosen = 1
        elif min(self._trials.values()) >= _TRIALS:
            faster = self._step_s[self._most] < 0.95 * self._step_s[1]
            self._chosen = self._most if faster else 1

    def _steps(self, threads: int, seconds: float) -> int:
        step_s = self._step_s[threads] or self._step_s[1]
        return max(1, int(seconds / step_s)) if step_s else 1
