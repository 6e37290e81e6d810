"""What is examined: a network, the examples it learnt from, others, and how it was trained."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tongtou import randomness
from tongtou.boundary import all_finite, checked_class_weight, dense_answers
from tongtou.datasets.dataset import Dataset
from tongtou.errors import DataError
from tongtou.explanation.lessons import Lesson, lesson_on
from tongtou.explanation.plans import plan_of
from tongtou.explanation.thresholds import N_MEASURED
from tongtou.history import History
from tongtou.network import Network
from tongtou.optimizers import Optimizer

Doubles: TypeAlias = NDArray[np.float64]
_BATCH = 32


@dataclass(frozen=True, eq=False)
class Part:
    """A set of examples as the network sees them, and what it makes of a sample of them.

    Attributes
    ----------
    net : Network
    inputs, answers : ndarray
        Checked, all of them.
    weights : ndarray of float64, shape (n,), or None
        What each example counts by its class, as in training.
    seed : int
    """

    net: Network
    inputs: Any
    answers: NDArray[Any]
    weights: Doubles | None
    seed: int

    def __len__(self) -> int:
        return len(self.answers)

    def sample(self, n: int) -> NDArray[np.int64]:
        """Return at most n row numbers, sorted, drawn without replacement."""
        if n >= len(self):
            return np.arange(len(self))
        chosen = np.random.default_rng(self.seed).permutation(len(self))[:n]
        return np.sort(chosen)

    @cached_property
    def rows(self) -> NDArray[np.int64]:
        """The rows that are measured."""
        return self.sample(N_MEASURED)

    @cached_property
    def sums(self) -> Doubles:
        """Z[L] of the measured rows in float64."""
        return np.asarray(self.net.weighted_sums(self.inputs[self.rows]), np.float64)

    @cached_property
    def targets(self) -> Doubles:
        """The targets of the measured rows, (n, n_out)."""
        dense = dense_answers(self.answers[self.rows], self.net.sizes[-1])
        return np.asarray(dense, np.float64)

    def _losses_of(self, z: Doubles) -> Doubles:
        """Return the loss of each measured example from its Z[L]."""
        f = self.net.layers[-1].activation
        return np.asarray(self.net.loss_function.value_with(f, z, f(z), self.targets), np.float64)

    @cached_property
    def losses(self) -> Doubles:
        """The loss of each measured example."""
        return self._losses_of(self.sums)

    def mean(self, values: Doubles) -> float:
        """Return the mean over measured examples, each counted as in training."""
        w = None if self.weights is None else self.weights[self.rows]
        return float(np.average(values, weights=w))

    @cached_property
    def loss(self) -> float:
        """Mean loss."""
        return self.mean(self.losses)

    @cached_property
    def baseline(self) -> tuple[float, float]:
        """Mean loss of the best constant answer, and of the right answers themselves."""
        return self.mean(self.constant_losses), self.mean(self._losses_at(self.targets))

    @cached_property
    def constant_losses(self) -> Doubles:
        """The loss of each measured example if the answer were the mean of all targets."""
        w = None if self.weights is None else self.weights[self.rows]
        mean = np.average(self.targets, axis=0, weights=w)
        return self._losses_at(np.broadcast_to(mean, self.targets.shape))

    def _losses_at(self, a: Doubles) -> Doubles:
        """Return the loss of each measured example for given outputs, kept from log 0."""
        loss = self.net.loss_function
        if loss.name in ("cross_entropy", "binary_cross_entropy", "poisson"):
            tiny = 1e-12
            a = np.clip(a, tiny, 1 - tiny if loss.name == "binary_cross_entropy" else None)
        return np.asarray(loss.value(a, self.targets), np.float64)

    @cached_property
    def unexplained(self) -> float:
        """(C - C_best) / (C_constant - C_best): 0 all is explained, 1 no better than a constant."""
        constant, least = self.baseline
        return (self.loss - least) / (constant - least) if constant > least else 0.0

    @cached_property
    def labels(self) -> NDArray[np.int64] | None:
        """The class number of every example; None where the answers are no single classes."""
        y = self.answers
        if not self.net.is_classifier:
            return None
        if y.ndim == 1:
            return y.astype(np.int64)
        if not np.isin(y, (0, 1)).all():
            return None
        if y.shape[1] == 1:
            return y[:, 0].astype(np.int64)
        one_each = not self.net.loss_function.is_multilabel and bool((y.sum(axis=1) == 1).all())
        return y.argmax(axis=1) if one_each else None

    @property
    def has_classes(self) -> bool:
        """Whether each example has one class."""
        return self.labels is not None

    @property
    def measured_labels(self) -> NDArray[np.int64]:
        """The class numbers of the measured rows."""
        assert self.labels is not None
        return self.labels[self.rows]

    @cached_property
    def wrong(self) -> Doubles:
        """1 where a measured example gets another class than its own, else 0; classes only."""
        z = self.sums
        if z.shape[1] == 1:
            a = np.asarray(self.net.layers[-1].activation(z), np.float64)
            said = (a[:, 0] >= 0.5).astype(np.int64)
        else:
            said = z.argmax(1)
        return np.asarray(said != self.measured_labels, np.float64)

    @cached_property
    def errors(self) -> Doubles:
        """What each measured example costs: `wrong`; for numbers its share of the baseline."""
        if self.has_classes:
            return self.wrong
        constant, least = self.baseline
        scale = constant - least
        return (self.losses - least) / scale if scale > 0 else np.zeros_like(self.losses)

    @property
    def n_classes(self) -> int:
        """Classes that the network knows."""
        return max(2, self.net.sizes[-1])

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """Examples of each class, of all rows."""
        assert self.labels is not None
        return np.bincount(self.labels, minlength=self.n_classes)

    @cached_property
    def recalls(self) -> Doubles:
        """The share of each class that is recognised, of the measured rows; NaN without any."""
        y = self.measured_labels
        n = np.bincount(y, minlength=self.n_classes).astype(np.float64)
        right = np.bincount(y, weights=1 - self.wrong, minlength=self.n_classes)
        recalls: Doubles = np.divide(right, n, out=np.full(len(n), np.nan), where=n > 0)
        return recalls


@dataclass(frozen=True, eq=False)
class Patient:
    """All that an examination goes by.

    Attributes
    ----------
    net : Network
        A copy.
    train : Part
    held, test : Part or None
    losses : list of float
        By epoch, with penalties.
    history : History or None
    optimizer : Optimizer or None
    batch_size : int
    rate : float
        The learning rate that updates are told at.
    plan : dict or None
    seed : int
    """

    net: Network
    train: Part
    held: Part | None
    test: Part | None
    losses: list[float]
    history: History | None
    optimizer: Optimizer | None
    batch_size: int
    rate: float
    plan: dict[str, dict[str, Any]] | None
    seed: int
    shape: tuple[int, ...] = field(default=())

    @property
    def has_pictures(self) -> bool:
        """Whether the inputs are pixels whose place is known."""
        return len(self.shape) in (2, 3) and self.train.inputs.dtype == np.uint8

    def told(self, name: str) -> Any:
        """Return a keyword argument of fit that training had, or None."""
        return (self.plan or {}).get("fit", {}).get(name)


def patient_of(
    model: Any,
    data: Any,
    history: History | None,
    validation: Any,
    test: Any,
    optimizer: Optimizer | None,
    batch_size: int | None,
    seed: int,
) -> Patient:
    """Return what is examined, checked; see `examination.health`."""
    lesson = lesson_on(model, data)
    if len(lesson.answers) < 2:
        raise DataError("there is one example; health is about many. Give those it learnt from.")
    own = model if isinstance(model, Network) else lesson.network
    for number, layer in enumerate(own.layers, start=1):
        if not (all_finite(layer.W) and all_finite(layer.b)):
            raise DataError(
                f"the parameters of the network must be finite; layer {number} holds NaN or "
                "infinity. Train again with a smaller learning rate."
            )
    plan = _plan(own, len(lesson.answers))
    said = (plan or {}).get("fit", {})
    if optimizer is not None and not isinstance(optimizer, Optimizer):
        raise ValueError(f"optimizer must be one of Tongtou's, or None; it is {optimizer!r}.")
    rule = optimizer or said.get("optimizer") or _noted(own)
    if history is None:
        history = own.history
    losses = [one.loss + one.penalty for one in history.epochs] if history else []
    if not losses:
        losses = [float(one) for one in getattr(_last(model), "loss_curve_", [])]
    noted = own.recipe.get("batch_size")
    batch = batch_size or (noted if isinstance(noted, int) and noted > 0 else _BATCH)
    split = None
    if validation is None and said.get("validation"):
        split = _split(lesson, said["validation"], said["seed"])
    train, held = split or (lesson, None if validation is None else lesson_on(model, validation))
    tested = None if test is None else lesson_on(model, test)
    shape = tuple(own.input_shape)
    if isinstance(data, Dataset) and not shape:
        shape = data.shape
    parts = [
        None if one is None else _part(lesson.network, one, said.get("class_weight"), seed)
        for one in (train, held, tested)
    ]
    assert parts[0] is not None
    return Patient(
        net=lesson.network,
        train=parts[0],
        held=parts[1],
        test=parts[2],
        losses=[one for one in losses if np.isfinite(one)],
        history=history,
        optimizer=rule,
        batch_size=min(int(batch), len(train.answers)),
        rate=_rate(rule, history if optimizer is None else None),
        plan=_with(plan, optimizer, batch_size),
        seed=seed,
        shape=shape,
    )


def _plan(net: Network, n: int) -> dict[str, dict[str, Any]] | None:
    try:
        return plan_of(net, n)
    except ValueError:
        return None


def _with(plan: Any, optimizer: Optimizer | None, batch_size: int | None) -> Any:
    """Return the plan with what the caller said about it."""
    if plan is None or (optimizer is None and not plan["fit"]):
        return plan
    given = {"optimizer": optimizer, "batch_size": batch_size}
    fit = {**plan["fit"], **{name: one for name, one in given.items() if one is not None}}
    return {"network": plan["network"], "fit": fit}


def _last(model: Any) -> Any:
    return model[-1] if hasattr(model, "named_steps") else model


def _noted(net: Network) -> Optimizer | None:
    """Return the optimiser that an estimator noted in its network's recipe."""
    said = net.recipe.get("optimizer")
    try:
        return None if said is None else Optimizer.from_description(said)
    except ValueError:
        return None


def _rate(rule: Optimizer | None, history: History | None) -> float:
    """Return the middle of the run's learning rates: a schedule may begin and end near 0."""
    if rule is None:
        return 0.0
    rates = [one.learning_rate for one in history.epochs] if history else []
    return float(np.median(rates)) if rates else rule.schedule.initial


def _split(lesson: Lesson, n_held: int, seed: int) -> tuple[Lesson, Lesson] | None:
    """Return the examples `fit` learnt from and those it held out: its own split again."""
    n = len(lesson.answers)
    if not isinstance(n_held, int) or not 0 < n_held < n - 1:
        return None
    order = randomness.order(seed, 0, n, randomness.SPLIT)
    rows = (np.sort(order[n_held:]), np.sort(order[:n_held]))
    first, second = (
        Lesson(lesson.network, lesson.inputs[one], lesson.answers[one]) for one in rows
    )
    return first, second


def _part(net: Network, lesson: Lesson, class_weight: Any, seed: int) -> Part:
    weights = None
    if class_weight is not None:
        names, rows = net.classes, np.arange(len(lesson.answers), dtype=np.uint32)
        weights = checked_class_weight(class_weight, lesson.answers, net.sizes[-1], names, rows)
    return Part(net, lesson.inputs, lesson.answers, weights, seed)
