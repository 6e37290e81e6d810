"""One hidden neuron: what it weighs, what excites it, for whom it speaks, what it is worth."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tongtou.evaluation import as_float64
from tongtou.explanation.edges import EdgeFit
from tongtou.explanation.excitation import Excitation, strongest_inputs
from tongtou.explanation.intervals import number_or_none, numbers_or_none
from tongtou.explanation.questions import plain
from tongtou.explanation.removal_costs import RemovalCost
from tongtou.explanation.removals import said_of, shown
from tongtou.explanation.selectivity import Pair, by_class, is_constant
from tongtou.explanation.viewing import View
from tongtou.i18n import text

Wide = NDArray[np.float64]
_SHARE_OF_PICTURE = 0.01


class Excited(NamedTuple):
    """An example and how much it excites a neuron.

    Attributes
    ----------
    row : int
        Its place in the data.
    activation : float
    answer : class name or target
        The right one.
    """

    row: int
    activation: float
    answer: Any

    def to_dict(self) -> dict[str, Any]:
        """Return it ready for JSON."""
        return self._asdict()


@dataclass(frozen=True, eq=False)
class Portrait:
    """What is known of one neuron; docs/explain.md defines each quantity.

    Attributes
    ----------
    layer, j : int
        Layer from 1, neuron from 0.
    weights : ndarray of float64, shape (n_{l-1},)
    bias : float
    picture : ndarray of float64 or None
        In the shape of the input: of the first layer the weights, of deeper ones the mean of the
        examples that excite it most (1 % of the data, at least `most`). None for tables.
    picture_of : "weights", "most_exciting" or None
    mean, spread, low, high : float
        Of its activation over the data.
    is_constant : bool
        It has the same activation for every example.
    most, least : tuple of Excited
        Ties in the order of the data.
    by_class : ndarray of float64, shape (n_classes,)
        Mean activation; NaN for a class without examples; empty where there are no classes.
    best_class : class name or None
    eta_squared : float or None
        Share of its spread that the class explains, 0 … 1.
    strongest : Excitation
        The input within the data's range that excites it most.
    strongest_inked : Excitation or None
        The same with no more ink than the data's median; pictures only.
    removal : RemovalCost or None
        None for an output.
    same_as : tuple of Pair
        Neurons of its layer that say the same.
    edge : EdgeFit or None
        The best edge or bar; first layer of pictures only.
    edge_null, edge_p : float or None
        Mean fit of its random-phase pictures, and the chance that one of them fits as well.
    loops : float or None
        2 AUC - 1 on drawn loops and strokes, -1 … 1: above 0 more active on loops.
    """

    layer: int
    j: int
    weights: Wide
    bias: float
    picture: Wide | None
    picture_of: str | None
    mean: float
    spread: float
    low: float
    high: float
    is_constant: bool
    most: tuple[Excited, ...]
    least: tuple[Excited, ...]
    by_class: Wide
    best_class: Any
    eta_squared: float | None
    strongest: Excitation
    strongest_inked: Excitation | None
    removal: RemovalCost | None = None
    same_as: tuple[Pair, ...] = ()
    edge: EdgeFit | None = None
    edge_null: float | None = None
    edge_p: float | None = None
    loops: float | None = None

    def to_dict(self, pictures: bool = True) -> dict[str, Any]:
        """Return it ready for JSON.

        Parameters
        ----------
        pictures : bool
            With weights and pictures; without them it is short.
        """
        edge = None
        if self.edge is not None:
            beside = {"random_phase": self.edge_null, "p": self.edge_p}
            edge = self.edge.to_dict(pictures) | beside
        inked = self.strongest_inked
        drawn = pictures and self.picture is not None
        return {
            "layer": self.layer,
            "neuron": self.j,
            "weights": self.weights.tolist() if pictures else None,
            "bias": self.bias,
            "picture": self.picture.tolist() if drawn and self.picture is not None else None,
            "picture_of": self.picture_of,
            "mean": self.mean,
            "spread": self.spread,
            "low": self.low,
            "high": self.high,
            "constant": self.is_constant,
            "most": [one.to_dict() for one in self.most],
            "least": [one.to_dict() for one in self.least],
            "by_class": numbers_or_none(self.by_class),
            "best_class": self.best_class,
            "eta_squared": self.eta_squared,
            "strongest": self.strongest.to_dict(pictures),
            "strongest_inked": None if inked is None else inked.to_dict(pictures),
            "removal": None if self.removal is None else self.removal.to_dict(),
            "same_as": [one.to_dict() for one in self.same_as],
            "edge": edge,
            "loops": self.loops,
        }

    def with_found(self, **found: Any) -> Portrait:
        """Return the portrait with more found out."""
        return replace(self, **found)

    def __str__(self) -> str:
        where = {"layer": self.layer, "neuron": self.j}
        numbers = {name: shown(getattr(self, name)) for name in ("mean", "low", "high")}
        lines = [text("features.neuron", **where, **numbers)]
        if self.is_constant:
            lines.append(text("features.constant"))
        if self.eta_squared is not None:
            lines.append(
                text("features.selective", best=self.best_class, share=f"{self.eta_squared:.0%}")
            )
        if self.edge is not None and self.edge_null is not None:
            key = "features.neuron_edge" if self.edge.kind == "edge" else "features.neuron_bar"
            numbers = {"angle": f"{self.edge.angle:.0f}", "fit": f"{self.edge.fit:.0%}"}
            lines.append(text(key, **numbers, random_phase=f"{self.edge_null:.0%}"))
        if self.removal is not None:
            found = self.removal
            lines.append(text("features.held") + " " + said_of(found.now, found.held))
        for one in self.same_as:
            other = one.k if one.j == self.j else one.j
            lines.append(text("features.same", other=other, r=f"{one.r:.3f}"))
        return "\n".join(lines)


def portraits(view: View, layer: int, A: NDArray[Any], n_examples: int) -> list[Portrait]:
    """Return the portraits of a layer, as far as the layer's activations tell.

    Parameters
    ----------
    view : View
    layer : int
        1 … L.
    A : ndarray, shape (n, n_l)
        Its activations over the data.
    n_examples : int
        How many most and least exciting examples to name.
    """
    net = view.lesson.network
    n = len(A)
    wide = A.astype(np.float64)
    W, b = net.layers[layer - 1].W.astype(np.float64), net.layers[layer - 1].b.astype(np.float64)
    means, spreads = wide.mean(axis=0), wide.std(axis=0)
    classes = None if view.classes is None else by_class(A, view.classes, len(view.names))
    still = is_constant(A)
    n_mean = min(n, max(n_examples, 1, round(_SHARE_OF_PICTURE * n)))
    top = [largest(A[:, j], max(n_mean, n_examples)) for j in range(A.shape[1])]
    bottom = [largest(-A[:, j], n_examples) for j in range(A.shape[1])]
    starts = as_float64(view.lesson.inputs[np.array([one[0] for one in top])])
    strongest = strongest_inputs(net, layer, view.box(), starts)
    inked = strongest_inputs(net, layer, view.box(True), starts) if view.shape else None

    def excited(rows: NDArray[np.int64], j: int) -> tuple[Excited, ...]:
        return tuple(Excited(int(i), float(A[i, j]), _answer(view, int(i))) for i in rows)

    found = []
    for j in range(A.shape[1]):
        picture: Wide | None = None
        if view.shape:
            picture = (
                W[j] if layer == 1 else as_float64(view.lesson.inputs[top[j][:n_mean]]).mean(0)
            )
            picture = picture.reshape(view.shape)
        eta = None if classes is None else number_or_none(float(classes.eta_squared[j]))
        found.append(
            Portrait(
                layer,
                j,
                W[j],
                float(b[j]),
                picture,
                ("weights" if layer == 1 else "most_exciting") if view.shape else None,
                float(means[j]),
                float(spreads[j]),
                float(A[:, j].min()),
                float(A[:, j].max()),
                bool(still[j]),
                excited(top[j][:n_examples], j),
                excited(bottom[j], j),
                np.empty(0) if classes is None else classes.means[:, j],
                None if classes is None or eta is None else plain(view.names[classes.best[j]]),
                eta,
                strongest[j],
                None if inked is None else inked[j],
            )
        )
    return found


def largest(values: NDArray[Any], k: int) -> NDArray[np.int64]:
    """Return where the k largest are, largest first, equal ones in order.

    Examples
    --------
    >>> largest(np.array([1.0, 3.0, 3.0, 2.0, 3.0]), 2).tolist()
    [1, 2]
    """
    k = min(k, len(values))
    if k == 0:
        return np.empty(0, np.int64)
    least = np.partition(values, len(values) - k)[len(values) - k]
    candidates = np.flatnonzero(values >= least)
    order = np.argsort(-values[candidates], kind="stable")[:k]
    rows: NDArray[np.int64] = candidates[order]
    return rows


def _answer(view: View, row: int) -> Any:
    if view.classes is not None:
        return plain(view.names[view.classes[row]])
    return plain(view.lesson.answers[row])
