"""One stroke of a pen, drawn or erased, that turns the answer."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tongtou.errors import DataError, ShapeError
from tongtou.evaluation import as_float64
from tongtou.explanation.pen import covers, pen_width, templates
from tongtou.explanation.questions import plain, question
from tongtou.i18n import text

if TYPE_CHECKING:
    from tongtou.network import Network


@dataclass(frozen=True, eq=False)
class Stroke:
    """What `stroke` found.

    Attributes
    ----------
    found : bool
        Whether any stroke of the family turns the answer; if not, what describes one is None.
    was, answer : class name
        The answer before and after; the same where nothing was found.
    to : class name or None
        What was asked for; None is any other answer.
    drawn : bool or None
        Ink added (True) or taken away.
    start, end : (float, float) or None
        The ends of the stroke's centre line: row and column, (0, 0) in the middle of the first
        pixel. The same for a dot.
    width : float
        Of the pen, in pixels.
    l2 : float or None
        How much it changes the picture: sqrt(sum (x' - x)²), black 0 and white 1.
    n_tried, n_turning : int
        Strokes in the family, and how many of them turn the answer; this one changes least.
    before, after : ndarray, shape (n_out,)
        The outputs; `after` is None where nothing was found.
    picture : ndarray or None
        The changed picture, in the dtype of the input and the shape of a picture.
    """

    found: bool
    was: Any
    answer: Any
    to: Any
    drawn: bool | None
    start: tuple[float, float] | None
    end: tuple[float, float] | None
    width: float
    l2: float | None
    n_tried: int
    n_turning: int
    before: NDArray[Any]
    after: NDArray[Any] | None
    picture: NDArray[Any] | None

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {name: plain(value) for name, value in self.__dict__.items()} | {
            "start": None if self.start is None else list(self.start),
            "end": None if self.end is None else list(self.end),
        }

    def __str__(self) -> str:
        if self.start is None or self.end is None:
            key = "stroke.none" if self.to is None else "stroke.none_to"
            return text(key, n=f"{self.n_tried:,}", was=self.was, to=self.to)
        key = "stroke.drawn" if self.drawn else "stroke.erased"
        return text(
            key,
            was=self.was,
            answer=self.answer,
            start=_place(self.start),
            end=_place(self.end),
            l2=f"{self.l2:.2f}",
            n_turning=f"{self.n_turning:,}",
            n=f"{self.n_tried:,}",
        )


def stroke(
    net: Network, x: ArrayLike, to: Any = None, *, shape: tuple[int, ...] | None = None
) -> Stroke:
    """Find one stroke of a pen that turns the answer, and changes the picture least.

    ::

        cover(p) = min(1, max(0, width/2 + 1/2 - distance(p, segment)))      of each pixel p
        x' = max(x, cover)  or  x' = min(x, 1 - cover)                       lighter or darker

    The family: straight strokes with round ends, their middles every 2 pixels, of 5 lengths and 8
    directions, that lie wholly within the picture; each drawn and erased. Lengths are of a 28×28
    picture and grow with its shorter side. Every one is put to the network.

    Parameters
    ----------
    net : Network
        One that answers with classes.
    x : array_like of n_in values
        A picture: uint8, or numbers in 0 … 1.
    to : class name or number, optional
        The answer wanted; by default any other.
    shape : tuple of int, optional
        (height, width) or (height, width, channels), where neither the network nor x knows it.

    Returns
    -------
    Stroke
        Print it for a sentence; ``.picture`` is the changed picture.

    Raises
    ------
    DataError
        x is no picture, or the network predicts numbers.
    ShapeError
        x is not one example, or `shape` is not its shape.
    ValueError
        `to` is no class, or is the answer already.

    Notes
    -----
    Ink is light where most of the picture is dark, and dark otherwise. 8,288 strokes, 10 ms
    for a digit on the lesson's network. Of several that change the picture equally the first in
    the family's order is taken.

    Examples
    --------
    >>> import numpy as np, tongtou as tt
    >>> net = tt.Network([64, 2], output="softmax", loss="cross_entropy", initializer="zeros")
    >>> net.layers[0].W = [np.ones(64), np.zeros(64)]     # class 0: 4 pixels of ink
    >>> net.layers[0].b = [-4.0, 0.0]
    >>> found = stroke(net, np.zeros((8, 8), np.uint8))
    >>> found.was, found.answer, found.drawn, found.picture.shape
    (1, 0, True, (8, 8))
    """
    asked = question(net, x, to)
    form = _picture_form(net, x, shape)
    base = asked.row.reshape(form)
    light = np.uint8(255) if base.dtype == np.uint8 else net.dtype.type(1)
    if base.dtype != np.uint8 and (base.min() < 0 or base.max() > 1):
        raise DataError(
            f"a stroke needs pixels in 0 … 1, or uint8; x lies in {base.min():g} … {base.max():g}."
        )
    ink_is_light = bool(np.median(base) <= light / 2)
    height, width = form[:2]
    n_tried = n_turning = 0
    best: tuple[float, bool, NDArray[Any], NDArray[Any], NDArray[Any]] | None = None
    for template, half, middles in templates(height, width):
        cover = covers(template, middles, form, base.dtype)
        drawn, erased = np.maximum(base, cover), np.minimum(base, light - cover)
        if not ink_is_light:
            drawn, erased = erased, drawn
        rows = np.concatenate([drawn, erased]).reshape(2 * len(middles), -1)
        turning = np.flatnonzero(asked.turned(rows))
        n_tried, n_turning = n_tried + len(rows), n_turning + len(turning)
        if not len(turning):
            continue
        least, l2 = _least(rows, base, turning)
        # Sums in another order differ in their last digits; the first of equals shall win.
        if best is None or l2 < best[0] * (1 - 1e-12):
            place = middles[least % len(middles)]
            best = (l2, least < len(middles), place, half, rows[least])
    said: dict[str, Any] = {
        "was": asked.was,
        "to": plain(to),
        "width": pen_width(height, width),
        "n_tried": n_tried,
        "n_turning": n_turning,
        "before": asked.before,
    }
    if best is None:
        return Stroke(
            found=False, answer=said["was"], drawn=None, start=None, end=None, l2=None,
            after=None, picture=None, **said,
        )  # fmt: skip
    l2, is_drawn, middle, half, row = best
    return Stroke(
        found=True,
        answer=asked.answer(row.reshape(1, -1)),
        drawn=is_drawn,
        start=(float(middle[0] - half[0]), float(middle[1] - half[1])),
        end=(float(middle[0] + half[0]), float(middle[1] + half[1])),
        l2=l2,
        after=net.predict_proba(row),
        picture=row.reshape(form).copy(),
        **said,
    )


def _picture_form(net: Network, x: ArrayLike, shape: tuple[int, ...] | None) -> tuple[int, ...]:
    """Return (height, width) or (height, width, channels)."""
    n_in = net.sizes[0]
    own = np.shape(x)
    side = math.isqrt(n_in)
    known: tuple[int, ...] = tuple(shape or ())
    if not known and len(net.input_shape) in (2, 3):
        known = net.input_shape
    if not known and len(own) in (2, 3) and own[0] > 1:
        known = own
    if not known and net.preprocessing is None and side * side == n_in and side > 1:
        known = (side, side)
    if not known:
        raise DataError(
            f"a stroke needs a picture; these are {n_in} values of unknown shape. If they are "
            "pixels give shape=(height, width)."
        )
    if len(known) not in (2, 3) or math.prod(known) != n_in:
        raise ShapeError(
            f"shape must be (height, width) or (height, width, channels) of {n_in} values; "
            f"it is {known}."
        )
    return known


def _least(rows: NDArray[Any], base: NDArray[Any], turning: NDArray[np.intp]) -> tuple[int, float]:
    """Return which of the turning rows changes least, the first of equals, and by how much."""
    flat = base.reshape(1, -1)
    changed = rows[turning]
    change = (np.maximum(changed, flat) - np.minimum(changed, flat)).astype(np.float32)
    rough = np.einsum("ni,ni->n", change, change)
    close = turning[rough <= rough.min() * (1 + 1e-4)]
    exact = np.linalg.norm(as_float64(rows[close]) - as_float64(flat), axis=1)
    first = int(np.argmax(exact <= exact.min() * (1 + 1e-12)))
    return int(close[first]), float(exact[first])


def _place(point: tuple[float, float]) -> str:
    return f"({point[0]:.1f}, {point[1]:.1f})"
