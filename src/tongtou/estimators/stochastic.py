"""Training step by step with scikit-learn's rules: when to stop, what to report, what to keep.

The steps are an engine's; the order of the examples, the learning rate of each epoch and the
decision to stop are made here, because `tongtou.fit` makes them by rules of its own.
"""

from __future__ import annotations

import math
import os
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

from tongtou import evaluation
from tongtou.engines import Session, Task
from tongtou.optimizers import SGD, Adam, Optimizer
from tongtou.pace import Pace, usable_cores

if TYPE_CHECKING:
    from tongtou.estimators.perceptron import Perceptron
    from tongtou.network import Network

RATES_AHEAD = 512
"""Steps whose rates are worked out together."""

SMALLEST_RATE = 1e-6
"""learning_rate="adaptive" stops where its rate has come down to this."""

THREADED_WORK = 1_000_000
"""Multiplications of a step below which a second thread would cost more than it brings."""


@dataclass
class OptimizerState:
    """What `partial_fit` carries on with.

    Attributes
    ----------
    rule : Optimizer
    learning_rate : float
        Of the next epoch.
    n_steps : int
        Updates made so far.
    slots : list of ndarray
        Velocities or moments, in the order of the engine that made them.
    engine : str
    """

    rule: Optimizer
    learning_rate: float
    n_steps: int = 0
    slots: list[NDArray[Any]] = field(default_factory=list)
    engine: str = ""


def optimizer_state(model: Perceptron) -> OptimizerState:
    """Return a state that has seen nothing, for the model's solver."""
    rate = float(model.learning_rate_init)
    rule: Optimizer
    if isinstance(model.solver, Optimizer):
        rule, rate = model.solver, model.solver.schedule.initial
    elif model.solver == "sgd":
        nesterov = bool(model.nesterovs_momentum) and model.momentum > 0
        rule = SGD(rate, momentum=float(model.momentum), nesterov=nesterov, velocity="step")
    else:
        rule = Adam(
            rate,
            beta1=float(model.beta_1),
            beta2=float(model.beta_2),
            epsilon=float(model.epsilon),
            epsilon_placement="uncorrected",
        )
    return OptimizerState(rule, rate)


@dataclass
class Plan:
    """One call of `fit` or `partial_fit`.

    Attributes
    ----------
    task : Task
        Its rows are the examples to learn from, in the order they were given.
    held : ndarray of uint32
        The rows held out for early stopping.
    score : callable (Z[L] of the held rows) -> float
    value_scale : float
        What the engine's loss is multiplied by to be scikit-learn's.
    random : RandomState
    """

    task: Task
    held: NDArray[np.uint32]
    score: Callable[[NDArray[Any]], float]
    value_scale: float
    random: np.random.RandomState


class Training:
    """The epochs of one call."""

    def __init__(self, model: Perceptron, net: Network, plan: Plan) -> None:
        self.model, self.net, self.plan = model, net, plan
        task = plan.task
        engine = model._engine()
        if model._optimizer.engine not in ("", engine.name):
            model._optimizer = optimizer_state(model)  # engines order their numbers differently
        self.state = model._optimizer
        self.state.engine = engine.name
        self.session: Session = engine.prepare(net, task)
        for live, kept in zip(self.session.slots(), self.state.slots, strict=False):
            live[...] = kept
        n = len(task.rows)
        self.sizes = np.full(task.steps_per_epoch, task.batch_size, np.float64)
        self.sizes[-1] = n - task.batch_size * (task.steps_per_epoch - 1)
        self.pace = Pace(threads_for(model, net, task.batch_size))
        self.rows = task.rows
        self.places = np.arange(n)
        self.ahead = np.empty((0, 4))
        self.ahead_rate = 0.0
        self.schedule = None if model.schedule is None else model.schedule.fresh()
        if self.schedule is None and isinstance(model.solver, Optimizer):
            self.schedule = model.solver.schedule.fresh()

    def go(self, incremental: bool) -> None:
        """Make epochs until the model's stopping rule, max_iter or Ctrl-C ends them."""
        model = self.model
        best = self.net._parameters.copy() if model.early_stopping else None
        diverged = False
        model.n_iter_ = 0
        try:
            for epoch in range(1 if incremental else model.max_iter):
                loss = self._epoch(epoch)
                diverged = math.isnan(loss)
                if diverged and not model.early_stopping:
                    break
                self._note(loss)
                if best is not None and self._held_out_score():
                    best[...] = self.net._parameters
                if diverged or self._ends():
                    break
                if not incremental and model.n_iter_ == model.max_iter:
                    warnings.warn(
                        f"Stochastic Optimizer: Maximum iterations ({model.max_iter}) reached and "
                        "the optimization hasn't converged yet.",
                        ConvergenceWarning,
                        stacklevel=5,
                    )
        except KeyboardInterrupt:
            warnings.warn("Training interrupted by user.", stacklevel=5)
        self.state.slots = self.session.slots()
        if best is not None:
            self.net._parameters[...] = best
            if diverged:
                warnings.warn(
                    f"training diverged in iteration {model.n_iter_}; the weights with the best "
                    f"validation score are kept. {_remedy(model)}",
                    ConvergenceWarning,
                    stacklevel=5,
                )
        elif diverged:
            raise ValueError(
                "Solver produced non-finite parameter weights. The input data may contain large "
                f"values and need to be preprocessed. The loss left the finite numbers in "
                f"iteration {model.n_iter_ + 1}. {_remedy(model)}"
            )

    def _epoch(self, epoch: int) -> float:
        """Go once through the examples; return the loss on scikit-learn's scale, or NaN."""
        task, plan = self.plan.task, self.plan
        if self.model.shuffle:
            # the numbers scikit-learn draws, so that the same random_state gives its batches
            places = self.places.copy()
            plan.random.shuffle(places)
            self.rows = self.rows[places]
            self.session.set_rows(self.rows)
        n_steps = len(self.sizes)
        rates = self._rates(epoch)
        total, done = 0.0, 0
        while done < n_steps:
            most, threads = self.pace.next_slice()
            end = min(done + most, n_steps)
            began = time.perf_counter()
            made = self.session.advance(epoch * n_steps + done, rates[done:end], threads)
            if made.diverged:
                return math.nan
            self.pace.record(end - done, threads, time.perf_counter() - began)
            losses, sizes = made.losses, self.sizes[done:end]
            if task.weights is not None:
                weights = made.weight_sums
                losses = np.divide(losses, weights, out=np.zeros(end - done), where=weights > 0)
                losses *= sizes
            # scikit-learn: each batch counts by its size, its mean loss and its penalty
            total += plan.value_scale * float(losses.sum()) + float(sizes @ made.penalties)
            done = end
        self.state.n_steps += n_steps
        return total / len(task.rows)

    def _rates(self, epoch: int) -> NDArray[np.float64]:
        """Return the rows of `Optimizer.rates` for the steps of this epoch."""
        n_steps, state = len(self.sizes), self.state
        if self.schedule is not None:
            n_total = n_steps * self.model.max_iter
            eta = self.schedule.rates(epoch * n_steps, n_steps, n_steps, n_total)
            state.learning_rate = float(eta[-1])
            return state.rule.rates(state.n_steps, eta)
        if len(self.ahead) < n_steps or state.learning_rate != self.ahead_rate:
            # for many epochs at once where these are short
            eta = np.full(n_steps * max(1, RATES_AHEAD // n_steps), state.learning_rate)
            self.ahead, self.ahead_rate = state.rule.rates(state.n_steps, eta), state.learning_rate
        rates, self.ahead = self.ahead[:n_steps], self.ahead[n_steps:]
        return rates

    def _note(self, loss: float) -> None:
        """Write down an epoch that came to its end."""
        model = self.model
        model.n_iter_ += 1
        model.t_ += len(self.plan.task.rows)
        model.loss_ = loss
        model.loss_curve_.append(loss)
        if model.verbose:
            print(f"Iteration {model.n_iter_}, loss = {loss:.8f}")
        if model.early_stopping:
            return
        # not `loss <= …`: an epoch whose loss is NaN does not count as one without progress
        stuck = loss > model.best_loss_ - model.tol
        model._no_improvement_count = model._no_improvement_count + 1 if stuck else 0
        model.best_loss_ = min(model.best_loss_, loss)

    def _held_out_score(self) -> bool:
        """Write down the score on the examples held out; return whether it is the best so far."""
        model = self.model
        score = self.plan.score(self.session.weighted_sums(self.plan.held))
        model.validation_scores_.append(score)
        if model.verbose:
            print(f"Validation score: {score:f}")
        stuck = score < model.best_validation_score_ + model.tol
        model._no_improvement_count = model._no_improvement_count + 1 if stuck else 0
        if score > model.best_validation_score_:
            model.best_validation_score_ = score
            return True
        return False

    def _ends(self) -> bool:
        """Set the learning rate of the next epoch; return whether there shall be none."""
        model, state = self.model, self.state
        by_name = self.schedule is None and model.solver == "sgd"
        if self.schedule is not None:
            # what is held out is scored, and a higher score is better
            watched = -model.validation_scores_[-1] if model.early_stopping else model.loss_
            self.schedule.observe(watched)
        elif by_name and model.learning_rate == "invscaling":
            rate = float(model.learning_rate_init)
            state.learning_rate = rate / (model.t_ + 1) ** model.power_t
        if model._no_improvement_count <= model.n_iter_no_change:
            return False
        what = "Validation score" if model.early_stopping else "Training loss"
        said = (
            f"{what} did not improve more than tol={model.tol:f} for {model.n_iter_no_change} "
            "consecutive epochs."
        )
        ends, then = True, "Stopping."
        if by_name and model.learning_rate == "adaptive":
            if state.learning_rate > SMALLEST_RATE:
                state.learning_rate /= 5
                model._no_improvement_count = 0
                ends, then = False, f"Setting learning rate to {state.learning_rate:f}"
            else:
                then = "Learning rate too small. Stopping."
        if model.verbose:
            print(said, then)
        return ends


def threads_for(model: Perceptron, net: Network, n_examples: int) -> int:
    """Return the most threads worth trying on so many examples at once."""
    if evaluation.kernel is None or not model._engine().threads:
        return 1
    if model.threads is not None:
        return min(int(model.threads), int(evaluation.kernel.MAX_THREADS))
    if n_examples * net.n_parameters < THREADED_WORK:
        return 1
    # joblib says by this variable how many threads each of its workers may use
    allowed = os.environ.get("OMP_NUM_THREADS", "")
    cores = usable_cores()
    return min(cores, max(1, int(allowed))) if allowed.isdecimal() else cores


def _remedy(model: Perceptron) -> str:
    return (
        f"Scale X (StandardScaler) and the targets, or use a smaller learning rate than "
        f"{model._optimizer.learning_rate:g}."
    )
