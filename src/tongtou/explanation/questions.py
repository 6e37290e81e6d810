"""One example, the answer it gets, and the answers it could get instead."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tongtou.boundary import as_array, checked_inputs
from tongtou.choices import listed
from tongtou.errors import DataError, ShapeError
from tongtou.evaluation import as_float64
from tongtou.preprocessing import TablePreprocessing

if TYPE_CHECKING:
    from tongtou.network import Network

Bounds = tuple[Any, Any]


def checked_example(net: Network, x: ArrayLike) -> NDArray[Any]:
    """Return one example as a row (1, n_in), uint8 or of the network's dtype.

    Raises
    ------
    ShapeError
        It is not one example.
    DataError
        It holds no numbers, or NaN or infinity.
    """
    array = as_array(x, "x")
    if not hasattr(array, "toarray") and array.size == net.sizes[0]:
        array = array.reshape(1, -1)
    if array.ndim != 2 or array.shape[0] != 1:
        raise ShapeError(
            f"x must be one example of {net.sizes[0]} values; it has shape {array.shape}. "
            "Take one row: X[0]."
        )
    row = checked_inputs(array, net.blueprint)
    return row if not hasattr(row, "toarray") else row.toarray()


def plain(value: Any) -> Any:
    """Return a class name or an answer as JSON has it."""
    return value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value


@dataclass(frozen=True, eq=False)
class Question:
    """Would the network answer otherwise?

    Attributes
    ----------
    net : Network
    row : ndarray, shape (1, n_in)
        The example, uint8 or of the network's dtype.
    candidates : tuple of int
        The outputs that would make another answer: classes that are not the answer now, or
        outputs that are a yes or no of their own and would be turned over.
    """

    net: Network
    row: NDArray[Any]
    candidates: tuple[int, ...]

    @cached_property
    def x(self) -> NDArray[np.float64]:
        """The example as the network sees it, (n_in,)."""
        numbers: NDArray[np.float64] = as_float64(self.row)[0]
        return numbers

    @cached_property
    def before(self) -> NDArray[Any]:
        """The outputs now, (n_out,)."""
        outputs: NDArray[Any] = self.net.predict_proba(self.row)[0]
        return outputs

    @property
    def was(self) -> Any:
        """The answer now."""
        return self.answer(self.row)

    def answer(self, row: NDArray[Any]) -> Any:
        """Return what the network answers to a row, ready for JSON."""
        return plain(self.net.predict(row)[0])

    @property
    def rivals(self) -> bool:
        """Whether the largest output is the answer; otherwise each is a yes or no of its own."""
        return self.net.sizes[-1] > 1 and not self.net.loss_function.is_multilabel

    def turned(self, rows: NDArray[Any]) -> NDArray[np.bool_]:
        """Return for each row whether it gets one of the answers asked about, by the kernel."""
        out = self.net.predict_proba(rows)
        if self.rivals:
            wanted = np.zeros(out.shape[1], np.bool_)
            wanted[list(self.candidates)] = True
            reached: NDArray[np.bool_] = wanted[out.argmax(1)]
            return reached
        chosen = list(self.candidates)
        other: NDArray[np.bool_] = (out[:, chosen] >= 0.5) != (self.before[chosen] >= 0.5)
        turned: NDArray[np.bool_] = np.any(other, axis=1)
        return turned


def question(net: Network, x: ArrayLike, to: Any = None) -> Question:
    """Return the question whether `net` would answer `to` (None: anything else) near x.

    Parameters
    ----------
    net : Network
    x : array_like of n_in values
    to : class name, class number or None
        With several labels an example, the number of the label to turn over.

    Raises
    ------
    DataError
        The network predicts numbers, which are no answers to turn.
    ValueError
        `to` is no class, or is the answer already.
    ShapeError
        x is not one example.
    """
    if not net.is_classifier:
        raise DataError(
            "only an answer among classes can be turned; this network predicts numbers. "
            'Ask for its attribution(method="integrated") instead.'
        )
    row = checked_example(net, x)
    asked = Question(net, row, tuple(range(net.sizes[-1])))
    if not asked.rivals:
        if to is None:
            return asked
        if net.sizes[-1] > 1:
            names = tuple(range(net.sizes[-1]))
            return Question(net, row, (class_number(to, names, "label"),))
        names = net.classes or (0, 1)
        now = int(asked.before[0] >= 0.5)
        number = class_number(to, names)
        _refuse_same(number, now, names)
        return asked
    names = net.classes or tuple(range(net.sizes[-1]))
    now = int(asked.before.argmax())
    if to is None:
        return Question(net, row, tuple(k for k in asked.candidates if k != now))
    number = class_number(to, names)
    _refuse_same(number, now, names)
    return Question(net, row, (number,))


def class_number(to: Any, names: tuple[Any, ...], what: str = "class") -> int:
    """Return the output that bears a name; numbers stand for themselves where names are texts.

    Raises
    ------
    ValueError
        No output bears it.
    """
    if isinstance(to, np.generic):
        to = to.item()
    if not isinstance(to, bool) or any(isinstance(name, bool) for name in names):
        if to in names:
            return names.index(to)
        is_number = isinstance(to, int) and not any(isinstance(one, int) for one in names)
        if is_number and 0 <= to < len(names):
            return int(to)
    raise ValueError(f"no {what} is called {to!r}; expected one of {listed([*map(str, names)])}.")


def _refuse_same(number: int, now: int, names: tuple[Any, ...]) -> None:
    if number == now:
        raise ValueError(
            f"the answer is {names[number]!r} already; ask for another class, or leave `to` out "
            "for whichever is nearest."
        )


def checked_bounds(
    asked: Question, bounds: Any
) -> tuple[NDArray[np.float64], NDArray[np.float64], Bounds | None]:
    """Return low and high for every input, and what to report.

    Raises
    ------
    ShapeError
        They do not fit the example.
    DataError
        The example is not within them.
    ValueError
        A text that is not "auto".
    """
    x = asked.x
    if isinstance(bounds, str):
        if bounds != "auto":
            raise ValueError(f'bounds must be (low, high), None or "auto"; it is {bounds!r}.')
        is_table = isinstance(asked.net.preprocessing, TablePreprocessing)
        in_range = bool((x >= 0).all() and (x <= 1).all())
        bounds = (0.0, 1.0) if in_range and not is_table else None
    if bounds is None:
        return np.full_like(x, -np.inf), np.full_like(x, np.inf), None
    try:
        low, high = (np.broadcast_to(np.asarray(one, np.float64), x.shape) for one in bounds)
    except (TypeError, ValueError) as error:
        raise ShapeError(
            f"bounds must be (low, high), each a number or {x.size} of them; it is {bounds!r:.200}."
        ) from error
    # x is rounded to the network's dtype; its bounds may be too.
    slack = 1e-6 * np.maximum(1, np.abs(x))
    outside = ~((low - slack <= x) & (x <= high + slack))
    if outside.any():
        i = int(outside.argmax())
        raise DataError(
            f"x must lie within the bounds; value {i} is {x[i]:g}, its range {low[i]:g} … "
            f"{high[i]:g}. Widen the bounds."
        )
    return np.minimum(low, x), np.maximum(high, x), (plain(bounds[0]), plain(bounds[1]))
