"""The input that excites a neuron most: within the range of the data, and with as much ink."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tongtou.explanation.inside import values_of_checked
from tongtou.explanation.slopes import Slopes, Wide
from tongtou.network import Network

N_STEPS: Final = 60
"""Steps of projected gradient ascent for neurons behind the first layer; fewer in wide networks."""
_FEWEST_STEPS = 6
_WORK = 2e10  # multiplications for all neurons of a layer
_FIRST_STEP, _LAST_STEP = 0.3, 0.003  # of the way across the box


class Box(NamedTuple):
    """Which inputs are allowed.

    ::

        low ≤ x ≤ high        and, where there is a radius,   ||x - paper||₂ ≤ radius

    Attributes
    ----------
    low, high, paper : ndarray, shape (n_in,)
    radius : float or None
    """

    low: Wide
    high: Wide
    paper: Wide
    radius: float | None = None

    def nearest(self, x: Wide) -> Wide:
        """Return the allowed input nearest to each row of x: clip(paper + (x - paper)/(1 + m))."""
        return self._scaled(x - self.paper, at_most=1.0)

    def furthest(self, w: Wide) -> Wide:
        """Return for each row w the allowed x with the largest w·x, exactly.

        Without a radius x is `high` where w > 0, else `low` (`paper` where w = 0 and it is
        neither). With one, clip(paper + w/m) with the m that gives the radius (Karush, Kuhn and
        Tucker's conditions).
        """
        ends = np.where(w > 0, self.high, np.where(w < 0, self.low, self.paper))
        if self.radius is None:
            return ends
        inside = np.linalg.norm(ends - self.paper, axis=1) <= self.radius
        return np.where(inside[:, None], ends, self._scaled(w, at_most=np.inf))

    def _scaled(self, ways: Wide, at_most: float) -> Wide:
        """Return clip(paper + s·way), s ≤ `at_most` the largest within the radius.

        With the inputs known that stand at their limits, s follows from Pythagoras. Too small an s
        knows too few of them and gives a larger s, never too large a one: repeated, it ends.
        """
        if self.radius is None:
            return np.clip(self.paper + ways, self.low, self.high)
        d = np.abs(ways)
        limits = np.where(ways > 0, self.high - self.paper, self.paper - self.low)
        size = np.linalg.norm(d, axis=1, keepdims=True)
        s = self.radius / np.where(size > 0, size, 1.0)
        while True:
            clipped = s * d >= limits
            rest = self.radius**2 - np.square(limits).sum(axis=1, keepdims=True, where=clipped)
            free = np.square(d).sum(axis=1, keepdims=True, where=~clipped)
            more = np.sqrt(np.maximum(rest, 0) / np.where(free > 0, free, 1.0))
            grows = (free > 0) & (more > s * (1 + 1e-12)) & (s < at_most)
            if not grows.any():
                break
            s = np.where(grows, more, s)
        return np.clip(self.paper + np.minimum(s, at_most) * ways, self.low, self.high)


class Excitation(NamedTuple):
    """The input that excites a neuron most, as far as it is known.

    Attributes
    ----------
    x : ndarray of float64, shape (n_in,)
        As the network sees it.
    z, a : float
        Weighted sum and activation there, the kernel's.
    bound : float or None
        No allowed input gives a larger weighted sum. For the first layer it is reached; None where
        it is not known.
    exact : bool
        True for the first layer; otherwise x was searched for.
    """

    x: Wide
    z: float
    a: float
    bound: float | None
    exact: bool

    def to_dict(self, picture: bool = True) -> dict[str, Any]:
        """Return it ready for JSON."""
        found: dict[str, Any] = self._asdict()
        found["x"] = self.x.tolist() if picture else None
        return found


def strongest_inputs(net: Network, layer: int, box: Box, starts: Wide) -> list[Excitation]:
    """Return for each neuron of a layer the allowed input with the largest weighted sum.

    Parameters
    ----------
    net : Network
    layer : int
        1 … L. Layer 1 is solved, others are searched by projected gradient ascent on z.
    box : Box
    starts : ndarray, shape (n_l, n_in)
        Where to start from, neuron by neuron: its most exciting example, say. The middle of the
        range is tried too, and so is what the slope at the start points to.

    Notes
    -----
    z and not a is climbed: a saturates, and both are largest in the same place (but for GELU below
    its dip and softmax). A search proves nothing: `bound` says what cannot be passed.
    """
    W, b = np.asarray(net.layers[0].W, np.float64), np.asarray(net.layers[0].b, np.float64)
    if layer == 1:
        x = box.furthest(W)
        bound = (W * x).sum(axis=1) + b
        bounds: list[float | None] = bound.tolist()
    else:
        x = _climbed(net, layer, box, starts)
        bounds = _upper(net, layer, box)
    narrow = x.astype(net.dtype)
    Z, A = values_of_checked(net, narrow)
    z, a = np.diag(Z[layer]), np.diag(A[layer])
    return [
        Excitation(*one, layer == 1) for one in zip(x, z.tolist(), a.tolist(), bounds, strict=True)
    ]


def _climbed(net: Network, layer: int, box: Box, starts: Wide) -> Wide:
    """Return the best x of each neuron's ascents."""
    slopes = Slopes(_beginning(net, layer), through_steps=True)
    n = net.sizes[layer]
    middle = np.broadcast_to(box.nearest((box.low + box.high)[None] / 2), starts.shape)
    x = np.concatenate([box.nearest(starts), middle])
    neuron = np.tile(np.arange(n), 2)
    _, first = _value_and_slope(slopes, neuron, x)
    ahead = box.furthest(first)
    value, _ = _value_and_slope(slopes, neuron, x)
    further, _ = _value_and_slope(slopes, neuron, ahead)
    x = np.where((further > value)[:, None], ahead, x)
    best, best_value = x.copy(), np.maximum(value, further)
    across = float(np.linalg.norm(box.high - box.low))
    work = 2 * len(x) * sum(W.size for W in slopes.W)
    n_steps = max(_FEWEST_STEPS, min(N_STEPS, int(_WORK / work)))
    for k in range(n_steps):
        value, slope = _value_and_slope(slopes, neuron, x)
        better = value > best_value
        best[better], best_value[better] = x[better], value[better]
        size = np.linalg.norm(slope, axis=1, keepdims=True)
        step = across * _FIRST_STEP * (_LAST_STEP / _FIRST_STEP) ** (k / (n_steps - 1))
        x = box.nearest(x + step * slope / np.where(size > 0, size, 1))
    value, _ = _value_and_slope(slopes, neuron, x)
    better = value > best_value
    best[better], best_value[better] = x[better], value[better]
    second = best_value[n:] > best_value[:n]
    chosen: Wide = np.where(second[:, None], best[n:], best[:n])
    return chosen


def _beginning(net: Network, layer: int) -> Network:
    """Return the network that ends with the weighted sums of a layer."""
    part = Network(
        net.sizes[: layer + 1],
        activation=[one.activation for one in net.layers[: layer - 1]],
        output="linear",
        loss="mse",
        initializer="zeros",
        dtype=net.dtype,
    )
    for mine, theirs in zip(part.layers, net.layers, strict=False):
        mine.W, mine.b = theirs.W, theirs.b
    return part


def _value_and_slope(slopes: Slopes, neuron: NDArray[np.int64], x: Wide) -> tuple[Wide, Wide]:
    """Return z of each row's neuron, and its gradient by the row."""
    Z, A = slopes.onward(slopes.first(x))
    rows = np.arange(len(x))
    delta = np.zeros_like(Z[-1])
    delta[rows, neuron] = 1.0
    return Z[-1][rows, neuron], slopes.to_input(slopes.back(Z, A, delta))


def _upper(net: Network, layer: int, box: Box) -> list[float | None]:
    """Return what no input within low … high can pass, by intervals from layer to layer."""
    low, high = box.low, box.high
    for number, one in enumerate(net.layers[:layer], start=1):
        W, b = one.W.astype(np.float64), one.b.astype(np.float64)
        up, down = np.maximum(W, 0), np.minimum(W, 0)
        low, high = up @ low + down @ high + b, up @ high + down @ low + b
        if number == layer:
            return [float(value) for value in high]
        if one.activation.name in ("gelu", "softmax") or one.activation.parameter < 0:
            break  # these do not only rise
        low, high = one.activation(low), one.activation(high)
    return [None] * net.sizes[layer]
