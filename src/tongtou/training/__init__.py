"""The training loop: order, batches, validation, stopping, divergence, checkpoints → History."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from tongtou import evaluation, randomness
from tongtou.augmentation import Augmentation
from tongtou.boundary import Examples
from tongtou.checkpoints import Checkpoints
from tongtou.engines import engine as engine_of
from tongtou.history import EpochRecord, History
from tongtou.optimizers import SGD, Optimizer
from tongtou.pace import Pace, usable_cores
from tongtou.regularizers import Regularization
from tongtou.settings import checked_whole
from tongtou.stopping import Stopping, conditions
from tongtou.training import orders, resuming
from tongtou.training.courses import course_of
from tongtou.training.examples import gathered
from tongtou.training.identity import identity
from tongtou.training.legs import Leg
from tongtou.training.rates import Rates
from tongtou.training.run import Orders, Run
from tongtou.training.tape import Recording

if TYPE_CHECKING:
    from tongtou.network import Network

__all__ = ["Recording", "fit"]


def fit(
    net: Network,
    data: Examples,
    *,
    optimizer: Optimizer = SGD(),  # noqa: B008 - frozen
    batch_size: int | None = 32,
    epochs: int = 10,
    validation: float | int | Examples | None = None,
    shuffle: bool = True,
    threads: int | None = None,
    progress: bool | None = None,
    seed: int = 0,
    engine: str | None = None,
    callback: Callable[[EpochRecord], bool | None] | None = None,
    sample_weight: ArrayLike | None = None,
    class_weight: str | Mapping[Any, float] | None = None,
    regularization: Regularization | None = None,
    augmentation: Augmentation | None = None,
    stop: Stopping | Sequence[Stopping] | None = None,
    checkpoint: Checkpoints | None = None,
    resume: bool = False,
    recording: bool | Recording = False,
) -> History:
    """Train a network in place.

    ::

        for each epoch:  for each batch B of the shuffled examples, step t:
            x, y   the examples of B: altered, noise added, targets smoothed, neurons dropped out
            C      = sum of w_i C_i over B / sum of w_i over B         w_i = 1 without weights
            g      = dC/dtheta                   theta: all weights W and biases b
            g      = each element within ±clip_value; then g min(1, clip_norm / ||g||)
            g      = g + l2 W                    weights only
            W      = keep_t W                    AdamW's decay, weights only
            theta  = theta + the optimiser's step from g, at the rate eta_t of its schedule
            W      = sign(W) max(|W| - eta_t l1, 0)              weights only
        after the epoch:  measure the held-out examples, record, see whether to stop

    in this order; what was not asked for is left out. The last partial batch of an epoch is used,
    with the mean over its own size.

    Parameters
    ----------
    net : Network
        Trained in place; afterwards `net.history` and `net.recipe` tell how.
    data : Dataset or (X, y)
        X (n, n_in), y class numbers (n,) or targets (n, n_out). X may be a SciPy sparse matrix, or
        a `numpy.memmap` of any size: see Notes.
    optimizer : Optimizer
        SGD, GradientDescent, RMSprop, Adam or AdamW; its learning rate may be a schedule.
    batch_size : int or None
        1 … ; None, or more than the examples, means all of them, as always with GradientDescent.
    epochs : int
        Passes over the examples, unless `stop` or `callback` ends them.
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
        Of the order of the examples, of those held out, of dropout, noise and augmentation.
    engine : "native" or "reference", optional
        The kernel where there is one, by default.
    callback : callable, optional
        Called after each epoch with its EpochRecord, when the network is as that epoch left it;
        training stops when it returns something true.
    sample_weight : array_like, shape (n,), optional
        How much each example counts, 0 or more. Held-out examples count in validation by theirs.
    class_weight : "balanced" or dict, optional
        A weight for each class, by name or number, 1 where none is given; "balanced" is n / (number
        of classes · examples of the class), so that each class counts alike. It multiplies
        `sample_weight`, while learning and not in validation.
    regularization : Regularization, optional
        L1, L2, dropout, input noise, label smoothing.
    augmentation : Augmentation, optional
        How far pictures are moved, turned, scaled and sheared, anew in each epoch. Their shape
        must be known, from a Dataset's `shape` or from `net.input_shape`.
    stop : Stopping or list of these, optional
        GradientSmall, LossFlat, StepLimit, EarlyStopping, TimeBudget, TargetAccuracy.
    checkpoint : Checkpoints, optional
        Where to write the run down while it goes on.
    resume : bool
        Go on from the checkpoint, if one is there; otherwise begin. The outcome has the bits of
        the run never interrupted; where that had finished it is returned at once.
    recording : bool or Recording
        Keep states on the way, so that ``history.at(step)`` gives the network at any step, bit for
        bit. A `Recording` that has been given to `fit` before goes on where it ended: so a change
        of settings on the way is recorded with the rest.

    Returns
    -------
    History
        With `stopped_by`: why it ended.

    Raises
    ------
    ShapeError, DataError
        The data does not fit the network, or it or the network holds NaN or infinity; nothing was
        trained and nothing was changed.
    DivergedError
        The loss or a parameter left the finite numbers. The network keeps the last parameters
        whose loss was finite; `error.step` and `error.history` tell more.
    CheckpointError
        The checkpoint to resume from is damaged, or of another network, data or recipe.
    ValueError
        A setting is out of its range.

    Warns
    -----
    CheckpointWarning
        A checkpoint could not be written.

    Notes
    -----
    Ctrl-C ends training at a whole step: the network keeps what was learnt, but for the slice of
    at most 50 ms under way, and the history says ``stopped_by="interrupted"``.

    *Larger than memory*: a `numpy.memmap` of more than 64 MB (and any array of more than half the
    machine's memory) is streamed. Its rows are cut into windows of about 64 MB; each epoch visits
    the windows in an order of its own and shuffles within each. This is not a full shuffle, for the
    examples of a batch lie near each other in the file: mix them while writing it.

    Validation measures the network as it is, without dropout, noise and alterations, and its loss
    is without penalties. With checkpoints the data is read once more for its fingerprint (of
    streamed data a sample of 1,024 rows).

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
    began = time.perf_counter()
    orders.check_kinds(
        net,
        optimizer,
        regularization,
        augmentation,
        checkpoint,
        resume,
        shuffle,
        progress,
        callback,
    )
    batch = None if batch_size is None else checked_whole("batch_size", batch_size, 1)
    epochs = checked_whole("epochs", epochs, 0)
    seed = randomness.checked_seed(seed)
    most = usable_cores() if threads is None else checked_whole("threads", threads, 1)
    stops = conditions(stop)
    tape = orders.tape_of(recording)
    chosen = engine_of(engine)
    material = gathered(net, data, validation, sample_weight, class_weight, chosen, seed)
    for one in stops:
        one.check(held_out=material.n_held > 0, labelled=material.labelled)
    task, windows = orders.task_of(
        net, data, material, batch, seed, shuffle, optimizer, regularization, augmentation, stops
    )
    recipe = orders.recipe_of(
        data, material, task, windows, epochs, stops, sample_weight is not None, class_weight
    )
    history = History(n_train=len(material.rows), n_validation=material.n_held)
    writer = saved = None
    if checkpoint is not None:
        same = identity(net, material, recipe, chosen.name)
        writer = resuming.Writer(checkpoint, same)
        saved = resuming.found(checkpoint, same) if resume else None
        if saved is not None:
            history = resuming.history_of(saved, checkpoint.path)
    if saved is not None and saved.told["finished"]:
        assert checkpoint is not None
        resuming.take_up_finished(saved, net, checkpoint.path)
        orders.adopt(net, data, recipe, history)
        return history

    way = course_of(net, chosen, task, material, windows)
    started = time.perf_counter()
    way.enter(history.n_steps)
    history.prepare_s = time.perf_counter() - started
    history.engine = evaluation.kernel_name() if chosen.name == "native" else chosen.name
    history.stopped_by = ""
    limits = [n for one in stops if (n := one.last_step()) is not None]
    n_steps = min([epochs * way.steps_per_epoch, *limits])
    rates = Rates(optimizer, way.steps_per_epoch, n_steps)
    told = Orders(epochs, stops, callback, len(material.rows), material.n_held, material.labelled)
    pace = Pace(min(most, _most_threads()) if chosen.threads else 1)
    run = Run(net, task, way, told, rates, history, pace, began)
    if writer is not None and saved is None:
        writer.make_room()
    if writer is not None and saved is not None:
        assert checkpoint is not None
        resuming.take_up(run, saved, checkpoint.path)
        writer.resumed_at(history.n_steps)
    orders.adopt(net, data, recipe, history)
    if tape is not None:
        per_epoch, states = way.steps_per_epoch, [(0, rates.schedule.state())]
        leg = Leg(net, chosen, task, material, windows, per_epoch, n_steps, recipe, history, states)
        tape.begin(leg, way.snapshot())
        run.tape, run.trail.keep = tape, tape.keep
        history.keep_recording(leg)
    try:
        with _progress(progress, epochs, way.steps_per_epoch, n_steps, history) as show:
            run.go(writer, show)
    finally:
        if tape is not None:
            tape.legs[-1].close()
    # An unfinished run is written down before the best parameters take the place of the last.
    if writer is not None and history.stopped_by == "interrupted" and run.settled:
        writer.write(run)
    run.bring_back_best()
    if writer is not None and history.stopped_by not in ("interrupted", "checkpoint failed"):
        writer.write(run, finished=True)
    return history


def _most_threads() -> int:
    return int(evaluation.kernel.MAX_THREADS) if evaluation.kernel else 1


def _progress(
    progress: bool | None, epochs: int, steps_per_epoch: int, n_steps: int, history: History
) -> Any:
    """Return a context that gives a function (step, run) to show, or None."""
    if progress is False or epochs == 0:
        return nullcontext(None)
    from tongtou.progress import Progress, wanted

    if not wanted(progress):
        return nullcontext(None)
    return Progress(epochs, steps_per_epoch, n_steps, history.n_train, history.n_steps)
