"""Whether the settings of an estimator are in their ranges: looked at in `fit`, not before."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tongtou.choices import choose
from tongtou.optimizers import Optimizer
from tongtou.schedules import Schedule

STOCHASTIC = ("sgd", "adam")
"""The solvers that go through the examples in batches."""

_WHOLE = (int, np.integer)
_REAL = (int, float, np.integer, np.floating)
_BOOL = (bool, np.bool_)


@dataclass(frozen=True)
class Span:
    """The numbers low … high; `open_low` and `open_high` leave an end out."""

    low: float
    high: float = math.inf
    open_low: bool = False
    open_high: bool = False

    def __contains__(self, value: Any) -> bool:
        above = value > self.low if self.open_low else value >= self.low
        below = value < self.high if self.open_high else value <= self.high
        return bool(above and below)

    def __str__(self) -> str:
        if self.high == math.inf:
            return f"above {self.low:g}" if self.open_low else f"from {self.low:g} on"
        return f"{self.low:g} … {'below ' if self.open_high else ''}{self.high:g}"


SPANS = {
    "alpha": Span(0),
    "learning_rate_init": Span(0, open_low=True),
    "power_t": Span(0),
    "tol": Span(0),
    "momentum": Span(0, 1),
    "validation_fraction": Span(0, 1, open_high=True),
    "beta_1": Span(0, 1, open_high=True),
    "beta_2": Span(0, 1, open_high=True),
    "epsilon": Span(0, open_low=True),
}
SWITCHES = ("shuffle", "warm_start", "nesterovs_momentum", "early_stopping")


def check_settings(model: Any) -> None:
    """Raise a ValueError that names the first setting outside its range."""
    for name, span in SPANS.items():
        value = getattr(model, name)
        if not isinstance(value, _REAL) or isinstance(value, _BOOL) or value not in span:
            raise ValueError(f"{name} must be a number {span}; it is {value!r}.")
    for name in ("max_iter", "max_fun"):
        check_whole(name, getattr(model, name))
    for name in SWITCHES:
        if not isinstance(getattr(model, name), _BOOL):
            raise ValueError(f"{name} must be True or False; it is {getattr(model, name)!r}.")
    verbose = model.verbose
    if not isinstance(verbose, (*_BOOL, *_WHOLE)) or verbose < 0:
        raise ValueError(f"verbose must be True, False or a whole number; it is {verbose!r}.")
    patience = model.n_iter_no_change
    if not (isinstance(patience, float) and patience == math.inf):
        check_whole("n_iter_no_change", patience, " or infinite")
    if not (isinstance(model.batch_size, str) and model.batch_size == "auto"):
        check_whole("batch_size", model.batch_size, ' or "auto"')
    if model.threads is not None:
        check_whole("threads", model.threads)
    if not isinstance(model.solver, Optimizer):
        choose("solver", model.solver, dict.fromkeys(("lbfgs", *STOCHASTIC)))
    rates = ("constant", "invscaling", "adaptive")
    choose("learning_rate", model.learning_rate, dict.fromkeys(rates))
    if model.schedule is not None and not isinstance(model.schedule, Schedule):
        raise ValueError(f"schedule must be a tongtou Schedule or None; it is {model.schedule!r}.")
    if model.solver == "lbfgs":
        _check_lbfgs(model)


def check_whole(name: str, value: Any, otherwise: str = "") -> None:
    """Raise a ValueError unless the value is a whole number from 1 on."""
    if not isinstance(value, _WHOLE) or isinstance(value, _BOOL) or value < 1:
        raise ValueError(f"{name} must be a whole number from 1 on{otherwise}; it is {value!r}.")


def hidden_sizes(given: Any) -> list[int]:
    """Return hidden_layer_sizes as a list; one number is one hidden layer.

    Raises
    ------
    ValueError
        It holds something else than whole numbers above 0.
    """
    sizes = list(given) if isinstance(given, Iterable) else [given]
    for n in sizes:
        if not isinstance(n, _WHOLE) or isinstance(n, _BOOL) or n <= 0:
            raise ValueError(
                f"hidden_layer_sizes must be > 0, one whole number for each hidden layer, such as "
                f"(100,); got {given!r}."
            )
    return [int(n) for n in sizes]


def _check_lbfgs(model: Any) -> None:
    """Refuse what only makes sense step by step: L-BFGS needs one smooth function."""
    for name in ("dropout", "input_noise", "l1", "augmentation", "schedule"):
        value = getattr(model, name)
        if value if not isinstance(value, Iterable) else any(value):
            raise ValueError(
                f"{name} needs a solver that goes step by step; solver='lbfgs' minimises one "
                f"smooth function. Use solver='adam' or 'sgd', or leave {name} out."
            )
