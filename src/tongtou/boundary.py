"""Checking what a user hands in, once, at the boundary: X, y and the weights of examples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tongtou.choices import listed
from tongtou.datasets.dataset import Dataset, is_sparse
from tongtou.errors import DataError, ShapeError
from tongtou.evaluation import MAX_PACKED_INPUTS, Blueprint, as_float64
from tongtou.losses import one_hot
from tongtou.settings import checked_number

BLOCK_BYTES: Final = 1 << 24
"""How much of a memory map is looked at in one go."""

Examples: TypeAlias = Dataset | tuple[ArrayLike, ArrayLike]
"""What training and measuring take: a Dataset, or a pair (X, y)."""


def all_finite(array: NDArray[Any]) -> bool:
    """Return whether no element is NaN or infinite; large arrays without a temporary one."""
    if array.size < 10_000:
        return bool(np.isfinite(array).all())
    with np.errstate(over="ignore", invalid="ignore"):
        total = array.sum()  # finite, unless something in it is not, or the sum overflows
    return bool(np.isfinite(total)) or bool(np.isfinite(array).all())


def as_array(values: ArrayLike | Dataset, name: str = "X") -> NDArray[Any]:
    """Return the values as an array; of a Dataset its X. Sparse ones and memory maps stay.

    Raises
    ------
    ShapeError
        Its rows have different lengths.
    DataError
        It is a masked array, and something in it is masked.
    """
    if type(values) is np.ndarray:  # first, because one digit is asked for in microseconds
        return values
    if isinstance(values, Dataset):
        return values.X
    if isinstance(values, np.ndarray) and np.any(getattr(values, "mask", False)):
        raise DataError(  # what lies under a mask would be taken for good
            f"{name} is an array with masked values, which cannot be learnt from. Take such rows "
            f"out, or say what stands for them: {name}.filled(…)."
        )
    if isinstance(values, np.memmap) or is_sparse(values):
        return cast("NDArray[Any]", values)  # a sparse array has shape, ndim and dtype too
    try:
        return np.asarray(values)
    except ValueError as error:  # lists of different lengths
        raise ShapeError(
            f"{name} must be a table whose rows are all of one length ({error})."
        ) from error


def checked_inputs(X: ArrayLike | Dataset, blueprint: Blueprint) -> NDArray[Any]:
    """Return X as a C-ordered (n, n_in) array, uint8 or of the network's dtype.

    uint8 (and bool, as 0 and 255) are pixels and stay 8 bits wide; all other numbers are used as
    they are. Pictures (n, height, width) are joined row by row.

    Two kinds stay what they are:

    - SciPy's sparse matrices come back as CSR of the network's dtype, each row's columns rising
      and once only; nothing is made dense. uint8 and bool count as above, so they are scaled.
    - `numpy.memmap` comes back as one, not read into memory but checked block by block, if its
      numbers are uint8 or of the network's dtype and its rows lie one behind the other. Any other
      map is converted like any array, which takes memory.

    Raises
    ------
    ShapeError
        X has not n_in values an example.
    DataError
        X holds no numbers, or NaN or infinity.
    """
    n_in = blueprint.sizes[0]
    array = as_array(X)
    if array.dtype.kind not in "uifb":
        raise DataError(
            f"X must hold numbers; it holds {array.dtype}. "
            "Turn categories into numbers first, and take rows with missing values out."
        )
    if is_sparse(array):
        return _checked_sparse(array, blueprint)
    if array.dtype == np.bool_:
        array = array.astype(np.uint8) * np.uint8(255)
    if array.ndim > 2 and int(np.prod(array.shape[1:])) == n_in:
        array = array.reshape(len(array), n_in)
    if array.ndim != 2 or array.shape[1] != n_in:
        raise ShapeError(
            f"X must have shape (n, {n_in}), one example a row; it has shape {array.shape}."
            + (" For a single example use x.reshape(1, -1)." if array.size == n_in else "")
        )
    if array.dtype == np.uint8 and n_in > MAX_PACKED_INPUTS:
        array = as_float64(array)
    if isinstance(array, np.memmap) and array.flags.c_contiguous:
        if array.dtype == np.uint8:
            return array
        if array.dtype == blueprint.dtype:
            per_block = max(1, BLOCK_BYTES // max(1, array[:1].nbytes))
            for first in range(0, len(array), per_block):
                block = array[first : first + per_block]
                _refuse_infinite(block, block, blueprint, first)
            return array
    if array.dtype != np.uint8:
        given = array
        if array.dtype != blueprint.dtype:
            with np.errstate(over="ignore"):
                array = array.astype(blueprint.dtype)
        _refuse_infinite(array, given, blueprint)
    return np.ascontiguousarray(array)


def _refuse_infinite(
    array: NDArray[Any], given: NDArray[Any], blueprint: Blueprint, first: int = 0
) -> None:
    """Raise a DataError if a number is NaN or infinite; `first` is the number of the first row."""
    if all_finite(array):
        return
    row, column = np.argwhere(~np.isfinite(array))[0]
    _say_infinite(blueprint, first + int(row), int(column), given[row, column])


def _say_infinite(blueprint: Blueprint, row: int, column: int, value: Any) -> None:
    raise DataError(
        f"X must be finite in {blueprint.dtype}; row {row}, column {column} is {value}. "
        "Replace or remove such values first."
    )


def _checked_sparse(X: Any, blueprint: Blueprint) -> NDArray[Any]:
    """Return SciPy's X as canonical CSR of the network's dtype; see `checked_inputs`."""
    n_in = blueprint.sizes[0]
    if len(X.shape) != 2 or X.shape[1] != n_in:
        raise ShapeError(
            f"X must have shape (n, {n_in}), one example a row; it has shape {X.shape}."
        )
    csr = X.tocsr()
    data = csr.data
    if data.dtype == np.uint8:
        data = as_float64(data)
    with np.errstate(over="ignore"):
        data = data.astype(blueprint.dtype, copy=False)
    if not all_finite(data):
        at = int(np.argmin(np.isfinite(data)))
        row = int(np.searchsorted(csr.indptr, at, side="right")) - 1
        _say_infinite(blueprint, row, int(csr.indices[at]), csr.data[at])
    if data is not csr.data:
        csr = type(csr)((data, csr.indices, csr.indptr), shape=csr.shape)
    if not csr.has_canonical_format:
        csr = csr.copy()  # the user's own stays as it is
        csr.sum_duplicates()
    return cast("NDArray[Any]", csr)


def checked_answers(y: ArrayLike, n: int, blueprint: Blueprint) -> NDArray[Any]:
    """Return y as class numbers int32 (n,), or as dense targets (n, n_out) of the network's dtype.

    Raises
    ------
    ShapeError
        The number of rows or of columns is not the network's.
    DataError
        A class number lies outside 0 … n_out - 1, a target is NaN or infinite, or the loss does
        not take such targets.
    """
    n_out = blueprint.sizes[-1]
    array = as_array(y, "y")
    if is_sparse(array):
        array = cast("Any", array).toarray()  # as many labels as outputs, which are dense too
    if array.dtype.kind not in "uifb":
        raise DataError(
            f"y must hold class numbers 0 … {n_out - 1} or real targets; it holds {array.dtype}. "
            "Number the classes first: classes, y = numpy.unique(y, return_inverse=True)."
        )
    if array.ndim not in (1, 2) or len(array) != n:
        raise ShapeError(
            f"y must have {n} rows, one for each of X, and one or two dimensions; "
            f"it has shape {array.shape}."
        )
    if array.ndim == 1 and array.dtype.kind in "uib" and n_out > 1:
        low, high = (int(array.min()), int(array.max())) if n else (0, 0)
        if low < 0 or high >= n_out:
            raise DataError(
                f"class numbers must lie in 0 … {n_out - 1} for {n_out} outputs; y holds "
                f"{low} … {high}. Correct them, or build a network with more outputs."
            )
        return np.ascontiguousarray(array, np.int32)
    with np.errstate(over="ignore"):
        dense = array.reshape(n, -1).astype(blueprint.dtype)
    if dense.shape[1] != n_out:
        raise ShapeError(
            f"real targets must have shape (n, {n_out}), one column an output; "
            f"y has shape {array.shape}. Class numbers must be integers."
        )
    if not np.isfinite(dense).all():
        row = int(np.argwhere(~np.isfinite(dense))[0][0])
        raise DataError(
            f"y must be finite in {blueprint.dtype}; row {row} is {array[row]}. "
            "Remove such rows first."
        )
    blueprint.loss.check_targets(dense)
    return np.ascontiguousarray(dense)


def checked_examples(
    X: ArrayLike | Dataset, y: ArrayLike | None, blueprint: Blueprint
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return X and y checked, from a Dataset or from both; there must be at least one example."""
    if isinstance(X, Dataset):
        if y is not None:
            raise ValueError("a Dataset brings its own y; give the Dataset alone, or X and y.")
        y = X.y
    elif y is None:
        raise ValueError("y is missing; give a Dataset, or both X and y.")
    inputs = checked_inputs(X, blueprint)
    if inputs.shape[0] == 0:  # sparse matrices have no len
        raise DataError("there is no example; at least one is needed.")
    return inputs, checked_answers(y, inputs.shape[0], blueprint)


def check_same_meaning(data: object, classes: Sequence[Any], preprocessing: object) -> None:
    """Refuse a Dataset whose numbers mean something else than those that were learnt from.

    Names of classes are compared as texts, for a folder calls the class 7 "7". Classes at the end
    may be missing: the numbers of the others are the same.

    Parameters
    ----------
    data : object
        Only a Dataset knows what its numbers mean; anything else passes.
    classes : sequence
        The names that were learnt; empty where they are not known.
    preprocessing : TablePreprocessing, PicturePreprocessing or None
        By which the examples learnt from were made.

    Raises
    ------
    DataError
        A class number stands for another class, or another preprocessing made X.

    Examples
    --------
    >>> check_same_meaning(Dataset(np.zeros((1, 2)), np.array([0]), ("cat",)), ("cat", "dog"), None)
    """
    if not isinstance(data, Dataset):
        return
    known, given = [str(one) for one in classes], [str(one) for one in data.classes]
    if known and given != known[: len(given)]:
        raise DataError(
            f"expected the classes that were learnt, {listed(known)}; these examples have "
            f"{listed(given)}, so that their class numbers mean others. Number them alike: of "
            "pictures with a folder of the same name for each class."
        )
    other = data.preprocessing
    if preprocessing is not None and other is not None and other != preprocessing:
        raise DataError(
            "these examples were prepared otherwise than those that were learnt from, so that "
            "their numbers mean something else. Prepare a table with "
            "table.prepared(train.preprocessing), and read pictures with the same settings."
        )


def dense_answers(y: NDArray[Any], n_out: int) -> NDArray[Any]:
    """Return checked answers as dense targets (n, n_out)."""
    return one_hot(y, n_out, np.float32) if y.ndim == 1 else y


def checked_sample_weight(weights: ArrayLike, n: int) -> NDArray[np.float64]:
    """Return the weights of n examples in float64; the mean loss is sum w C / sum w.

    Raises
    ------
    ShapeError
        There is not one number an example.
    DataError
        A weight is no number, negative, NaN or infinite, or all are 0.

    Examples
    --------
    >>> checked_sample_weight([1, 0, 2], 3)
    array([1., 0., 2.])
    """
    array = as_array(weights, "sample_weight")
    if array.shape != (n,):
        raise ShapeError(
            f"sample_weight must have shape ({n},), one number for each example; "
            f"it has shape {array.shape}."
        )
    if array.dtype.kind not in "uifb":
        raise DataError(f"sample_weight must hold numbers; it holds {array.dtype}.")
    weight = np.ascontiguousarray(array, np.float64)
    wrong = ~(np.isfinite(weight) & (weight >= 0))
    if wrong.any():
        row = int(np.argmax(wrong))
        raise DataError(
            f"sample_weight must be finite and not negative; number {row} is {array[row]}. "
            "Give 0 to leave an example out."
        )
    if not weight.any():
        raise DataError("sample_weight is 0 for every example; then there is nothing to learn.")
    return weight


def checked_class_weight(
    class_weight: str | Mapping[Any, float] | None,
    y: NDArray[Any],
    n_out: int,
    classes: Sequence[Any] = (),
    rows: NDArray[Any] | None = None,
) -> NDArray[np.float64] | None:
    """Return the weight that its class gives each example, or None.

    ::

        "balanced":  w_c = n / (n_classes count_c)        n_classes: classes that occur

    so that every class weighs as much as any other, and the mean weight is 1.

    Parameters
    ----------
    class_weight : "balanced", mapping or None
        A mapping names classes, or numbers them if none of its keys is a name; a class that it
        leaves out weighs 1.
    y : ndarray
        Checked answers: class numbers (n,), or 0 and 1 (n, 1) for a single output.
    n_out : int
    classes : sequence, optional
        The names of the classes.
    rows : ndarray of int, optional
        The examples that "balanced" counts, those that are learnt from; by default all.

    Returns
    -------
    ndarray of float64, shape (n,), or None

    Raises
    ------
    ValueError
        The setting is none of these, names an unknown class, or holds a negative weight.
    DataError
        y are no classes, or the classes that occur weigh 0 altogether.

    Examples
    --------
    >>> checked_class_weight("balanced", np.array([0, 0, 0, 1]), 2)
    array([0.66666667, 0.66666667, 0.66666667, 2.        ])
    >>> checked_class_weight({"cat": 3}, np.array([0, 1]), 2, classes=("cat", "dog"))
    array([3., 1.])
    """
    if class_weight is None:
        return None
    if y.ndim == 1:
        numbers = y
    elif n_out == 1 and np.isin(y, (0, 1)).all():
        numbers = y[:, 0].astype(np.int64)
    else:
        raise DataError(
            "class_weight needs one class number for each example; y holds targets of shape "
            f"{y.shape}. Give class numbers, or weigh the examples with sample_weight."
        )
    n_classes = max(n_out, 2)
    weights = np.ones(n_classes)
    if isinstance(class_weight, str) and class_weight == "balanced":
        counts = np.bincount(numbers if rows is None else numbers[rows], minlength=n_classes)
        occur = counts > 0
        weights[occur] = counts.sum() / (occur.sum() * counts[occur])
    elif isinstance(class_weight, Mapping):
        for key, weight in class_weight.items():
            weights[_class_number(key, class_weight, classes, n_classes)] = checked_number(
                f"class_weight[{key!r}]", weight, 0.0
            )
    else:
        raise ValueError(
            'class_weight must be "balanced" or a mapping such as {"cat": 2.0, "dog": 1.0}; '
            f"it is {class_weight!r}."
        )
    each: NDArray[np.float64] = weights[numbers]
    if not each.any():
        raise DataError("class_weight is 0 for every example; then there is nothing to learn.")
    return each


def _class_number(
    key: Any, class_weight: Mapping[Any, float], classes: Sequence[Any], n_classes: int
) -> int:
    """Return which class a key of class_weight means."""
    names = list(classes)
    if any(one in names for one in class_weight):  # by name, then, all of them
        if key in names:
            return names.index(key)
    elif isinstance(key, (int, np.integer)) and not isinstance(key, bool) and 0 <= key < n_classes:
        return int(key)
    known = ", ".join(map(repr, names)) if names else f"0 … {n_classes - 1}"
    raise ValueError(f"class_weight names the class {key!r}; the classes are {known}.")
