"""When to stop before all epochs are made: the lesson's three exits from the loop, and three more.

Each condition is a few settings; what it remembers of a run lies in a plain dict that the training
loop keeps for it and that a checkpoint can write down.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from tongtou.history import EpochRecord
from tongtou.settings import checked_number, checked_whole, rebuilt

MONITORS = ("val_loss", "val_accuracy")


@dataclass(frozen=True)
class Stopping:
    """Base of every condition that can end a run; hand one or a list of them to `fit`.

    The lesson's: `GradientSmall`, `LossFlat`, `StepLimit`. On examples held out: `EarlyStopping`,
    `TargetAccuracy`. By the clock: `TimeBudget`. For any other wish `fit` takes a callback.

    Attributes
    ----------
    name : str
        What `describe` calls it.
    reason : str
        What `History.stopped_by` says when it fired.

    Notes
    -----
    Where several fire at once the first of the list is named. All but `TimeBudget` depend on the
    steps alone, not on the clock, so the same seed stops at the same step.

    Examples
    --------
    >>> Stopping.from_description({"name": "step_limit", "n": 100})
    StepLimit(n=100)
    """

    name: ClassVar[str] = ""
    reason: ClassVar[str] = ""
    needs_gradient: ClassVar[bool] = False

    def check(self, *, held_out: bool, labelled: bool) -> None:
        """Raise a ValueError where a run without held-out examples or classes cannot serve it."""

    def after_epoch(self, record: EpochRecord, memory: dict[str, Any]) -> bool:
        """Return whether to stop after this epoch; `memory` is this condition's alone."""
        return False

    def last_step(self) -> int | None:
        """Return the number of steps after which to stop, if that is what it counts."""
        return None

    def time_is_up(self, seconds: float) -> bool:
        """Return whether to stop after so many seconds."""
        return False

    def describe(self) -> dict[str, Any]:
        """Return the JSON-ready description that `from_description` reads back."""
        return {"name": self.name, **asdict(self)}

    @staticmethod
    def from_description(description: Mapping[str, Any]) -> Stopping:
        """Return what `describe` described.

        Raises
        ------
        ValueError
            The name is unknown, or a setting unknown or out of its range.
        """
        known: dict[str, type[Stopping]] = {one.name: one for one in _CONDITIONS}
        return rebuilt(description, "stopping condition", known)


@dataclass(frozen=True)
class GradientSmall(Stopping):
    """Stop where the ground is level: the gradient's length is at most `norm`.

    ::

        mean over the epoch's steps of  || dC/dtheta ||  <=  norm

    Parameters
    ----------
    norm : float
        Above 0. The gradient is that of the loss over the batch, before clipping and penalties,
        all weights and biases taken as one vector.

    Raises
    ------
    ValueError
        `norm` is not above 0.

    Notes
    -----
    With one batch an epoch (`GradientDescent`) this is the lesson's rule. The gradient of a small
    batch is never small for long: it differs from batch to batch even at the minimum.

    Examples
    --------
    >>> GradientSmall(0.01).reason
    'gradient small'
    """

    norm: float = 1e-3
    name: ClassVar[str] = "gradient_small"
    reason: ClassVar[str] = "gradient small"
    needs_gradient: ClassVar[bool] = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "norm", checked_number("norm", self.norm, 0, above=True))

    def after_epoch(self, record: EpochRecord, memory: dict[str, Any]) -> bool:
        """Compare the epoch's mean."""
        return record.gradient_norm is not None and record.gradient_norm <= self.norm


@dataclass(frozen=True)
class LossFlat(Stopping):
    """Stop when the loss no longer falls: `patience` epochs in a row bring less than `tolerance`.

    ::

        (loss + penalty) of an epoch  >  lowest so far - tolerance

    Parameters
    ----------
    tolerance : float
        0 or more, in units of the loss.
    patience : int
        1 or more epochs.

    Raises
    ------
    ValueError
        A setting is out of its range.

    Notes
    -----
    This looks at the examples that are learnt from, so it tells when learning has ended, not when
    learning by heart begins: that is `EarlyStopping`'s.

    Examples
    --------
    >>> LossFlat(tolerance=1e-3, patience=5)
    LossFlat(tolerance=0.001, patience=5)
    """

    tolerance: float = 1e-4
    patience: int = 10
    name: ClassVar[str] = "loss_flat"
    reason: ClassVar[str] = "loss flat"

    def __post_init__(self) -> None:
        object.__setattr__(self, "tolerance", checked_number("tolerance", self.tolerance, 0.0))
        object.__setattr__(self, "patience", checked_whole("patience", self.patience, 1))

    def after_epoch(self, record: EpochRecord, memory: dict[str, Any]) -> bool:
        """Count the epochs without progress."""
        return _waited(record.loss + record.penalty, self.tolerance, memory) >= self.patience


@dataclass(frozen=True)
class StepLimit(Stopping):
    """Stop after `n` steps, in the middle of an epoch if need be.

    Parameters
    ----------
    n : int
        1 or more; batches, counted from the start of the run. A schedule that spans the whole run
        then spans these.

    Raises
    ------
    ValueError
        `n` is no whole number above 0.

    Examples
    --------
    >>> StepLimit(1000).last_step()
    1000
    """

    n: int
    name: ClassVar[str] = "step_limit"
    reason: ClassVar[str] = "step limit"

    def __post_init__(self) -> None:
        object.__setattr__(self, "n", checked_whole("n", self.n, 1))

    def last_step(self) -> int | None:
        """Return n."""
        return self.n


@dataclass(frozen=True)
class EarlyStopping(Stopping):
    """Stop when the held-out examples no longer gain, and go back to the best epoch.

    ::

        stop when for `patience` epochs   val_loss >= reference - min_delta
        reference = val_loss of the last epoch that did better than that

    Parameters
    ----------
    patience : int
        Epochs without progress, 1 or more.
    min_delta : float
        How much better counts as progress: 0 or more.
    monitor : "val_loss" or "val_accuracy"
        What is watched; of the accuracy the sign is turned.
    restore_best : bool
        In the end the network gets the parameters of the best epoch, bit for bit (the lowest
        val_loss or highest val_accuracy of all, the earliest of equals), however the run ended,
        unless it diverged.

    Raises
    ------
    ValueError
        A setting is out of its range. By `fit`: there is no validation, or no accuracy.

    Notes
    -----
    `History.best_epoch` names that epoch. A slow gain counts once it adds up to more than
    min_delta, as in Keras; scikit-learn's comparison is with the epoch before the last alone.

    References
    ----------
    Prechelt (1998), "Early stopping, but when?".

    Examples
    --------
    >>> EarlyStopping(patience=5).monitor
    'val_loss'
    """

    patience: int = 10
    min_delta: float = 0.0
    monitor: str = "val_loss"
    restore_best: bool = True
    name: ClassVar[str] = "early_stopping"
    reason: ClassVar[str] = "early stopping"

    def __post_init__(self) -> None:
        object.__setattr__(self, "patience", checked_whole("patience", self.patience, 1))
        object.__setattr__(self, "min_delta", checked_number("min_delta", self.min_delta, 0.0))
        if self.monitor not in MONITORS:
            raise ValueError(f"monitor must be one of {', '.join(MONITORS)}; got {self.monitor!r}.")
        if not isinstance(self.restore_best, bool):
            raise ValueError(f"restore_best must be True or False; it is {self.restore_best!r}.")

    def check(self, *, held_out: bool, labelled: bool) -> None:
        """Ask for validation, and for classes where accuracy is watched."""
        if not held_out:
            raise ValueError(
                "EarlyStopping watches held-out examples; give fit some, validation=0.1 for one "
                "in ten, or stop by tt.LossFlat."
            )
        if self.monitor == "val_accuracy" and not labelled:
            raise ValueError(
                "training keeps no accuracy here: it counts answers of networks with an output "
                "for each class, learning from class numbers. Use monitor='val_loss', or for two "
                "classes two outputs with softmax."
            )

    def after_epoch(self, record: EpochRecord, memory: dict[str, Any]) -> bool:
        """Note the best epoch and count those without progress."""
        found = record.val_loss if self.monitor == "val_loss" else record.val_accuracy
        cost = math.nan if found is None else found if self.monitor == "val_loss" else -found
        if cost < memory.get("best", math.inf):
            memory["best"], memory["best_epoch"] = cost, record.epoch
        return _waited(cost, self.min_delta, memory) >= self.patience


@dataclass(frozen=True)
class TimeBudget(Stopping):
    """Stop after so many seconds of `fit`, validation and preparation included.

    Parameters
    ----------
    seconds : float
        Above 0. Training ends with the first slice, of at most 50 ms, that passes it. A run that
        is resumed goes on with what is left.

    Raises
    ------
    ValueError
        `seconds` is not above 0.

    Examples
    --------
    >>> TimeBudget(2.0).time_is_up(2.5)
    True
    """

    seconds: float
    name: ClassVar[str] = "time_budget"
    reason: ClassVar[str] = "time budget"

    def __post_init__(self) -> None:
        object.__setattr__(self, "seconds", checked_number("seconds", self.seconds, 0, above=True))

    def time_is_up(self, seconds: float) -> bool:
        """Compare."""
        return seconds >= self.seconds


@dataclass(frozen=True)
class TargetAccuracy(Stopping):
    """Stop after the first epoch that reaches an accuracy: on held-out examples if there are any.

    Parameters
    ----------
    accuracy : float
        Above 0, at most 1. Without validation it is that of the examples learnt from, each as the
        network was just before its batch's step.

    Raises
    ------
    ValueError
        It is out of that range. By `fit`: y are no class numbers, or the network has a single
        output; then training keeps no accuracy.

    Examples
    --------
    >>> TargetAccuracy(0.95)
    TargetAccuracy(accuracy=0.95)
    """

    accuracy: float
    name: ClassVar[str] = "target_accuracy"
    reason: ClassVar[str] = "target accuracy"

    def __post_init__(self) -> None:
        object.__setattr__(
            self, "accuracy", checked_number("accuracy", self.accuracy, 0, 1, above=True)
        )

    def check(self, *, held_out: bool, labelled: bool) -> None:
        """Ask for classes."""
        if not labelled:
            raise ValueError(
                "training keeps no accuracy here, which TargetAccuracy needs: it counts answers of "
                "networks with an output for each class, learning from class numbers. Give class "
                "numbers, for two classes with two outputs and softmax, or stop by tt.LossFlat or "
                "tt.EarlyStopping."
            )

    def after_epoch(self, record: EpochRecord, memory: dict[str, Any]) -> bool:
        """Compare."""
        found = record.accuracy if record.val_accuracy is None else record.val_accuracy
        return found is not None and found >= self.accuracy


_CONDITIONS = (GradientSmall, LossFlat, StepLimit, EarlyStopping, TimeBudget, TargetAccuracy)


def conditions(stop: object) -> tuple[Stopping, ...]:
    """Return the conditions that `fit` was given: none, one or several, each kind once."""
    if stop is None:
        return ()
    found = tuple(stop) if isinstance(stop, Sequence) else (stop,)
    for one in found:
        if not isinstance(one, Stopping) or not one.name:
            raise ValueError(
                "stop must be a condition such as tt.EarlyStopping(patience=5), or a list of "
                f"them; got {one!r}."
            )
    kinds = [type(one) for one in found]
    if len(set(kinds)) < len(kinds):
        raise ValueError(f"stop may hold each kind of condition once; got {list(found)!r}.")
    return found


def _waited(cost: float, least: float, memory: dict[str, Any]) -> int:
    """Return how many epochs have passed since the cost fell by more than `least`."""
    reference = memory.get("reference", math.inf)
    # the first epoch is progress, NaN never is; inf - least would let inf < inf wait for ever
    if cost < reference - least or (reference == math.inf and cost < math.inf):
        memory["reference"], memory["waited"] = cost, 0
    else:
        memory["waited"] = memory.get("waited", 0) + 1
    return int(memory["waited"])
