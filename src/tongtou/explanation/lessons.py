"""What a user hands in to be learnt from: a network or an estimator, and examples with answers."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tongtou.boundary import as_array, check_same_meaning, checked_answers, checked_inputs
from tongtou.datasets.dataset import Dataset, is_sparse
from tongtou.errors import DataError
from tongtou.explanation.examples import example_of
from tongtou.explanation.questions import class_number
from tongtou.network import Network


@dataclass(frozen=True, eq=False)
class Lesson:
    """Checked examples and answers, and the network that they are put to.

    Attributes
    ----------
    network : Network
        A copy.
    inputs : ndarray, shape (n, n_in)
    answers : ndarray
        Class numbers (n,) or targets (n, n_out).
    """

    network: Network
    inputs: NDArray[Any]
    answers: NDArray[Any]


def lesson_of(model: Any, x: Any, y: Any = None) -> Lesson:
    """Return one example or many of a network, or of a fitted estimator, checked.

    Parameters
    ----------
    model : Network, or a fitted estimator of `tongtou.estimators`
    x : array_like, one example or (n, n_in); dict of one raw table row; or Dataset
    y : array_like
        Classes by number or by name, or targets; left out with a Dataset.

    Raises
    ------
    ShapeError, DataError
        They do not fit.
    TypeError
        The model is neither.
    ValueError
        y is missing, or there beside a Dataset.

    Examples
    --------
    >>> import tongtou as tt
    >>> lesson_of(tt.Network([2, 3]), [0.5, 1.0], 2).answers
    array([2], dtype=int32)
    """
    if isinstance(x, Dataset):
        if y is not None:
            raise ValueError("a Dataset brings its own y; give the Dataset alone, or x and y.")
        x, y, given = x.X, x.y, x
    else:
        given = None
    if y is None:
        raise ValueError("y is missing; give the right answers, or a Dataset that has them.")
    single = given is None and _is_single(model, x)
    if single:
        example = example_of(model, x)
        net, inputs = example.network, example.inputs
    if hasattr(model, "named_steps"):  # a Pipeline of scikit-learn
        before, model = model[:-1], model[-1]
        x = before.transform(x) if len(before) and not single else x
    if isinstance(model, Network):
        names = tuple(model.classes)
        if not single:
            check_same_meaning(given, model.classes, model.preprocessing)
            net, inputs = copy.copy(model), checked_inputs(x, model.blueprint)
    else:
        names = tuple(np.asarray(getattr(model, "classes_", ())).tolist())
        if not single:
            net = example_of(model, as_array(x, "x")[0]).network
            inputs = model._inputs(x, net)
    if inputs.shape[0] == 0:
        raise DataError("there is no example; at least one is needed.")
    answers = as_array(y, "y")
    if single:
        answers = answers[None]
    by_name = answers.ndim == 1 and (answers.dtype.kind in "OSU" or not isinstance(model, Network))
    if names and by_name:
        numbers = {name: class_number(name, names) for name in dict.fromkeys(answers.tolist())}
        answers = np.array([numbers[one] for one in answers.tolist()], np.int64)
    return Lesson(net, inputs, checked_answers(answers, inputs.shape[0], net.blueprint))


def lesson_on(model: Any, data: Any) -> Lesson:
    """Return `lesson_of` a Dataset or of a tuple (X, y)."""
    if isinstance(data, Dataset):
        return lesson_of(model, data)
    if not isinstance(data, tuple) or len(data) != 2:
        raise ValueError("data must be a Dataset or a tuple (X, y) of inputs and right answers.")
    return lesson_of(model, *data)


def _is_single(model: Any, x: Any) -> bool:
    """Return whether x is one example and not several in rows."""
    if isinstance(x, Mapping):
        return True
    if hasattr(x, "columns"):
        return isinstance(model, Network) and len(x) == 1
    array = as_array(x, "x")
    if is_sparse(array) or array.ndim == 1:
        return array.ndim == 1
    if not isinstance(model, Network):
        return False
    return array.size == model.sizes[0] and array.shape != (1, model.sizes[0])
