"""What hidden neurons see: `features`, and the verdict on edges, loops and strokes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from numpy.typing import ArrayLike

from tongtou.datasets.dataset import Dataset
from tongtou.explanation.edge_evidence import EdgeEvidence, edge_evidence
from tongtou.explanation.lessons import Lesson
from tongtou.explanation.loop_evidence import LoopEvidence, loop_evidence
from tongtou.explanation.portraits import Portrait, portraits
from tongtou.explanation.questions import plain
from tongtou.explanation.removal_costs import MOST_ROWS, removal_costs, rows_to_measure
from tongtou.explanation.seeing_verdict import verdict_of
from tongtou.explanation.selectivity import Pair, correlations, redundant_pairs
from tongtou.explanation.viewing import activations, view_of
from tongtou.i18n import text
from tongtou.randomness import checked_seed
from tongtou.settings import checked_number, checked_whole

SAME: Final = 0.95
"""Neurons whose activations correlate at least so much are called redundant."""


@dataclass(frozen=True, eq=False)
class Features:
    """What the hidden neurons of a network see.

    Attributes
    ----------
    layers : tuple of tuple of Portrait
        ``layers[0]`` is layer 1; hidden layers, or the outputs of a network without any.
    classes : tuple
        Names, in the order of `Portrait.by_class`; empty where there are none.
    n_examples : int
        How many examples the neurons were looked at with.
    shape : tuple of int
        Of the pictures; empty for tables.
    input_names : tuple of str
        Columns of a table, where known.
    redundant : tuple of tuple of Pair
        For each layer the pairs of neurons that say the same.
    same : float
        The threshold for that.
    edges : EdgeEvidence or None
        The first layer against edges; None where the inputs are no picture.
    loops : tuple of LoopEvidence
        Each hidden layer against drawn loops and strokes; empty where there is no picture.
    seed : int
    """

    layers: tuple[tuple[Portrait, ...], ...]
    classes: tuple[Any, ...]
    n_examples: int
    shape: tuple[int, ...]
    input_names: tuple[str, ...]
    redundant: tuple[tuple[Pair, ...], ...]
    same: float
    edges: EdgeEvidence | None
    loops: tuple[LoopEvidence, ...]
    seed: int

    def neuron(self, layer: int, j: int) -> Portrait:
        """Return the portrait of neuron j (from 0) of a layer (from 1).

        Raises
        ------
        IndexError
            There is none.
        """
        if not 1 <= layer <= len(self.layers):
            raise IndexError(f"layer must be 1 … {len(self.layers)}; it is {layer}.")
        found = self.layers[layer - 1]
        if not 0 <= j < len(found):
            raise IndexError(f"layer {layer} has the neurons 0 … {len(found) - 1}; got {j}.")
        return found[j]

    def verdict(self, language: str | None = None) -> str:
        """Return the answer to "do hidden neurons find edges, loops and strokes?", as measured.

        Parameters
        ----------
        language : "en", "zh" or None
            By default the one in use.

        Raises
        ------
        ValueError
            Another language.
        """
        return verdict_of(self.edges, self.loops, len(self.layers), language)

    def to_dict(self, pictures: bool = True) -> dict[str, Any]:
        """Return all, ready for JSON.

        Parameters
        ----------
        pictures : bool
            With weights and pictures; without them it is a tenth as long.
        """
        return {
            "n_examples": self.n_examples,
            "shape": list(self.shape),
            "classes": [plain(one) for one in self.classes],
            "input_names": list(self.input_names),
            "seed": self.seed,
            "same": self.same,
            "verdict": {language: self.verdict(language) for language in ("en", "zh")},
            "edges": None if self.edges is None else self.edges.to_dict(),
            "loops": [one.to_dict() for one in self.loops],
            "layers": [
                {
                    "layer": number,
                    "redundant": [one.to_dict() for one in pairs],
                    "constant": [one.j for one in neurons if one.is_constant],
                    "neurons": [one.to_dict(pictures) for one in neurons],
                }
                for number, (neurons, pairs) in enumerate(
                    zip(self.layers, self.redundant, strict=True), start=1
                )
            ],
        }

    def __str__(self) -> str:
        lines = [
            text(
                "features.summary",
                neurons="-".join(str(len(one)) for one in self.layers),
                n=f"{self.n_examples:,}",
            ),
            self.verdict(),
        ]
        for number, (neurons, pairs) in enumerate(
            zip(self.layers, self.redundant, strict=True), start=1
        ):
            still = sum(one.is_constant for one in neurons)
            lines.append(text("features.redundant", layer=number, pairs=len(pairs), still=still))
        return "\n".join(lines)


def features(
    net: Any,
    data: Dataset | tuple[ArrayLike, ArrayLike],
    *,
    seed: int = 0,
    n_nulls: int | None = None,
    n_examples: int = 9,
    same: float = SAME,
    removal_rows: int = MOST_ROWS,
    shape: tuple[int, ...] | None = None,
) -> Features:
    """Return what each hidden neuron sees, and whether it is edges, loops and strokes.

    Parameters
    ----------
    net : Network, or a fitted estimator of tongtou.estimators, or a Pipeline that ends in one
        Left as it is.
    data : Dataset or (X, y)
        The examples that neurons are looked at with: pictures or table rows.
    seed : int
        Of the nulls and intervals.
    n_nulls : int, optional
        Random-phase pictures for each neuron of the first layer; by default 39, fewer for more
        than 65 neurons.
    n_examples : int
        How many most and least exciting examples to name.
    same : float
        Neurons of a layer are redundant whose activations correlate at least so much (or at most
        minus so much).
    removal_rows : int
        On how many examples, at most, removals are measured; 0 leaves them out.
    shape : tuple of int, optional
        (height, width) or (height, width, channels), where neither data nor network know it; ()
        for no picture.

    Returns
    -------
    Features
        ``.neuron(l, j)``, ``.verdict("zh")``, ``.to_dict()``; print it for a summary.

    Raises
    ------
    ShapeError, DataError
        The data do not fit the network.
    TypeError
        The model is none of these.
    ValueError
        A number out of its range, or data that are neither.

    Notes
    -----
    About 3 s for the lesson network and 10,000 digits.

    Examples
    --------
    >>> import tongtou as tt
    >>> from tongtou.explanation import features
    >>> digits = tt.datasets.mnist().test[:500]
    >>> seen = features(tt.Network([784, 8, 10]), digits, n_nulls=9)
    >>> seen.edges.verdict, len(seen.neuron(1, 7).most)
    ('no', 9)
    """
    seed = checked_seed(seed)
    if n_nulls is not None:
        n_nulls = checked_whole("n_nulls", n_nulls, 1)
    n_examples = checked_whole("n_examples", n_examples, 0)
    removal_rows = checked_whole("removal_rows", removal_rows, 0)
    same = checked_number("same", same, 0.0, above=True)
    view = view_of(net, data, shape)
    network, inputs = view.lesson.network, view.lesson.inputs
    n, L = inputs.shape[0], len(network.layers)
    layers = range(1, max(L, 2))
    edges: EdgeEvidence | None = None
    loops: tuple[LoopEvidence, ...] = ()
    if view.shape:
        edges = edge_evidence(network, view.shape, view.spread, n_nulls=n_nulls, seed=seed)
        loops = loop_evidence(network, layers, view.shape, view.paper, view.ink, seed=seed)
    costs = None
    if removal_rows and L > 1:
        rows = rows_to_measure(network, n, removal_rows)
        part = Lesson(network, inputs[rows], view.lesson.answers[rows])
        classes = None if view.classes is None else view.classes[rows]
        costs = [removal_costs(part, layer, classes, len(view.names)) for layer in layers]
    found, redundant = [], []
    for layer in layers:
        A = activations(network, layer, inputs)
        pairs = redundant_pairs(correlations(A), same)
        redundant.append(pairs)
        row = []
        for one in portraits(view, layer, A, n_examples):
            j = one.j
            more: dict[str, Any] = {"same_as": tuple(p for p in pairs if j in (p.j, p.k))}
            if costs:
                more["removal"] = costs[layer - 1][j]
            measured = edges.of(j) if edges is not None and layer == 1 else None
            if measured:
                more["edge"], more["edge_null"], more["edge_p"] = measured
            if loops:
                told = loops[layer - 1]
                more["loops"] = float(told.separations[j] * told.directions[j])
            row.append(one.with_found(**more))
        found.append(tuple(row))
    return Features(
        tuple(found),
        view.names,
        n,
        view.shape,
        tuple(map(str, getattr(network.preprocessing, "feature_names", ()))),
        tuple(redundant),
        same,
        edges,
        loops,
        seed,
    )
