"""What a run learns from and is measured on: checked, split, weighted."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tongtou import randomness
from tongtou.boundary import (
    Examples,
    all_finite,
    check_same_meaning,
    checked_answers,
    checked_class_weight,
    checked_examples,
    checked_inputs,
    checked_sample_weight,
)
from tongtou.datasets.dataset import Dataset
from tongtou.engines import Engine
from tongtou.errors import DataError, ShapeError
from tongtou.training.windows import check_finite, input_dtype, is_streamed

if TYPE_CHECKING:
    from tongtou.network import Network


@dataclass(frozen=True)
class Material:
    """The examples of a run.

    Attributes
    ----------
    X, y : ndarray
        Checked (see `tongtou.boundary`); where `streamed`, X is as the user gave it.
    rows, held : ndarray of uint32
        Which of them are learnt from, and which only measured.
    weights : ndarray of float64, shape (n,), or None
        What each counts while learning.
    held_weights : ndarray of float64, shape (n,), or None
        What each counts in validation: its sample_weight alone.
    streamed : bool
        X stays on disk and is read window by window.
    own : tuple of X and y, or None
        Validation examples beside X, where X is streamed.
    """

    X: Any
    y: NDArray[Any]
    rows: NDArray[np.uint32]
    held: NDArray[np.uint32]
    weights: NDArray[np.float64] | None
    held_weights: NDArray[np.float64] | None
    streamed: bool
    own: tuple[Any, NDArray[Any]] | None

    @property
    def n_held(self) -> int:
        """How many examples are only measured."""
        return len(self.held) if self.own is None else len(self.own[1])

    @property
    def labelled(self) -> bool:
        """Whether y are class numbers."""
        return self.y.ndim == 1


def gathered(
    net: Network,
    data: Examples,
    validation: float | int | Examples | None,
    sample_weight: ArrayLike | None,
    class_weight: str | Mapping[Any, float] | None,
    engine: Engine,
    seed: int,
) -> Material:
    """Check what `fit` was given, and return it as `Material`."""
    X, y, streamed = _pair(data, net)
    _check_network(net, data)
    n, own = len(y), None
    each = None if sample_weight is None else checked_sample_weight(sample_weight, n)
    rows, held = np.arange(n, dtype=np.uint32), np.empty(0, np.uint32)
    if isinstance(validation, (Dataset, tuple)):
        X2, y2, streamed2 = _pair(validation, net)
        if isinstance(data, Dataset):
            check_same_meaning(validation, data.classes, data.preprocessing)
        kind, kind2 = (input_dtype(one, net.blueprint) for one in (X, X2))
        if kind2 != kind or y2.ndim != y.ndim:
            raise DataError(
                "validation must be of the kind that is learnt from: X "
                f"{kind} and {kind2}, y of {y.ndim} and {y2.ndim} dimensions."
            )
        if streamed or streamed2:
            own, streamed = (X2, y2), True
        else:
            X, y = _stacked(X, X2), np.concatenate([y, y2])
            held = np.arange(n, len(y), dtype=np.uint32)
            each = None if each is None else np.concatenate([each, np.ones(len(y2))])
    elif validation is not None:
        order = engine.order(seed, 0, n, randomness.SPLIT)
        n_held = _n_held(validation, n)
        rows, held = np.sort(order[n_held:]), np.sort(order[:n_held])
    names = class_names(data) or net.classes
    by_class = checked_class_weight(class_weight, y, net.sizes[-1], names, rows)
    weights = each if by_class is None else by_class if each is None else each * by_class
    for what, w, among in (("learnt from", weights, rows), ("held out", each, held)):
        if w is not None and len(among) and not w[among].any():
            raise DataError(
                f"the weights of the examples {what} are all 0, so nothing counts; give some of "
                "them a sample_weight or class_weight above 0."
            )
    return Material(X, y, rows, held, weights, each, streamed, own)


def class_names(data: Examples) -> tuple[Any, ...]:
    """Return the names of the classes that the data brings along."""
    return data.classes if isinstance(data, Dataset) else ()


def _pair(data: Examples, net: Network) -> tuple[Any, NDArray[Any], bool]:
    if isinstance(data, Dataset):
        X: Any = data.X
        y: Any = data.y
    elif isinstance(data, tuple) and len(data) == 2:
        X, y = data
    else:
        raise ValueError(
            "examples must be a Dataset or a tuple (X, y) of inputs and answers; "
            f"they are {_told(data)}. "
            "Of a table take those of table.split() or table.prepared()."
        )
    if not is_streamed(X):
        checked = data if isinstance(data, Dataset) else X
        return *checked_examples(checked, None if checked is data else y, net.blueprint), False
    checked_inputs(X[:1], net.blueprint)  # its shape and kind, before anything long
    answers = checked_answers(y, len(X), net.blueprint)
    check_finite(X, net.blueprint)
    return X, answers, True


def _stacked(X: Any, X2: Any) -> Any:
    if isinstance(X, np.ndarray) and isinstance(X2, np.ndarray):
        return np.concatenate([X, X2])
    from scipy import sparse

    return sparse.vstack([X, X2], format="csr")


def _check_network(net: Network, data: Examples) -> None:
    """Refuse a network that cannot be trained, or whose outputs are not the classes of the data."""
    for number, layer in enumerate(net.layers, start=1):
        if not (all_finite(layer.W) and all_finite(layer.b)):
            raise DataError(
                f"the parameters of the network must be finite; layer {number} holds NaN or "
                "infinity. Set its W and b, or start again with net.initialize()."
            )
    n_out = net.sizes[-1]
    names = len(class_names(data))
    if names and names != max(n_out, 2):
        raise ShapeError(
            f"the data has {names} classes but the network {n_out} outputs; build the network with "
            "one output a class (a single output serves two classes)."
        )


def _told(value: object) -> str:
    """What came, in few words: examples may be long."""
    if isinstance(value, (tuple, list)):
        return f"a {type(value).__name__} of {len(value)}"
    shown = repr(value) if isinstance(value, (bool, str)) else ""
    return shown if 0 < len(shown) <= 40 else f"of the type {type(value).__name__}"


def _n_held(validation: object, n: int) -> int:
    number = isinstance(validation, (int, float, np.integer, np.floating))
    if not number or isinstance(validation, bool):
        raise ValueError(
            "validation must be a share such as 0.1, a number of examples, a Dataset or a tuple "
            f"(X, y); it is {_told(validation)}."
        )
    value, n_held = float(validation), 0  # type: ignore[arg-type]
    if 0 < value < 1:
        n_held = round(value * n)
    elif math.isfinite(value) and value == int(value):
        # 1.0 looks like a share, which would be all of them
        n_held = 0 if isinstance(validation, float) and value == 1 else int(value)
    if not 0 < n_held < n:
        raise ValueError(
            f"validation must be a share between 0 and 1 or a number 1 … {n - 1} of the {n} "
            f"examples; it is {validation!r}."
        )
    return n_held
