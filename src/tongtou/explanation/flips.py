"""The smallest change that turns the answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tongtou.explanation.descent import Ground
from tongtou.explanation.questions import Bounds, Question, checked_bounds, plain, question
from tongtou.explanation.slopes import Wide
from tongtou.i18n import text
from tongtou.randomness import checked_seed

if TYPE_CHECKING:
    from tongtou.network import Network

MAX_CANDIDATES: Final = 10
"""Of many other classes the nearest, to first order, are tried."""
N_STARTS: Final = 3
"""Searches for each class: from the example, and from points a little beside it."""
FIRST_SLIDE: Final = 12
"""Steps along the boundary that every search takes; how near it was before says little."""
N_SLIDES: Final = 6
"""The nearest after these go on until they gain nothing."""
NUDGE: Final = 0.5
"""How far beside, in L2."""


@dataclass(frozen=True, eq=False)
class Flip:
    """What `flip` found.

    Attributes
    ----------
    found : bool
        Whether any change turns the answer; if not, what describes it is None.
    was, answer : class name
        The answer before and after; the same where nothing was found.
    to : class name or None
        What was asked for; None is any other answer.
    l2 : float or None
        The size of the change, sqrt(sum (x' - x)²), with x as the network sees it.
    share : float or None
        The same as a part of the input's own norm; None where that is 0.
    largest : float or None
        The largest change of any one value.
    bounds : (low, high) or None
        The range in which the changed input had to stay; None is none.
    before, after : ndarray, shape (n_out,)
        The outputs; `after` is None where nothing was found.
    picture : ndarray or None
        The changed input as the network sees it, of its dtype and the shape of a picture where
        that is known.
    change : ndarray or None
        ``picture`` minus the input, of the same shape.
    """

    found: bool
    was: Any
    answer: Any
    to: Any
    l2: float | None
    share: float | None
    largest: float | None
    bounds: Bounds | None
    before: NDArray[Any]
    after: NDArray[Any] | None
    picture: NDArray[Any] | None
    change: NDArray[Any] | None

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        said = {name: plain(value) for name, value in self.__dict__.items()}
        return said | {"bounds": None if self.bounds is None else [*map(plain, self.bounds)]}

    def __str__(self) -> str:
        if self.l2 is None:
            return text(
                "flip.none" if self.to is None else "flip.none_to", was=self.was, to=self.to
            )
        return text(
            "flip.found" if self.share is None else "flip.found_share",
            was=self.was,
            answer=self.answer,
            l2=f"{self.l2:.3g}",
            share=f"{self.share or 0:.1%}",
            largest=f"{self.largest:.2g}",
        )


def flip(
    net: Network,
    x: ArrayLike,
    to: Any = None,
    *,
    bounds: tuple[ArrayLike, ArrayLike] | str | None = "auto",
    seed: int = 0,
) -> Flip:
    """Find the smallest change in L2 that turns the answer, within the data's range.

    ::

        minimise ||x' - x||₂   subject to   low ≤ x' ≤ high,   answer(x') = to

    Parameters
    ----------
    net : Network
        One that answers with classes.
    x : array_like of n_in values
        uint8 pixels count as 0 … 1.
    to : class name or number, optional
        The answer wanted; by default any other.
    bounds : (low, high), "auto" or None
        Numbers, or one for each input; None for no bounds. "auto": 0 … 1 for pictures and for
        inputs that lie there, none for table rows and others.
    seed : int
        Of the points beside x from which the search starts too.

    Returns
    -------
    Flip
        Print it for a sentence; ``.picture`` is the changed input.

    Raises
    ------
    DataError
        The network predicts numbers, or x is not within the bounds.
    ShapeError
        x is not one example, or the bounds do not fit it.
    ValueError
        `to` is no class, or is the answer already.

    Notes
    -----
    A search, not a proof: the true minimum may lie nearer. It walks with steps of a bounded
    length (DDN; Rony et al. 2019), then along the boundary to where the change is least, by
    projecting x onto the boundary's tangent within the range (as FAB; Croce and Hein 2020). Each
    answer is the kernel's: ``net.predict(found.picture)``. Through hidden steps there is no
    gradient; there the result is a change that turns the answer, seldom the smallest.

    References
    ----------
    Rony et al. (2019), "Decoupling Direction and Norm", algorithm 1. Croce and Hein (2020),
    "Minimally distorted Adversarial Examples with a Fast Adaptive Boundary Attack", section 2.

    Examples
    --------
    >>> import tongtou as tt
    >>> net = tt.Network([2, 2], output="softmax", loss="cross_entropy", initializer="zeros")
    >>> net.layers[0].W = [[3.0, 4.0], [0.0, 0.0]]     # the boundary: 3 x0 + 4 x1 = 0
    >>> found = flip(net, [3.0, 4.0], bounds=None)
    >>> found.was, found.answer, round(found.l2, 3)
    (0, 1, 5.0)
    """
    asked = question(net, x, to)
    seed = checked_seed(seed)
    low, high, reported = checked_bounds(asked, bounds)
    row = _nearest(asked, low, high, seed)
    shape = net.input_shape or (np.shape(x) if np.size(x) == net.sizes[0] else ())
    before, was = asked.before, asked.was
    if row is None:
        return Flip(
            found=False, was=was, answer=was, to=plain(to), l2=None, share=None, largest=None,
            bounds=reported, before=before, after=None, picture=None, change=None,
        )  # fmt: skip
    change = row - asked.x
    l2, norm = float(np.linalg.norm(change)), float(np.linalg.norm(asked.x))
    picture = row.astype(net.dtype).reshape(shape or -1)
    return Flip(
        found=True,
        was=was,
        answer=asked.answer(picture.reshape(1, -1)),
        to=plain(to),
        l2=l2,
        share=l2 / norm if norm else None,
        largest=float(np.abs(change).max()),
        bounds=reported,
        before=before,
        after=net.predict_proba(picture.ravel()),
        picture=picture,
        change=change.reshape(picture.shape),
    )


def _nearest(asked: Question, low: NDArray[Any], high: NDArray[Any], seed: int) -> Wide | None:
    """Return the nearest row that the kernel answers otherwise, exact in the network's dtype."""
    ground = Ground(asked, low, high)
    goals = ground.nearest_goals(MAX_CANDIDATES)
    rng = np.random.default_rng(seed)
    starts: Wide = rng.normal(size=(N_STARTS, len(goals), asked.x.size))
    starts *= NUDGE / np.linalg.norm(starts, axis=-1, keepdims=True)
    starts[0] = 0
    change: Wide = starts.reshape(-1, asked.x.size)
    goals = np.tile(goals, N_STARTS)
    change, found = ground.walk(change, goals)
    if not found.all():
        far, far_goals = ground.far_points(seed)
        change = np.concatenate([change[found], far])
        goals = np.concatenate([goals[found], far_goals])
    change = ground.slide(change, goals, FIRST_SLIDE)
    nearest = np.argsort(np.linalg.norm(change, axis=1), kind="stable")[:N_SLIDES]
    change = ground.slide(change[nearest], goals[nearest])
    return _settled(asked, change, low, high)


def _settled(asked: Question, changes: Wide, low: NDArray[Any], high: NDArray[Any]) -> Wide | None:
    """Return the first point beyond the boundary, by the kernel, on the way of each change.

    The kernel rounds to its own dtype, so its boundary is not quite that of float64: a few points
    before and behind are tried, and the nearest is searched again more finely.
    """
    dtype = asked.net.dtype
    best: Wide | None = None
    least = np.inf
    for change in changes[np.argsort(np.linalg.norm(changes, axis=1))]:
        size = float(np.linalg.norm(change))
        if size * 0.99 > least:
            break
        behind, beyond = 0.0, None
        for stretch in (1.0, 1 + 1e-6, 1 + 1e-5, 1 + 1e-4, 1.001, 1.01, 1.05, 1.2, 2.0):
            rows = _rows(asked, np.array([stretch]), change, low, high, dtype)
            if asked.turned(rows)[0]:
                beyond = stretch
                break
            behind = stretch
        if beyond is None:
            continue
        for _ in range(4):
            t = np.linspace(behind, beyond, 17)[1:]
            turned = asked.turned(_rows(asked, t, change, low, high, dtype))
            first = int(turned.argmax())
            behind, beyond = (t[first - 1] if first else behind), t[first]
        row = _rows(asked, np.array([beyond]), change, low, high, dtype)[0].astype(np.float64)
        far = float(np.linalg.norm(row - asked.x))
        if far < least:
            best, least = row, far
    return best


def _rows(
    asked: Question, t: NDArray[Any], change: NDArray[Any], low: Any, high: Any, dtype: Any
) -> NDArray[Any]:
    rows: NDArray[Any] = np.clip(asked.x + t[:, None] * change, low, high).astype(dtype)
    return rows
