"""The training loop: order, batches, validation, stopping, divergence → History."""

from __future__ import annotations

import time
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tongtou import evaluation, randomness
from tongtou.boundary import Examples, checked_examples, dense_answers
from tongtou.datasets.dataset import Dataset
from tongtou.engines import Engine, Session, Task, engine as engine_of
from tongtou.errors import DataError, DivergedError
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

    Returns
    -------
    History

    Raises
    ------
    ShapeError, DataError
        The data does not fit the network, or holds NaN or infinity; nothing was trained.
    DivergedError
        The loss left the finite numbers. The network keeps the last parameters whose loss was
        finite; `error.step` and `error.history` tell more.
    ValueError
        A setting is out of its range.

    Notes
    -----
    Ctrl-C ends training at a whole step: the network keeps what was learnt and the history says
    ``stopped_by="interrupted"``.

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
        run.go(epochs, show)
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
        self.loss = 0.0
        self.correct = 0
        self.seconds = 0.0
        # parameters at the start of this slice and of the one before, with their steps
        self.snapshots: list[tuple[int, Any]] = []

    def go(self, epochs: int, show: Any) -> None:
        """Make the steps of all epochs, or stop at Ctrl-C."""
        per_epoch = self.task.steps_per_epoch
        step, last = 0, epochs * per_epoch
        try:
            while step < last:
                n_steps, threads = self.pace.next_slice()
                n_steps = min(n_steps, per_epoch - step % per_epoch)
                step = self._slice(step, n_steps, threads)
                if step % per_epoch == 0:
                    self._end_of_epoch(step // per_epoch)
                if show:
                    show(step, self)
            self.history.stopped_by = "epochs"
        except KeyboardInterrupt:
            self.history.stopped_by = "interrupted"
        self.history.threads = self.pace.last

    def _slice(self, step: int, n_steps: int, threads: int) -> int:
        self.snapshots = [*self.snapshots[-1:], (step, self.session.snapshot())]
        eta = np.full(n_steps, self.rate)
        started = time.perf_counter()
        done = self.session.advance(step, eta, threads)
        seconds = time.perf_counter() - started
        if done.diverged:
            self._diverged(step + done.n_done)
        self.pace.record(n_steps, threads, seconds)
        self.loss += float(done.losses.sum())
        self.correct += int(done.correct.sum())
        self.seconds += seconds
        self.history.n_steps = step + n_steps
        return step + n_steps

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
                loss=self.loss / n,
                accuracy=self.correct / n if labelled else None,
                val_loss=val_loss,
                val_accuracy=val_accuracy,
                seconds=self.seconds,
                learning_rate=self.rate,
            )
        )
        self.loss, self.correct, self.seconds = 0.0, 0, 0.0

    def _diverged(self, step: int) -> None:
        """Go back to the last parameters whose loss was finite, and say so.

        The loss of step `step` is not finite, so the update of the step before it did the harm:
        replay up to and without that one.
        """
        good = max(step - 1, 0)
        at, snapshot = next(one for one in reversed(self.snapshots) if one[0] <= good)
        self.session.restore(snapshot)
        if good > at:
            self.session.advance(at, np.full(good - at, self.rate), 1)
        self.history.n_steps = good
        self.history.stopped_by = "diverged"
        error = DivergedError(
            f"training diverged: the loss of step {step} (epoch "
            f"{step // self.task.steps_per_epoch + 1}) is not finite. The network keeps its "
            f"parameters after {good} steps. Use a smaller learning rate than {self.rate:g}, "
            "and scale the inputs to about -1 … 1."
        )
        error.step = step
        error.history = self.history
        raise error


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
    n_held = int(validation) if validation >= 1 else round(float(validation) * n)
    if not 0 < n_held < n or (validation > 1 and validation != n_held):
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
