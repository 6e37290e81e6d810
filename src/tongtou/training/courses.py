"""The way of a run through its data: all of it in one session, or window by window."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tongtou import evaluation
from tongtou.engines import Engine, Session, Slice, Task
from tongtou.training.examples import Material
from tongtou.training.windows import WINDOW_BYTES, Windows, blocks, loaded

if TYPE_CHECKING:
    from tongtou.network import Network

Measured: TypeAlias = tuple[NDArray[Any], NDArray[Any], NDArray[np.float64] | None]
"""Z[L] of some held-out examples, their answers, their weights."""


class Course(Protocol):
    """What the loop knows of engine and data; steps are counted from the start of the run."""

    steps_per_epoch: int

    def enter(self, step: int) -> None:
        """Get ready for this step; what takes long happens here."""

    def room(self, step: int) -> int:
        """Return how many steps from this one on `advance` may make in one call."""

    def advance(self, step: int, rates: NDArray[np.float64], threads: int) -> Slice:
        """Make len(rates) steps."""

    def held_out(self) -> Iterator[Measured]:
        """Evaluate the held-out examples with the parameters of now, part by part."""

    def snapshot(self) -> Any:
        """Return parameters and the optimiser's memory of now: arrays, or lists of such."""

    def restore(self, snapshot: Any) -> None:
        """Go back to a snapshot."""

    def batch_at(self, step: int) -> int:
        """Return the number of examples of a step's batch."""


def course_of(
    net: Network, engine: Engine, task: Task, material: Material, windows: Windows | None
) -> Course:
    """Return the way through this data."""
    if windows is None:
        return Whole(net, engine, task, material)
    return Streamed(net, engine, task, material, windows)


class Whole:
    """All examples in one session."""

    def __init__(self, net: Network, engine: Engine, task: Task, material: Material) -> None:
        self._net, self._engine, self._task, self._material = net, engine, task, material
        self._made: Session | None = None
        self.steps_per_epoch = task.steps_per_epoch

    @property
    def _session(self) -> Session:
        assert self._made is not None, "enter comes first"
        return self._made

    def enter(self, step: int) -> None:
        """Prepare the session, once."""
        if self._made is None:
            self._made = self._engine.prepare(self._net, self._task)

    def room(self, step: int) -> int:
        """Up to the end of the epoch."""
        return self.steps_per_epoch - step % self.steps_per_epoch

    def advance(self, step: int, rates: NDArray[np.float64], threads: int) -> Slice:
        """Make len(rates) steps."""
        return self._session.advance(step, rates, threads)

    def held_out(self) -> Iterator[Measured]:
        """All of them at once."""
        held, weights = self._material.held, self._material.held_weights
        yield (
            self._session.weighted_sums(held),
            self._material.y[held],
            None if weights is None else weights[held],
        )

    def snapshot(self) -> Any:
        """Of the session."""
        return self._session.snapshot()

    def restore(self, snapshot: Any) -> None:
        """Of the session."""
        self._session.restore(snapshot)

    def batch_at(self, step: int) -> int:
        """The last batch of an epoch may be partial."""
        n, size = len(self._task.rows), self._task.batch_size
        return min(size, n - step % self.steps_per_epoch * size)


class Streamed:
    """One window in memory at a time; the state of the optimiser goes along from one to the next.

    A session numbers its steps by itself, so a visit passes it ``visit * steps of the window`` as
    the first: then each visit is an epoch of its own to the session, and draws its own order,
    dropout, noise and alterations.
    """

    def __init__(
        self, net: Network, engine: Engine, task: Task, material: Material, windows: Windows
    ) -> None:
        self._net, self._engine, self._task, self._material = net, engine, task, material
        self._windows = windows
        self._session: Session | None = None
        self._window = -1
        self._state: Any = None
        self._order: tuple[int, list[int]] = (-1, [])
        self.steps_per_epoch = windows.steps_per_epoch

    def _at(self, step: int) -> tuple[int, int, int]:
        """Return the number of the visit, the window, and the step within it."""
        windows = self._windows
        epoch, left = divmod(step, self.steps_per_epoch)
        if self._order[0] != epoch:
            self._order = epoch, windows.order(epoch).tolist()
        for place, window in enumerate(self._order[1]):
            if left < windows.steps_of(window):
                return epoch * windows.n_windows + place, window, left
            left -= windows.steps_of(window)
        raise AssertionError("an epoch has no more steps than its windows together")

    def enter(self, step: int) -> None:
        """Prepare the session of the window in which this step lies."""
        window = self._at(step)[1]
        if window == self._window and self._session is not None:
            return
        if self._session is not None:
            # Let go of the old window before the new one takes memory. The state is kept here, so
            # that Ctrl-C meanwhile loses nothing.
            self._state, self._session = self._session.snapshot(), None
        session = self._engine.prepare(self._net, self._task_of(window))
        if self._state is not None:
            session.restore(self._state)
        self._session, self._window = session, window

    def _task_of(self, window: int) -> Task:
        rows = self._windows.rows_of(window)
        begin, end = int(rows[0]), int(rows[-1]) + 1
        weights = self._material.weights
        return replace(
            self._task,
            X=loaded(self._material.X, begin, end, self._net.blueprint),
            y=self._material.y[begin:end],
            rows=rows - np.uint32(begin),
            weights=None if weights is None else weights[begin:end],
            batch_size=min(self._task.batch_size, len(rows)),
        )

    def room(self, step: int) -> int:
        """Up to the end of the window."""
        _, window, within = self._at(step)
        return self._windows.steps_of(window) - within

    def advance(self, step: int, rates: NDArray[np.float64], threads: int) -> Slice:
        """Make len(rates) steps within one window."""
        self.enter(step)
        assert self._session is not None
        visit, window, within = self._at(step)
        first = visit * self._windows.steps_of(window) + within
        return self._session.advance(first, rates, threads)

    def held_out(self) -> Iterator[Measured]:
        """Piece by piece, so that memory stays bounded."""
        net, material = self._net, self._material
        X, y = (material.X, material.y) if material.own is None else material.own
        for begin, end in blocks(X, net.blueprint, WINDOW_BYTES // 4):
            if material.own is None:
                lo, hi = np.searchsorted(material.held, (begin, end))
                rows = material.held[lo:hi]
                if not len(rows):
                    continue
                inputs = loaded(X, begin, end, net.blueprint)[rows - np.uint32(begin)]
                weights = material.held_weights
                answers, w = y[rows], None if weights is None else weights[rows]
            else:
                inputs, answers, w = loaded(X, begin, end, net.blueprint), y[begin:end], None
            yield (
                evaluation.outputs(
                    net.blueprint, net._plan, net._parameters, inputs, before_activation=True
                ),
                answers,
                w,
            )

    def snapshot(self) -> Any:
        """Of the session, or what it left behind."""
        return self._state if self._session is None else self._session.snapshot()

    def restore(self, snapshot: Any) -> None:
        """Of the session, or for the next one."""
        if self._session is None:
            self._state = snapshot
        else:
            self._session.restore(snapshot)

    def batch_at(self, step: int) -> int:
        """The last batch of a window may be partial."""
        _, window, within = self._at(step)
        n = len(self._windows.rows_of(window))
        return min(self._task.batch_size, n - within * self._task.batch_size)
