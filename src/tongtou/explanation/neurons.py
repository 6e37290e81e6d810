"""One neuron of a trace, and one input, where a trace ends."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from tongtou.activations import Activation, Array
from tongtou.explanation import equations, formulas
from tongtou.i18n import text

if TYPE_CHECKING:
    from tongtou.explanation.trace import Explanation

TERM: Final = np.dtype([("i", np.int64), ("w", np.float64), ("a", np.float64), ("wa", np.float64)])
"""One term: input i, its weight, the activation that comes in, their product."""


def sorted_terms(W: Array, a: Array) -> NDArray[Any]:
    """Return the terms W[j, i] a[i] of each neuron j, largest first, equal ones by i.

    Parameters
    ----------
    W : ndarray, shape (n_out, n_in)
    a : ndarray, shape (n_in,)

    Returns
    -------
    ndarray of TERM, shape (n_out, n_in)

    Examples
    --------
    >>> sorted_terms(np.array([[1.0, -3.0]]), np.array([2.0, 1.0]))[0].tolist()
    [(1, -3.0, 1.0, -3.0), (0, 1.0, 2.0, 2.0)]
    """
    a64 = a.astype(np.float64)
    weights = W.astype(np.float64, order="C")
    live, dead = np.flatnonzero(a64), np.flatnonzero(a64 == 0)
    live_weights = weights[:, live]
    sizes = np.abs(live_weights * a64[live])
    if not sizes.all():  # a weight of 0: its term is to stand among those of black pixels
        live, dead, live_weights = np.arange(len(a64)), dead[:0], weights
        sizes = np.abs(weights * a64)
    n = len(live)  # black pixels' terms are 0 whatever their weights: they come last, unsorted
    order = np.argsort(-sizes, axis=1, kind="stable")
    terms = np.zeros(W.shape, TERM)
    front, back = terms[:, :n], terms[:, n:]
    front["i"], front["a"] = live[order], a64[live][order]
    front["w"] = live_weights.ravel()[order + np.arange(len(W))[:, None] * n]
    front["wa"] = front["w"] * front["a"]
    back["i"], back["w"] = dead, weights[:, dead]
    return terms


@dataclass(frozen=True)
class InputTrace:
    """One input of the network.

    Attributes
    ----------
    i : int
        Its number.
    value : float
        As the network sees it: of a pixel u / 255.
    pixel : int or None
        The grey value 0 … 255, where it came as one.
    place : tuple of int
        Row and column (and channel) in the picture, counted from 0, where there is one.
    name : str
        The column of the table, where it is known.
    """

    i: int
    value: float
    pixel: int | None = None
    place: tuple[int, ...] = ()
    name: str = ""

    @property
    def label(self) -> str:
        """What stands beside it in a formula."""
        if self.name:
            return self.name
        if self.place:
            return text("explain.pixel", place=", ".join(map(str, self.place)))
        return f"a[0][{self.i}]"

    def to_dict(self) -> dict[str, Any]:
        """Return it ready for JSON."""
        return asdict(self) | {"place": list(self.place)}

    def __str__(self) -> str:
        return f"{self.label} = {formulas.number(formulas.significant(self.value, 4))}"


class NeuronTrace:
    """One neuron's equation with its numbers.

    ::

        z = bias + sum_i w_i a_i        a = f(z)

    Attributes
    ----------
    layer, j : int
        Layer 1 … L, neuron 0 … n_l - 1.
    """

    __slots__ = ("_of", "j", "layer")

    def __init__(self, of: Explanation, layer: int, j: int) -> None:
        self._of, self.layer, self.j = of, layer, j

    @property
    def z(self) -> float:
        """The kernel's weighted sum, bias included."""
        return float(self._of.z[self.layer][self.j])

    @property
    def a(self) -> float:
        """The kernel's activation."""
        return float(self._of.a[self.layer][self.j])

    @property
    def bias(self) -> float:
        """The bias."""
        return float(self._of.network.layers[self.layer - 1].b[self.j])

    @property
    def activation(self) -> Activation:
        """The function that makes a of z."""
        return self._of.network.layers[self.layer - 1].activation

    @property
    def terms(self) -> NDArray[Any]:
        """Fields i, w, a, wa of each input, (n_{l-1},), largest abs(wa) first."""
        row: NDArray[Any] = self._of.terms(self.layer)[self.j]
        return row

    def follow(self, i: int) -> NeuronTrace | InputTrace:
        """Return what term i came from: a neuron of the layer before, or an input.

        Raises
        ------
        IndexError
            The neuron has no input i.
        """
        n_in = self._of.network.sizes[self.layer - 1]
        if not 0 <= i < n_in:
            raise IndexError(f"this neuron has the inputs 0 … {n_in - 1}; got {i}.")
        return self._of.input(i) if self.layer == 1 else self._of.neuron(self.layer - 1, i)

    def figures(self, n_terms: int = 5, digits: int = 4) -> formulas.Figures:
        """Return the figures of `formula` as data: ``bias + products + others = z``, exactly.

        Raises
        ------
        ValueError
            A number of terms below 0, or of digits outside 1 … 12.
        """
        if n_terms < 0 or not 1 <= digits <= 12:
            raise ValueError(
                "expected n_terms from 0 on and digits from 1 to 12; "
                f"got n_terms={n_terms} and digits={digits}."
            )
        terms = self.terms
        if len(terms) == n_terms + 1 and n_terms:
            n_terms += 1  # one more line says more than "the other term"
        n_live = int(np.count_nonzero(terms["wa"]))
        n_shown = min(n_terms, len(terms))
        if n_shown < len(terms):
            n_shown = min(n_shown, n_live)  # products of 0 need no lines
        shift = None
        if self.activation.name == "softmax":
            z = self._of.z[self.layer].astype(np.float64)
            shift = float(z.max() + np.log(np.exp(z - z.max()).sum()))
        return formulas.figures(
            self.layer,
            self.j,
            self.bias,
            [(self._of.label(self.layer - 1, i), w, a) for i, w, a, _ in terms[:n_shown].tolist()],
            len(terms) - n_shown,
            len(terms) - max(n_live, n_shown),
            self.z,
            self.a,
            self.activation,
            shift=shift,
            digits=digits,
        )

    def formula(self, n_terms: int = 5, latex: bool = False, digits: int = 4) -> str:
        """Return the equation with its numbers, whose figures add up as they are shown.

        Parameters
        ----------
        n_terms : int
            How many terms to show, the largest; the others are summed.
        latex : bool
            LaTeX, as MathJax and KaTeX take it, instead of text.
        digits : int
            Significant digits of the largest figure.

        Raises
        ------
        ValueError
            A number of terms below 0, or of digits outside 1 … 12.
        """
        said = self.figures(n_terms, digits)
        return equations.as_latex(said) if latex else equations.as_text(said)

    def to_dict(self, n_terms: int | None = None) -> dict[str, Any]:
        """Return it ready for JSON: the `n_terms` largest terms as [i, w, a, w·a], or all."""
        return {
            "layer": self.layer,
            "j": self.j,
            "z": self.z,
            "a": self.a,
            "bias": self.bias,
            "n_terms": len(self.terms),
            "terms": [list(one) for one in self.terms[:n_terms].tolist()],
        }

    def __str__(self) -> str:
        return self.formula()

    def __repr__(self) -> str:
        return f"NeuronTrace(layer {self.layer}, j {self.j}, z {self.z:.6g}, a {self.a:.6g})"
