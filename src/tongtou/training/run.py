"""The loop: slices of steps, gathered into epochs, until something says stop."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from numpy.typing import NDArray

from tongtou.boundary import all_finite
from tongtou.history import EpochRecord, History
from tongtou.stopping import EarlyStopping, Stopping
from tongtou.training.courses import Course
from tongtou.training.divergence import gone_back
from tongtou.training.gathered import Gathered, Part, epoch_means, measured
from tongtou.training.rates import Rates
from tongtou.training.trail import Trail

if TYPE_CHECKING:
    from tongtou.engines import Task
    from tongtou.network import Network
    from tongtou.training.tape import Recording

Callback = Callable[[EpochRecord], "bool | None"]


class PaceLike(Protocol):
    """What the loop asks of `tongtou.pace.Pace`."""

    last: int

    def next_slice(self) -> tuple[int, int]:
        """Return steps and threads of the next slice."""

    def record(self, n_steps: int, threads: int, seconds: float) -> None:
        """Take note of a finished slice."""


class Keeper(Protocol):
    """What the loop asks of whoever writes checkpoints."""

    def room(self, step: int) -> int:
        """Return after how many steps the next checkpoint is due, at most."""

    def look(self, run: Run) -> bool:
        """Write one if it is due; return whether training may go on."""


@dataclass(frozen=True)
class Orders:
    """What the loop was told.

    Attributes
    ----------
    epochs : int
    stops : tuple of Stopping
    callback : callable or None
    n_train, n_held : int
        Examples learnt from and held out.
    labelled : bool
        Whether there are classes, and so accuracies.
    """

    epochs: int
    stops: tuple[Stopping, ...]
    callback: Callback | None
    n_train: int
    n_held: int
    labelled: bool


class Run:
    """One call of `fit`.

    Attributes
    ----------
    history : History
    gathered : Gathered
        The epoch under way.
    memories : list of dict
        What each stopping condition remembers.
    best : ndarray or None
        The parameters of the best epoch, where they are to come back.
    earlier_s : float
        Seconds that `fit` had taken before it was resumed.
    settled : bool
        False for the moment in which the end of an epoch is noted down.
    tape : Recording or None
        What the run is recorded on.
    """

    def __init__(
        self,
        net: Network,
        task: Task,
        course: Course,
        orders: Orders,
        rates: Rates,
        history: History,
        pace: PaceLike,
        began: float,
    ) -> None:
        self.net, self.task, self.course, self.orders = net, task, course, orders
        self.rates, self.history, self.pace = rates, history, pace
        self.gathered = Gathered()
        self.memories: list[dict[str, Any]] = [{} for _ in orders.stops]
        self.best: NDArray[Any] | None = None
        self.settled = True
        self.earlier_s = 0.0
        self.trail = Trail(course)
        self.tape: Recording | None = None
        self._began = began

    @property
    def elapsed_s(self) -> float:
        """Seconds since `fit` began, those before a resume included."""
        return self.earlier_s + time.perf_counter() - self._began

    def go(self, keeper: Keeper | None, show: Callable[[int, Run], None] | None) -> None:
        """Make steps until something says stop; `history.stopped_by` then says what."""
        history = self.history
        reason = ""
        try:
            if keeper and not keeper.look(self):
                reason = "checkpoint failed"
            elif not self._epoch_ended():  # as it has where Ctrl-C came while validating
                reason = self._reason("")
            while not reason:
                if not self._epoch_ended():
                    n_steps, threads = self.pace.next_slice()
                    self._slice(min(n_steps, self._room(keeper)), threads)
                fired = self._end_of_epoch() if self._epoch_ended() else ""
                if show:
                    show(history.n_steps, self)
                reason = self._reason(fired)
                if not reason and keeper and not keeper.look(self):
                    reason = "checkpoint failed"
        except KeyboardInterrupt:
            # Python hears of the key as soon as `advance` returns, before its result is taken note
            # of: such a slice is undone, so that the network is what the history says.
            if self.trail.begun_at == history.n_steps:
                self.trail.back_to(history.n_steps)
                self.gathered.back_to(history.n_steps)
            reason = "interrupted"
        finally:
            history.threads = self.pace.last
        history.stopped_by = reason

    def bring_back_best(self) -> None:
        """Give the network the parameters of the best epoch, where that was asked for."""
        for one, memory in zip(self.orders.stops, self.memories, strict=True):
            if isinstance(one, EarlyStopping):
                self.history.best_epoch = memory.get("best_epoch")
        if self.best is not None:
            self.net._parameters[...] = self.best

    def _epoch_ended(self) -> bool:
        per_epoch = self.course.steps_per_epoch
        return self.history.n_steps // per_epoch > len(self.history.epochs)

    def _room(self, keeper: Keeper | None) -> int:
        """Return how many steps the next slice may have: what is due must not be passed by."""
        step = self.history.n_steps
        least = [self.course.room(step)]
        least += [n - step for one in self.orders.stops if (n := one.last_step()) is not None]
        if keeper:
            least.append(keeper.room(step))
        return min(least)

    def _slice(self, n_steps: int, threads: int) -> None:
        step = self.history.n_steps
        began = time.perf_counter()
        self.course.enter(step)
        rates = self.rates.of(step, n_steps)
        self.trail.note(step, rates)
        started = time.perf_counter()
        done = self.course.advance(step, rates, threads)
        ended = time.perf_counter()
        # A parameter can be infinite behind finite losses: where its input was 0 in each batch so
        # far, where a saturated neuron hides it, or after the very last step.
        if done.diverged or not all_finite(self.net._parameters):
            raise gone_back(self, step + done.n_done, done.diverged)
        self.pace.record(n_steps, threads, ended - started)
        self.gathered.parts.append(Part.of(step, done, ended - began))
        self.history.n_steps = step + n_steps

    def _end_of_epoch(self) -> str:
        """Measure and record the epoch; return why to stop, or nothing."""
        orders, history = self.orders, self.history
        val_loss = val_accuracy = None
        if orders.n_held:
            val_loss, val_accuracy = measured(self.net, self.course.held_out())
        record = EpochRecord(
            epoch=len(history.epochs) + 1,
            val_loss=val_loss,
            val_accuracy=val_accuracy,
            seconds=self.gathered.seconds,
            learning_rate=float(self.rates.of(history.n_steps - 1, 1)[0, 0]),
            time_s=self.elapsed_s,
            **epoch_means(
                self.gathered,
                self.course,
                orders.n_train,
                self.task.weights is not None,
                orders.labelled,
                self.task.measure_gradient or self.task.optimizer.clip_norm is not None,
            ),
        )
        self.settled = False
        history.epochs.append(record)
        self.gathered = Gathered()
        self.rates.observe(record.loss if val_loss is None else val_loss)
        if self.tape:
            self.tape.legs[-1].schedule_observed(record.epoch, self.rates.schedule.state())
        fired = [
            one.reason
            for one, memory in zip(orders.stops, self.memories, strict=True)
            if one.after_epoch(record, memory)
        ]
        self._keep_best()
        self.settled = True
        if orders.callback and self._called_back(orders.callback, record):
            fired.append("callback")
        return fired[0] if fired else ""

    def _called_back(self, callback: Callback, record: EpochRecord) -> bool:
        """Call it; where the run is recorded, notice when it sets parameters."""
        before = self.net._parameters.tobytes() if self.tape else b""
        stop = bool(callback(record))
        if self.tape and self.net._parameters.tobytes() != before:
            self.tape.edited(self.history.n_steps, self.course.snapshot())
        return stop

    def _keep_best(self) -> None:
        for one, memory in zip(self.orders.stops, self.memories, strict=True):
            if (
                isinstance(one, EarlyStopping)
                and one.restore_best
                and memory.get("best_epoch") == len(self.history.epochs)
            ):
                self.best = self.net._parameters.copy()

    def _reason(self, fired: str) -> str:
        """Return why to stop now: in the order of the conditions, then the callback, the end."""
        history, reasons = self.history, []
        for one in self.orders.stops:
            last = one.last_step()
            if (
                one.reason == fired
                or (last is not None and history.n_steps >= last)
                or one.time_is_up(self.elapsed_s)
            ):
                reasons.append(one.reason)
        if fired:
            reasons.append(fired)
        if history.n_steps >= self.orders.epochs * self.course.steps_per_epoch:
            reasons.append("epochs")
        return reasons[0] if reasons else ""
