"""Taking a whole neuron out, and how changes of loss and accuracy are told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numpy.typing import ArrayLike

from tongtou.datasets.dataset import Dataset
from tongtou.explanation.counterfactuals import Outcome, Sections
from tongtou.explanation.formulas import number, significant
from tongtou.explanation.lessons import lesson_on
from tongtou.i18n import text
from tongtou.settings import checked_whole


@dataclass(frozen=True)
class Removal:
    """What a whole neuron is worth.

    Attributes
    ----------
    layer, neuron : int
    mean_activation : float
        Over the data.
    now, zeroed, held : Outcome
        As the network is; with the activation 0 for all; with it at its mean for all, so that the
        next layer hears its habit but nothing of the example.
    """

    layer: int
    neuron: int
    mean_activation: float
    now: Outcome
    zeroed: Outcome
    held: Outcome

    def to_dict(self) -> dict[str, Any]:
        """Return all, ready for JSON."""
        return {
            "layer": self.layer,
            "neuron": self.neuron,
            "mean_activation": self.mean_activation,
            "now": self.now.to_dict(),
            "zeroed": self.zeroed.to_dict(),
            "held": self.held.to_dict(),
        }

    def __str__(self) -> str:
        where = {"layer": self.layer, "neuron": self.neuron}
        return "\n".join(
            [
                text("provenance.removed", **where) + " " + said_of(self.now, self.zeroed),
                text("provenance.held", **where, mean=shown(self.mean_activation))
                + " "
                + said_of(self.now, self.held),
            ]
        )


def removal(
    model: Any, data: Dataset | tuple[ArrayLike, ArrayLike], layer: int, neuron: int
) -> Removal:
    """Return what happens to loss and accuracy when a hidden neuron is taken out.

    Parameters
    ----------
    model : Network, or a fitted estimator
        Left as it is.
    data : Dataset or (X, y)
    layer : int
        A hidden layer, 1 … L - 1.
    neuron : int
        Counted from 0.

    Returns
    -------
    Removal

    Raises
    ------
    ShapeError, DataError
        As for `Network.loss`.
    ValueError
        There is no such hidden neuron.

    Examples
    --------
    >>> import tongtou as tt
    >>> from tongtou.explanation.removals import removal
    >>> net = tt.Network([1, 1, 1], activation="linear", output="linear", dtype="float64")
    >>> net.layers[0].W, net.layers[1].W = [[2.0]], [[1.0]]
    >>> found = removal(net, ([[1.0], [2.0]], [[2.0], [4.0]]), 1, 0)
    >>> found.now.loss, found.zeroed.loss, found.held.loss  # (4 + 16) / 2 and (1 + 1) / 2
    (0.0, 10.0, 1.0)
    """
    lesson = lesson_on(model, data)
    net = lesson.network
    n_hidden = len(net.layers) - 1
    layer = checked_whole("layer", layer, 1)
    if layer > n_hidden:
        raise ValueError(
            f"layer must be a hidden one, 1 … {n_hidden}; it is {layer}."
            if n_hidden
            else "this network has no hidden layer, so no neuron of it can be taken out."
        )
    neuron = checked_whole("neuron", neuron, 0)
    if neuron >= net.sizes[layer]:
        raise ValueError(f"neuron must be one of 0 … {net.sizes[layer] - 1}; it is {neuron}.")
    mean, (now, zeroed, held) = Sections(lesson, layer).of_neuron(neuron)
    return Removal(layer, neuron, mean, now, zeroed, held)


def said_of(now: Outcome, then: Outcome) -> str:
    """Return how loss and accuracy change, in words."""
    change = then.loss - now.loss
    values = {"loss": number(significant(then.loss, 4)), "change": _signed(change)}
    if then.accuracy is None or now.accuracy is None:
        return text("provenance.then_loss", **values)
    points = number(significant(round(100 * (then.accuracy - now.accuracy), 3), 3), "+")
    return text("provenance.then", **values, accuracy=f"{then.accuracy:.2%}", points=points)


def shown(value: float) -> str:
    """Return a number for the eye, with four digits."""
    return number(significant(value, 4))


def _signed(value: float) -> str:
    return number(significant(value, 3), "+")
