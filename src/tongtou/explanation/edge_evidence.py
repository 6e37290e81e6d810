"""Do the neurons of the first layer find edges? Measured against what is no edge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tongtou.explanation.edge_nulls import random_phase, shuffled, untrained
from tongtou.explanation.edges import EdgeFit, Support, Wide, best_fits, described
from tongtou.explanation.intervals import FEWEST, Interval, mean_interval
from tongtou.network import Network

MAX_MEASURED: Final = 256
"""Of more neurons so many are measured, evenly spread."""
N_NULLS: Final = 39
MARGIN: Final = 0.01
"""Differences of R² below this count as none: the random pictures are as smooth to about 0.002."""
_NULLS_AT_MOST = 2560  # of all neurons together, unless the caller says how many
_N_SHUFFLES = 3
_SMALLEST_SIDE = 6


@dataclass(frozen=True, eq=False)
class EdgeEvidence:
    """How well an edge fits the first layer's weight images, beside three nulls.

    Attributes
    ----------
    neurons : ndarray of int, shape (n,)
        Those measured: all whose weights are not constant, at most 256.
    fits : tuple of EdgeFit
        One each.
    untrained, shuffled : ndarray of float64, shape (n', ), (n, 3)
        The same measure on untrained networks, and on the weights in random order.
    random_phase : ndarray of float64, shape (n, n_nulls)
        The same on random pictures of the same spectrum and support.
    p : ndarray of float64, shape (n,)
        (1 + number of random_phase fits that are at least as good) / (1 + n_nulls).
    difference : Interval
        Mean over the neurons of fit - mean random_phase fit; 95 % bootstrap over the neurons.
    support : ndarray of bool, shape (height, width)
    """

    neurons: NDArray[np.int64]
    fits: tuple[EdgeFit, ...]
    untrained: Wide
    shuffled: Wide
    random_phase: Wide
    p: Wide
    difference: Interval
    support: NDArray[np.bool_]

    @property
    def mean_fit(self) -> float:
        """Mean fit over the neurons."""
        return float(np.mean([one.fit for one in self.fits]))

    @property
    def n_above(self) -> int:
        """How many neurons have p ≤ 0.05; 5 % of them would by chance."""
        return int((self.p <= 0.05).sum())

    @property
    def verdict(self) -> str:
        """One of "mostly", "partly", "no", "less", "too_few": see docs/explain.md."""
        low, high = self.difference.low, self.difference.high
        if low is None or high is None:
            return "too_few"
        if low > MARGIN:
            return "mostly" if self.mean_fit >= 0.5 else "partly"
        return "less" if high < -MARGIN else "no"

    def of(self, j: int) -> tuple[EdgeFit, float, float] | None:
        """Return fit, mean random-phase fit and p of neuron j; None where it was not measured."""
        at = np.flatnonzero(self.neurons == j)
        if not len(at):
            return None
        k = int(at[0])
        return self.fits[k], float(self.random_phase[k].mean()), float(self.p[k])

    def to_dict(self) -> dict[str, Any]:
        """Return it ready for JSON; the neurons' own fits are with the neurons."""
        return {
            "n_neurons": len(self.neurons),
            "n_pixels": int(self.support.sum()),
            "n_nulls": int(self.random_phase.shape[1]),
            "fit": self.mean_fit,
            "untrained": float(self.untrained.mean()),
            "shuffled": float(self.shuffled.mean()),
            "random_phase": float(self.random_phase.mean()),
            "difference": self.difference.to_dict(),
            "n_above": self.n_above,
            "verdict": self.verdict,
        }


def pictures_of(weights: NDArray[Any], shape: tuple[int, ...]) -> Wide:
    """Return weights (n, n_in) as pictures (n, height, width): channels meant, large ones shrunk.

    Pictures of twice 28 pixels and more are averaged over squares, to a shorter side of 28 … 55.
    """
    height, width = shape[:2]
    planes = weights.astype(np.float64).reshape(len(weights), height, width, -1).mean(axis=3)
    k = max(1, min(height, width) // 28)
    planes = planes[:, : height // k * k, : width // k * k]
    means: Wide = planes.reshape(len(planes), height // k, k, width // k, k).mean(axis=(2, 4))
    return means


def edge_evidence(
    net: Network,
    shape: tuple[int, ...],
    spread: Wide,
    *,
    n_nulls: int | None = None,
    seed: int = 0,
) -> EdgeEvidence | None:
    """Measure the first layer against edges; None where its weights are no pictures.

    Parameters
    ----------
    net : Network
    shape : tuple of int
        (height, width) or (height, width, channels) of the inputs.
    spread : ndarray, shape (n_in,)
        Standard deviation of each input over the data. Support: where it is at least a tenth of
        the largest. Elsewhere weights hardly moved from where they started.
    n_nulls : int, optional
        Random-phase pictures for each neuron; by default 39, fewer (at least 9) for more than 65
        neurons.
    seed : int
    """
    if len(shape) < 2 or min(shape[:2]) < _SMALLEST_SIDE:
        return None
    widths = pictures_of(spread[None], shape)[0]
    mask = (widths >= 0.1 * widths.max()) & (widths > 0)
    if mask.sum() < _SMALLEST_SIDE**2:
        return None
    support = Support(mask)
    weights = np.asarray(net.layers[0].W, np.float64)
    pictures = pictures_of(weights, shape)
    inside = pictures[:, mask]
    alive = np.flatnonzero(np.ptp(inside, axis=1) > 1e-9 * (1e-300 + np.abs(inside).max(axis=1)))
    if not len(alive):
        return None
    if len(alive) > MAX_MEASURED:
        alive = alive[np.linspace(0, len(alive) - 1, MAX_MEASURED).round().astype(np.int64)]
    pictures = pictures[alive]
    n = len(pictures)
    if n_nulls is None:
        n_nulls = max(9, min(N_NULLS, _NULLS_AT_MOST // n))
    rng = np.random.Generator(np.random.Philox(seed))
    others = untrained(net, -(-max(n, FEWEST) // net.sizes[1]), seed)
    fresh = np.concatenate([pictures_of(one.layers[0].W, shape) for one in others])[:MAX_MEASURED]
    mixed = np.concatenate([shuffled(pictures, mask, rng) for _ in range(_N_SHUFFLES)])
    phases = np.concatenate([random_phase(one, mask, n_nulls, rng) for one in pictures])
    # all at once: the templates are made once
    all_fits, which = best_fits(np.concatenate([pictures, fresh, mixed, phases]), support)
    ends = np.cumsum([n, len(fresh), len(mixed)])
    fits, of_fresh, of_mixed, of_phases = np.split(all_fits, ends)
    of_phases = of_phases.reshape(n, n_nulls)
    beaten = (of_phases >= fits[:, None]).sum(axis=1)
    return EdgeEvidence(
        alive,
        tuple(described(pictures, support, fits, which[:n])),
        of_fresh,
        of_mixed.reshape(_N_SHUFFLES, n).T,
        of_phases,
        (1 + beaten) / (1 + n_nulls),
        mean_interval(fits - of_phases.mean(axis=1), rng),
        mask,
    )
