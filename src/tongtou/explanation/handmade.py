"""An edge neuron made by hand: plus on the edge, minus above and below; and one without the minus.

A neuron that only adds up the light on a line is fooled by anything bright. What makes it see an
edge is the minus around it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tongtou.datasets.dataset import Dataset
from tongtou.errors import ShapeError
from tongtou.evaluation import as_float64
from tongtou.i18n import text
from tongtou.network import Network
from tongtou.settings import checked_number

Wide = NDArray[np.float64]

SIDE: Final = 28
_HALF: Final = 0.5  # fires from half of what a perfect edge gives


def edge_neuron(
    surround: bool = True,
    *,
    row: float = 6.0,
    column: float = 13.5,
    angle: float = 0.0,
    length: float = 8.0,
    width: float = 3.0,
) -> Network:
    """Return a network of one neuron that looks for a bright edge in a 28×28 picture.

    ::

        w = +1 on the edge, -1/2 on as wide a strip above and below it, 0 elsewhere
        (each strip scaled so that all weights sum to 0)
        b = -½ · (number of pixels on the edge)         fires, z ≥ 0, from half a perfect edge on

    Parameters
    ----------
    surround : bool
        False leaves out the negative weights.
    row, column : float
        The middle of the edge, (0, 0) in the middle of the first pixel.
    angle : float
        In degrees from a row's direction, clockwise as the picture is seen.
    length, width : float
        Of the edge, in pixels.

    Returns
    -------
    Network
        784-1 with a step function, the threshold neuron of the lesson: 1 where it fires.

    Raises
    ------
    ValueError
        The edge and its surround do not lie within the picture.

    References
    ----------
    Hubel and Wiesel (1962), "Receptive fields, binocular interaction and functional architecture
    in the cat's visual cortex": cells with an excitatory line between two inhibitory flanks.

    Examples
    --------
    >>> net = edge_neuron()
    >>> w = net.layers[0].W.reshape(28, 28)
    >>> w[2:11, 13].tolist()
    [-0.5, -0.5, -0.5, 1.0, 1.0, 1.0, -0.5, -0.5, -0.5]
    """
    for name, value in (("row", row), ("column", column), ("angle", angle)):
        checked_number(name, value, -math.inf)
    length = checked_number("length", length, 0.0, above=True)
    width = checked_number("width", width, 0.0, above=True)
    edge, flanks = _parts(row, column, angle, length, width)
    w = edge.astype(np.float64)
    if surround:
        w -= edge.sum() / flanks.sum() * flanks
    net = Network([SIDE * SIDE, 1], output="step", loss="sse", initializer="zeros")
    net.layers[0].W = w.reshape(1, -1)
    net.layers[0].b = [-_HALF * edge.sum()]
    net.input_shape = (SIDE, SIDE)
    return net


def _parts(
    row: float, column: float, angle: float, length: float, width: float
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return the pixels on the edge, and those above and below."""
    i, j = np.mgrid[:SIDE, :SIDE].astype(np.float64)
    a = math.radians(angle)
    across = math.cos(a) * (i - row) - math.sin(a) * (j - column)
    along = math.sin(a) * (i - row) + math.cos(a) * (j - column)
    # corners of edge and surround
    reach_i = abs(math.cos(a)) * 1.5 * width + abs(math.sin(a)) * length / 2
    reach_j = abs(math.sin(a)) * 1.5 * width + abs(math.cos(a)) * length / 2
    inside = (
        reach_i - 0.5 <= row <= SIDE - 0.5 - reach_i
        and reach_j - 0.5 <= column <= SIDE - 0.5 - reach_j
    )
    if not inside:
        raise ValueError(
            f"the edge and its surround must lie within 28×28 pixels; at row {row:g}, column "
            f"{column:g} they reach {reach_i:.1f} rows and {reach_j:.1f} columns to each side. "
            "Move it inwards or make it smaller."
        )
    long = np.abs(along) <= length / 2
    edge = long & (np.abs(across) <= width / 2)
    flanks = long & ~edge & (np.abs(across) <= 1.5 * width)
    if not edge.any() or not flanks.any():
        raise ValueError(
            f"the edge must cover a pixel; length {length:g} and width {width:g} cover none. "
            "Make it longer or wider."
        )
    return edge, flanks


@dataclass(frozen=True)
class EdgeResponse:
    """What one of the two neurons does.

    Attributes
    ----------
    surround : bool
    perfect, blob : float
        Share of the largest possible sum of its positive weights that it gets from a perfect edge,
        and from a bright disc over all of it; 1 is the perfect edge.
    fires_on_edge, fires_on_blob : bool
    digits : float
        Share of the digits on which it fires.
    digits_with_blob : float
        The same after the disc was laid over each.
    """

    surround: bool
    perfect: float
    blob: float
    fires_on_edge: bool
    fires_on_blob: bool
    digits: float
    digits_with_blob: float

    def to_dict(self) -> dict[str, Any]:
        """Return it ready for JSON."""
        return dict(self.__dict__)


@dataclass(frozen=True, eq=False)
class EdgeLesson:
    """The two neurons beside each other.

    Attributes
    ----------
    with_surround, without : EdgeResponse
    edge, blob : ndarray of uint8, shape (28, 28)
        What they were shown.
    weights : ndarray of float64, shape (2, 28, 28)
        Of both, with and without.
    by_class : ndarray of float64, shape (2, n_classes)
        Share of the digits of each class on which each fires.
    n_digits : int
    """

    with_surround: EdgeResponse
    without: EdgeResponse
    edge: NDArray[np.uint8]
    blob: NDArray[np.uint8]
    weights: Wide
    by_class: Wide
    n_digits: int

    def to_dict(self, pictures: bool = True) -> dict[str, Any]:
        """Return it ready for JSON."""
        return {
            "with_surround": self.with_surround.to_dict(),
            "without": self.without.to_dict(),
            "n_digits": self.n_digits,
            "by_class": self.by_class.tolist(),
            "edge": self.edge.tolist() if pictures else None,
            "blob": self.blob.tolist() if pictures else None,
            "weights": self.weights.tolist() if pictures else None,
        }

    def __str__(self) -> str:
        return "\n".join(
            text(
                key,
                blob=f"{one.blob:.0%}",
                digits=f"{one.digits:.1%}",
                covered=f"{one.digits_with_blob:.1%}",
            )
            for key, one in (
                ("features.hand_with", self.with_surround),
                ("features.hand_without", self.without),
            )
        )


def edge_lesson(data: Dataset | tuple[ArrayLike, ArrayLike], **where: float) -> EdgeLesson:
    """Show the hand-made edge neuron, with and without its minus, an edge, a blob and digits.

    Parameters
    ----------
    data : Dataset or (X, y)
        28×28 pictures, uint8 or 0 … 1, and their class numbers.
    **where : float
        As for `edge_neuron`.

    Returns
    -------
    EdgeLesson

    Raises
    ------
    ShapeError
        They are no 28×28 pictures.
    ValueError
        As `edge_neuron`.

    Examples
    --------
    >>> import tongtou as tt
    >>> seen = edge_lesson(tt.datasets.mnist().train[:1000])
    >>> seen.with_surround.blob, seen.without.blob
    (0.0, 1.0)
    """
    X, y = (data.X, data.y) if isinstance(data, Dataset) else (np.asarray(one) for one in data)
    if X.shape[1:] != (SIDE * SIDE,):
        raise ShapeError(f"expected pictures of 784 pixels, one a row; got shape {X.shape}.")
    nets = [edge_neuron(surround, **where) for surround in (True, False)]
    plus = nets[1].layers[0].W.reshape(SIDE, SIDE) > 0
    edge = np.where(plus, 255, 0).astype(np.uint8)
    seen = nets[0].layers[0].W.reshape(SIDE, SIDE) != 0
    blob = _disc_over(seen)
    top = 255 if X.dtype == np.uint8 else 1
    covered = np.maximum(as_float64(X), as_float64(blob.reshape(1, -1)))
    shares, responses = [], []
    for surround, net in zip((True, False), nets, strict=True):
        fires = net.predict_proba(X if top == 255 else as_float64(X))[:, 0] >= 0.5
        w = net.layers[0].W.astype(np.float64)[0]
        perfect, bright = (float(w @ as_float64(one).ravel()) for one in (edge, blob))
        bias = float(net.layers[0].b[0])
        most = float(w[w > 0].sum())
        responses.append(
            EdgeResponse(
                surround,
                perfect / most,
                round(bright / most, 6) + 0.0,
                perfect + bias >= 0,
                bright + bias >= 0,
                float(fires.mean()),
                float((net.predict_proba(covered)[:, 0] >= 0.5).mean()),
            )
        )
        shares.append([float(fires[y == one].mean()) for one in np.unique(y)])
    return EdgeLesson(
        responses[0],
        responses[1],
        edge,
        blob,
        np.array([net.layers[0].W.reshape(SIDE, SIDE) for net in nets], np.float64),
        np.array(shares),
        len(X),
    )


def _disc_over(seen: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Return a bright disc that covers all of these pixels."""
    places = np.argwhere(seen).astype(np.float64)
    middle = (places.max(axis=0) + places.min(axis=0)) / 2
    radius = np.linalg.norm(places - middle, axis=1).max()
    i, j = np.mgrid[:SIDE, :SIDE]
    disc = np.hypot(i - middle[0], j - middle[1]) <= radius + 1e-9
    return np.where(disc, 255, 0).astype(np.uint8)
