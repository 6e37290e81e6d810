"""The training loop: order, batches, validation, stopping, divergence → History."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tongtou import evaluation, randomness
from tongtou.boundary import Examples, all_finite, checked_examples, dense_answers
from tongtou.datasets.dataset import Dataset
from tongtou.engines import Engine, Session, Task
from tongtou.engines import engine as engine_of
from tongtou.errors import DataError, DivergedError, ShapeError
from tongtou.history import EpochRecord, History
from tongtou.optimizers import SGD
from tongtou.pace import Pace, usable_cores

if TYPE_CHECKING:
    from tongtou.network import Network


def fit(
    net: Network,
    data: Examples,
    *,
    optimizer: SGD = SGD(),  # noqa: B008 - frozen
    batch_size: int = 32,
    epochs: int = 10,
    validation: float | int | Examples | None = None,
    shuffle: bool = True,
    threads: int | None = None,
    progress: bool | None = None,
    seed: int = 0,
    engine: str | None = None,
    callback: Callable[[EpochRecord], bool | None] | None = None,
) -> History:
    """Train a network in place.

    ::

        for each epoch:  for each batch B of the shuffled examples:
            theta = theta - eta * dC/dtheta,     C = (1/|B|) sum of C_i over B

    The last partial batch of an epoch is used, with the mean over its own size.

    Parameters
    ----------
    net : Network
        Trained in place; afterwards `net.history` and `net.recipe` tell how.
    data : Dataset or (X, y)
        X (n, n_in), y class numbers (n,) or targets (n, n_out).
    optimizer : SGD
    batch_size : int
        1 … ; more than the examples means all of them, which is gradient descent.
    epochs : int
        Passes over the examples.
    validation : float, int, Dataset or (X, y), optional
        A share of the data to hold out (0 < share < 1), a number of examples, or examples of
        their own. They are measured after each epoch and never learnt from.
    shuffle : bool
        A new order in each epoch, a function of seed and epoch alone.
    threads : int, optional
        The most threads to use; the loop measures whether several are faster than one. All usable
        cores by default. The result does not depend on it, to the last bit.
    progress : bool, optional
        Show a progress bar on standard error. By default where that is a terminal.
    seed : int
        Of the order of the examples and of the choice of those held out.
    engine : "native" or "reference", optional
        The kernel where there is one, by default.
    callback : callable, optional
        Called after each epoch with its EpochRecord, when the network is as that epoch left it;
        training stops when it returns something true.

    Returns
    -------
    History

    Raises
    ------
    ShapeError, DataError
        The data does not fit the network, or it or the network holds NaN or infinity; nothing was
        trained and nothing was changed.
    DivergedError
        The loss or a parameter left the finite numbers. The network keeps the last parameters
        whose loss was finite; `error.step` and `error.history` tell more.
    ValueError
        A setting is out of its range.

    Notes
    -----
    Ctrl-C ends training at a whole step: the network keeps what was learnt, but for the slice of
    at most 50 ms under way, and the history says ``stopped_by="interrupted"``.

    Examples
    --------
    >>> import tongtou as tt
    >>> mnist = tt.datasets.mnist()
    >>> net = tt.Network([784, 16, 16, 10], seed=0)
    >>> history = tt.fit(net, mnist.train, optimizer=tt.SGD(learning_rate=1.5), epochs=2,
    ...                  validation=5000, progress=False)
    >>> net.accuracy(mnist.test) > 0.9
    True
    """
    if not isinstance(optimizer, SGD):
        raise ValueError(f"optimizer must be tt.SGD(learning_rate=…); got {optimizer!r}.")
    batch_size = _whole("batch_size", batch_size, 1)
    epochs = _whole("epochs", epochs, 0)
    seed = randomness.checked_seed(seed)
    most = _whole("threads", threads, 1) if threads is not None else usable_cores()
    chosen = engine_of(engine)
    X, y = _pair(data, net)
    _check_network(net, data)
    rows, held, X, y = _split(X, y, validation, net, chosen, seed)
    history = History(n_train=len(rows), n_validation=len(held))
    history.engine = evaluation.kernel_name() if chosen.name == "native" else chosen.name
    started = time.perf_counter()
    task = Task(X, y, rows, min(batch_size, len(rows)), seed, shuffle)
    session = chosen.prepare(net, task)
    history.prepare_s = time.perf_counter() - started
    _adopt(net, data, task, optimizer, epochs, history)
    pace = Pace(min(most, _most_threads()) if chosen.threads else 1)
    run = _Run(net, task, session, held, optimizer, history, pace)
    bar = _progress(progress, epochs, task.steps_per_epoch)
    with bar as show:
        run.go(epochs, show, callback)
    return history


class _Run:
    """One call of `fit`: slices of steps, gathered into epochs."""

    def __init__(
        self,
        net: Network,
        task: Task,
        session: Session,
        held: NDArray[np.uint32],
        optimizer: SGD,
        history: History,
        pace: Pace,
    ) -> None:
        self.net, self.task, self.session, self.held = net, task, session, held
        self.history, self.pace = history, pace
        self.rate = optimizer.learning_rate
        self.losses: list[NDArray[np.float64]] = []
        self.correct = 0
        self.seconds = 0.0
        # parameters at the start of this slice and of the one before, with their steps
        self.snapshots: list[tuple[int, Any]] = [(0, session.snapshot())]

    def go(
        self, epochs: int, show: Any, callback: Callable[[EpochRecord], bool | None] | None
    ) -> None:
        """Make the steps of all epochs, or stop at Ctrl-C or at the callback's word."""
        history, per_epoch = self.history, self.task.steps_per_epoch
        try:
            while history.n_steps < epochs * per_epoch:
                n_steps, threads = self.pace.next_slice()
                self._slice(min(n_steps, per_epoch - history.n_steps % per_epoch), threads)
                if history.n_steps % per_epoch == 0:
                    self._end_of_epoch(history.n_steps // per_epoch)
                if show:
                    show(history.n_steps, self)
                ended = history.n_steps % per_epoch == 0
                if callback and ended and callback(history.epochs[-1]):
                    history.stopped_by = "callback"
                    return
            history.stopped_by = "epochs"
        except KeyboardInterrupt:
            # Python hears of the key as soon as `advance` returns, before its result is taken note
            # of: such a slice is undone, so that the network is what the history says.
            at, snapshot = self.snapshots[-1]
            if at == history.n_steps:
                self.session.restore(snapshot)
            history.stopped_by = "interrupted"
        finally:
            history.threads = self.pace.last

    def _slice(self, n_steps: int, threads: int) -> None:
        step = self.history.n_steps
        self.snapshots = [self.snapshots[-1], (step, self.session.snapshot())]
        started = time.perf_counter()
        done = self.session.advance(step, self._eta(n_steps), threads)
        seconds = time.perf_counter() - started
        # A parameter can be infinite behind finite losses: where its input was 0 in each batch so
        # far, where a saturated neuron hides it, or after the very last step.
        if done.diverged or not all_finite(self.net._parameters):
            raise self._diverged(step + done.n_done, done.diverged)
        self.pace.record(n_steps, threads, seconds)
        self.losses.append(done.losses)
        self.correct += int(done.correct.sum())
        self.seconds += seconds
        self.history.n_steps = step + n_steps

    def _eta(self, n_steps: int) -> NDArray[np.float64]:
        return np.full(n_steps, self.rate)

    def _end_of_epoch(self, epoch: int) -> None:
        n = len(self.task.rows)
        labelled = self.task.y.ndim == 1
        val_loss = val_accuracy = None
        if len(self.held):
            z = self.session.weighted_sums(self.held)
            y = self.task.y[self.held]
            net = self.net
            val_loss = evaluation.mean_loss(
                net.loss_function, net.layers[-1].activation, z, dense_answers(y, net.sizes[-1])
            )
            if labelled:  # no activation changes which output is largest, but for ties of step
                val_accuracy = float((net.layers[-1].activation(z).argmax(1) == y).mean())
        self.history.epochs.append(
            EpochRecord(
                epoch=epoch,
                # summed at once: the sum of sums would depend on where the clock ended a slice
                loss=float(np.concatenate(self.losses).sum()) / n,
                accuracy=self.correct / n if labelled else None,
                val_loss=val_loss,
                val_accuracy=val_accuracy,
                seconds=self.seconds,
                learning_rate=self.rate,
            )
        )
        self.losses, self.correct, self.seconds = [], 0, 0.0

    def _diverged(self, step: int, by_loss: bool) -> DivergedError:
        """Go back to the last good parameters, and return the error that says so.

        After `step` steps the loss, or somewhere before a parameter, is not finite. The step
        before did the harm: replay up to it, and no further than parameters are finite.
        """
        last = max(step - 1, 0) if by_loss else step
        good, snapshot = next(one for one in reversed(self.snapshots) if one[0] <= last)
        self.session.restore(snapshot)
        while good < last:
            snapshot = self.session.snapshot()
            self.session.advance(good, self._eta(1), 1)
            if not all_finite(self.net._parameters):
                self.session.restore(snapshot)
                break
            good += 1
        history, per_epoch = self.history, self.task.steps_per_epoch
        history.n_steps = good
        del history.epochs[good // per_epoch :]  # an epoch whose last step was taken back
        history.stopped_by = "diverged"
        if step:
            said = (
                f"training diverged: after {good + 1} steps (epoch {good // per_epoch + 1}) the "
                f"loss is not finite. The network keeps its parameters after {good}. Use a smaller "
                f"learning rate than {self.rate:g}, and scale the inputs to about -1 … 1."
            )
        else:
            said = (
                "training cannot start: the loss of the first batch is not finite. The parameters "
                "are unchanged. Scale the inputs and targets to about -1 … 1, or start from "
                "smaller weights."
            )
        error = DivergedError(said)
        error.step = good + 1 if step else 0
        error.history = history
        return error


def _whole(name: str, value: Any, least: int) -> int:
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)):
        raise ValueError(f"{name} must be a whole number from {least} on; it is {value!r}.")
    if value < least:
        raise ValueError(f"{name} must be at least {least}; it is {value}.")
    return int(value)


def _most_threads() -> int:
    return int(evaluation.kernel.MAX_THREADS) if evaluation.kernel else 1


def _pair(data: Examples, net: Network) -> tuple[NDArray[Any], NDArray[Any]]:
    if isinstance(data, Dataset):
        return checked_examples(data, None, net.blueprint)
    if not isinstance(data, tuple) or len(data) != 2:
        raise ValueError("data must be a Dataset or a pair (X, y).")
    X, y = data
    return checked_examples(X, y, net.blueprint)


def _check_network(net: Network, data: Examples) -> None:
    """Refuse a network that cannot be trained, or whose outputs are not the classes of the data."""
    for number, layer in enumerate(net.layers, start=1):
        if not (all_finite(layer.W) and all_finite(layer.b)):
            raise DataError(
                f"the parameters of the network must be finite; layer {number} holds NaN or "
                "infinity. Set its W and b, or start again with net.initialize()."
            )
    n_out = net.sizes[-1]
    names = len(data.classes) if isinstance(data, Dataset) else 0
    if names and names != max(n_out, 2):
        raise ShapeError(
            f"the data has {names} classes but the network {n_out} outputs; build the network with "
            "one output a class (a single output serves two classes)."
        )


def _split(
    X: NDArray[Any],
    y: NDArray[Any],
    validation: float | int | Examples | None,
    net: Network,
    engine: Engine,
    seed: int,
) -> tuple[NDArray[np.uint32], NDArray[np.uint32], NDArray[Any], NDArray[Any]]:
    """Return rows to learn from, rows held out, and X and y that hold both."""
    n = len(X)
    if validation is None:
        return np.arange(n, dtype=np.uint32), np.empty(0, np.uint32), X, y
    if isinstance(validation, (Dataset, tuple)):
        X2, y2 = _pair(validation, net)
        if X2.dtype != X.dtype or y2.ndim != y.ndim:
            raise DataError(
                "validation must be of the kind that is learnt from: X "
                f"{X.dtype} and {X2.dtype}, y of {y.ndim} and {y2.ndim} dimensions."
            )
        both = np.arange(n + len(X2), dtype=np.uint32)
        return both[:n], both[n:], np.concatenate([X, X2]), np.concatenate([y, y2])
    number = isinstance(validation, (int, float, np.integer, np.floating))
    if not number or isinstance(validation, bool):
        raise ValueError(f"validation must be a share, a number or examples; it is {validation!r}.")
    n_held = 0
    if 0 < validation < 1:
        n_held = round(float(validation) * n)
    elif math.isfinite(validation) and validation == int(validation):
        # 1.0 looks like a share, which would be all of them
        n_held = 0 if isinstance(validation, float) and validation == 1 else int(validation)
    if not 0 < n_held < n:
        raise ValueError(
            f"validation must be a share between 0 and 1 or a number 1 … {n - 1} of the {n} "
            f"examples; it is {validation!r}."
        )
    order = engine.order(seed, 0, n, randomness.SPLIT)
    return np.sort(order[n_held:]), np.sort(order[:n_held]), X, y


def _adopt(
    net: Network, data: Examples, task: Task, optimizer: SGD, epochs: int, history: History
) -> None:
    """Tell the network what it is trained on, and how."""
    net.history = history
    net.recipe = {
        "optimizer": optimizer.describe(),
        "batch_size": task.batch_size,
        "epochs": epochs,
        "seed": task.seed,
        "shuffle": task.shuffle,
        "n_train": history.n_train,
        "n_validation": history.n_validation,
    }
    if isinstance(data, Dataset):
        net.classes, net.input_shape = data.classes, data.shape
        if data.name:
            net.recipe["data"] = data.name


def _progress(progress: bool | None, epochs: int, steps_per_epoch: int) -> Any:
    """Return a context that gives a function (step, run) to show, or None."""
    if progress is False or epochs == 0:
        return nullcontext(None)
    from tongtou.progress import Progress, wanted

    return Progress(epochs, steps_per_epoch) if wanted(progress) else nullcontext(None)
