"""Do the neurons of a layer tell loops from strokes? Measured against untrained networks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tongtou.explanation.edge_nulls import untrained
from tongtou.explanation.inside import values_of_checked
from tongtou.explanation.intervals import Interval, difference_interval
from tongtou.explanation.shapes import Wide, drawn_shapes
from tongtou.network import Network

N_UNTRAINED: Final = 20
N_PERMUTED: Final = 20
_MOST_NUMBERS = 4_000_000  # weights of all untrained networks together
_FEWEST_UNTRAINED = 5
MARGIN: Final = 0.01


@dataclass(frozen=True, eq=False)
class LoopEvidence:
    """How well the neurons of one layer tell drawn loops from drawn strokes.

    Attributes
    ----------
    layer : int
    separations : ndarray of float64, shape (n_l,)
        abs(2 AUC - 1) of each neuron: 0 tells nothing, 1 tells all apart.
    directions : ndarray of int, shape (n_l,)
        1: more active on loops; -1: on strokes; 0: neither.
    untrained : ndarray of float64, shape (n_untrained,)
        Mean separation over the layer, of each untrained network.
    permuted : float
        Mean separation with loop and stroke exchanged by chance in each pair: what counting noise
        alone gives.
    difference : Interval
        Mean separation - mean of the untrained; 95 % bootstrap over neurons and networks.
    n_pairs : int
    """

    layer: int
    separations: Wide
    directions: NDArray[np.int64]
    untrained: Wide
    permuted: float
    difference: Interval
    n_pairs: int

    @property
    def mean(self) -> float:
        """Mean separation over the layer's neurons."""
        return float(self.separations.mean())

    @property
    def verdict(self) -> str:
        """One of "more", "same", "less", "too_few", than untrained networks."""
        low, high = self.difference.low, self.difference.high
        if low is None or high is None:
            return "too_few"
        if low > MARGIN:
            return "more"
        return "less" if high < -MARGIN else "same"

    def to_dict(self) -> dict[str, Any]:
        """Return it ready for JSON."""
        return {
            "layer": self.layer,
            "separation": self.mean,
            "separations": self.separations.tolist(),
            "directions": self.directions.tolist(),
            "untrained": float(self.untrained.mean()),
            "n_untrained": len(self.untrained),
            "permuted": self.permuted,
            "difference": self.difference.to_dict(),
            "n_pairs": self.n_pairs,
            "verdict": self.verdict,
        }


def loop_evidence(
    net: Network,
    layers: range,
    shape: tuple[int, ...],
    paper: float,
    ink: float,
    *,
    seed: int = 0,
) -> tuple[LoopEvidence, ...]:
    """Measure layers on drawn loops and strokes.

    Parameters
    ----------
    net : Network
    layers : range
    shape : tuple of int
        (height, width) or (height, width, channels) of the inputs.
    paper, ink : float
        The numbers of an empty and of a covered pixel.
    seed : int
    """
    shapes = drawn_shapes(*shape[:2])
    cover = np.concatenate([shapes.loops, shapes.strokes])
    n_pairs = len(shapes.loops)
    planes = np.repeat(cover[..., None], net.sizes[0] // cover[0].size, axis=-1)
    X = (paper + (ink - paper) * planes.reshape(len(cover), -1)).astype(net.dtype)
    n = min(N_UNTRAINED, max(_FEWEST_UNTRAINED, _MOST_NUMBERS // net.n_parameters))
    trained = values_of_checked(net, X)[1]
    others = [values_of_checked(one, X)[1] for one in untrained(net, n, seed)]
    rng = np.random.Generator(np.random.Philox(seed))
    found = []
    for layer in layers:
        areas = areas_under_curve(trained[layer][:n_pairs], trained[layer][n_pairs:])
        separations = np.abs(2 * areas - 1)
        fresh = [
            np.abs(2 * areas_under_curve(A[layer][:n_pairs], A[layer][n_pairs:]) - 1).mean()
            for A in others
        ]
        mixed = []
        for _ in range(N_PERMUTED):
            swap = rng.random(n_pairs)[:, None] < 0.5
            a, b = trained[layer][:n_pairs], trained[layer][n_pairs:]
            permuted = areas_under_curve(np.where(swap, b, a), np.where(swap, a, b))
            mixed.append(np.abs(2 * permuted - 1).mean())
        untrained_means = np.array(fresh)
        found.append(
            LoopEvidence(
                layer,
                separations,
                np.sign(2 * areas - 1).astype(np.int64),
                untrained_means,
                float(np.mean(mixed)),
                difference_interval(separations, untrained_means, rng),
                n_pairs,
            )
        )
    return tuple(found)


def areas_under_curve(a: NDArray[Any], b: NDArray[Any]) -> Wide:
    """Return for each column the chance that a of the first beats one of the second; ties half.

    ::

        AUC = (number of pairs with a > b + ½ number with a = b) / (n m)

    Parameters
    ----------
    a, b : ndarray, shapes (n, k), (m, k)

    References
    ----------
    Hanley and McNeil (1982), "The meaning and use of the area under a ROC curve".

    Examples
    --------
    >>> areas_under_curve(np.array([[2.0], [3.0]]), np.array([[1.0], [2.0]])).tolist()
    [0.875]
    """
    found = np.empty(a.shape[1])
    for k in range(a.shape[1]):
        values = np.sort(b[:, k])
        below = np.searchsorted(values, a[:, k], "left")
        up_to = np.searchsorted(values, a[:, k], "right")
        found[k] = (below + up_to).sum() / (2 * len(a) * len(b))
    return found
