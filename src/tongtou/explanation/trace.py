"""The trace: every neuron's z, a, bias and terms for one example, down to the pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tongtou.activations import Array
from tongtou.explanation.examples import Example, example_of
from tongtou.explanation.gaps import Gap, gap_of
from tongtou.explanation.inside import values_of_checked
from tongtou.explanation.neurons import TERM, InputTrace, NeuronTrace, sorted_terms
from tongtou.i18n import text

if TYPE_CHECKING:
    from tongtou.explanation.why import Why
    from tongtou.network import Network


class Explanation:
    """Where each number of one answer comes from; `tongtou.explain` makes it.

    Attributes
    ----------
    network : Network
        A copy of the network as it was: training the original later changes nothing here.
    z, a : tuple of ndarray
        Index = superscript: ``z[l]`` and ``a[l]`` (n_l,) of layer l, the kernel's own values in
        the network's dtype; ``z[0]`` has no elements, ``a[0]`` is the input as the network sees
        it, in float64.
    input_shape : tuple of int
        Of the picture, where it is one.
    input_names : tuple of str
        Of a table's columns, where they are known.
    answer
        What `Network.predict` says: a class, or numbers in the table's own units.

    Examples
    --------
    >>> import numpy as np, tongtou as tt
    >>> net = tt.Network([2, 2, 1], output="linear", activation="relu")
    >>> net.layers[0].W, net.layers[1].W = [[1, 2], [3, -1]], [[0.5, 1]]
    >>> e = explain(net, np.array([2.0, 1.0]))
    >>> e.z[1].tolist(), e.z[2].tolist()
    ([4.0, 5.0], [7.0])
    >>> print(e.neuron(2, 0).formula())
    z[2][0] =  0.000   bias
              +5.000   = 1 × 5   a[1][1]
              +2.000   = 0.5 × 4   a[1][0]
            =  7.000
    a[2][0] = 7.000
    >>> e.neuron(2, 0).follow(1).terms["wa"].tolist()
    [6.0, -1.0]
    """

    def __init__(self, example: Example) -> None:
        self.network: Network = example.network
        self.input_shape = example.shape
        self.input_names = example.names
        self._inputs = example.inputs
        Z, A = values_of_checked(example.network, example.inputs)
        self.z: tuple[Array, ...] = (Z[0], *(z[0] for z in Z[1:]))
        self.a: tuple[Array, ...] = tuple(a[0] for a in A)
        self._terms: dict[int, NDArray[Any]] = {}

    # ---------------------------------------------------------------- what the network says

    @property
    def x(self) -> NDArray[Any]:
        """The example as the network takes it, (n_in,): uint8 pixels or numbers of its dtype."""
        return cast("NDArray[Any]", _dense(self._inputs)[0])

    @property
    def n_layers(self) -> int:
        """L, the number of layers with parameters."""
        return len(self.a) - 1

    @property
    def answer(self) -> Any:
        """A class, or a number (a list of them where there are several outputs)."""
        found = self.network.predict(self._inputs)[0]
        plain = found.tolist() if hasattr(found, "tolist") else found
        return plain[0] if isinstance(plain, list) and len(plain) == 1 else plain

    @property
    def outputs(self) -> Array:
        """A[L] of this example, (n_L,)."""
        return self.a[-1]

    # ---------------------------------------------------------------- the trace

    def neuron(self, layer: int, j: int) -> NeuronTrace:
        """Return the trace of neuron j = 0 … n_l - 1 of layer l = 1 … L.

        Raises
        ------
        IndexError
            There is no such neuron.
        """
        sizes = self.network.sizes
        if not 1 <= layer <= self.n_layers:
            raise IndexError(
                f"layers are numbered 1 … {self.n_layers}; got {layer}. Layer 0 is the input, "
                "which has no weighted sum: see a[0]."
            )
        if not 0 <= j < sizes[layer]:
            raise IndexError(f"layer {layer} has the neurons 0 … {sizes[layer] - 1}; got {j}.")
        return NeuronTrace(self, int(layer), int(j))

    def neurons(self, layer: int) -> list[NeuronTrace]:
        """Return the traces of all neurons of a layer."""
        return [self.neuron(layer, j) for j in range(self.network.sizes[layer])]

    def input(self, i: int) -> InputTrace:
        """Return input i = 0 … n_0 - 1: where every trace ends.

        Raises
        ------
        IndexError
            There is no such input.
        """
        n_in = self.network.sizes[0]
        if not 0 <= i < n_in:
            raise IndexError(f"the network has the inputs 0 … {n_in - 1}; got {i}.")
        value = self.x[i]
        pixel = int(value) if value.dtype == np.uint8 else None
        place: tuple[int, ...] = ()
        if len(self.input_shape) >= 2:
            place = tuple(int(k) for k in np.unravel_index(i, self.input_shape))
        name = self.input_names[i] if self.input_names else ""
        return InputTrace(int(i), float(self.a[0][i]), pixel, place, name)

    def terms(self, layer: int) -> NDArray[Any]:
        """Return every term of every neuron of a layer, each row sorted by size.

        ::

            wa = W[l][j, i] a[l-1][i]       z[l][j] = b[l][j] + sum_i wa

        Returns
        -------
        ndarray, shape (n_l, n_{l-1}), fields i (int64), w, a, wa (float64)
            Largest abs(wa) first; terms of equal size by i. Products of float32 numbers are exact
            in float64, but those with pixels, where a = u / 255 is itself rounded.
        """
        if layer not in self._terms:
            self.neuron(layer, 0)  # says what is wrong with the number of a layer
            self._terms[layer] = sorted_terms(self.network.layers[layer - 1].W, self.a[layer - 1])
        return self._terms[layer]

    def gap(self, layer: int) -> Gap:
        """Return how far bias and float64 terms are from the kernel's z, and the bound of that.

        The kernel adds n_in products in the network's own precision, in a fixed order. Any order
        stays within the bound, if no intermediate result overflows (Higham 2002, section 3.1).
        """
        self.neuron(layer, 0)
        dense = self.network.layers[layer - 1]
        return gap_of(dense, self.a[layer - 1], self.z[layer])

    # ---------------------------------------------------------------- why, and what would change

    def why(self, answer: Any = None, over: Any = None, reference: ArrayLike | None = None) -> Why:
        """Return why this output is above that one; see `tongtou.explanation.why.Why`.

        Parameters
        ----------
        answer : class or number of an output, optional
            By default the one with the largest weighted sum.
        over : class or number of an output, optional
            By default the largest of the others.
        reference : array_like of n_in values, optional
            What the opening down to the inputs compares with, given as x was; by default zeros:
            a black picture, the average row of a table.

        Raises
        ------
        ValueError
            There is no such class, both are the same, or the network predicts one number.
        ShapeError, DataError
            The reference is not one example of this network.
        """
        from tongtou.explanation.why import why

        return why(self, answer, over, reference)

    def stroke(self, to: Any = None, **settings: Any) -> Any:
        """Return one pen stroke that turns the answer; see `strokes.stroke`.

        It is asked of `network`, the network as it was when it was explained.
        """
        from tongtou.explanation.strokes import stroke

        return stroke(self.network, self._picture(), to, **settings)

    def flip(self, to: Any = None, **settings: Any) -> Any:
        """Return the smallest change in L2 that turns the answer; see `flips.flip`."""
        from tongtou.explanation.flips import flip

        return flip(self.network, self._picture(), to, **settings)

    def attribution(self, method: str = "gradient", **settings: Any) -> Any:
        """Return an attribution; see `attributions.attribution`."""
        from tongtou.explanation.attributions import attribution

        return attribution(self.network, self._picture(), method, **settings)

    def _picture(self) -> NDArray[Any]:
        """Return x in the shape of the picture, where it is one."""
        return self.x.reshape(self.input_shape or -1)

    # ---------------------------------------------------------------- as data, as text

    def to_dict(self, n_terms: int | None = None) -> dict[str, Any]:
        """Return the trace ready for JSON; of each neuron the `n_terms` largest terms, or all."""
        net = self.network
        return {
            "sizes": list(net.sizes),
            "activations": [layer.activation.describe() for layer in net.layers],
            "dtype": str(net.dtype),
            "classes": list(net.classes),
            "answer": self.answer,
            "outputs": self.outputs.tolist(),
            "input": {
                "values": self.a[0].tolist(),
                "shape": list(self.input_shape),
                "names": list(self.input_names),
            },
            "layers": [
                [one.to_dict(n_terms) for one in self.neurons(layer)]
                for layer in range(1, self.n_layers + 1)
            ],
        }

    def __str__(self) -> str:
        out = self.outputs
        first, *rest = np.argsort(-out, kind="stable")[:2]
        lines = [text("explain.answer", answer=self.answer)]
        if rest and self.network.is_classifier:
            lines[0] = text(
                "explain.answer_next",
                answer=self.output_name(first),
                output=f"{out[first]:.3f}",
                next=self.output_name(rest[0]),
                next_output=f"{out[rest[0]]:.3f}",
            )
        lines += [
            text(
                "explain.layer",
                layer=number,
                n=f"{len(self.z[number]):,}",
                activation=layer.activation.name,
                low=f"{self.a[number].min():.3g}",
                high=f"{self.a[number].max():.3g}",
            )
            for number, layer in enumerate(self.network.layers, start=1)
        ]
        return "\n".join(lines)

    def __repr__(self) -> str:
        sizes = "-".join(map(str, self.network.sizes))
        return f"Explanation({sizes}, answer {self.answer!r})"

    def label(self, layer: int, j: int) -> str:
        """Return how a formula names activation j of a layer: an input by what is known of it."""
        return f"a[{layer}][{j}]" if layer else self.input(j).label

    def output_name(self, k: int) -> Any:
        """Return the class of output k, its number where classes have no names."""
        classes = self.network.classes
        return classes[k] if len(classes) == len(self.outputs) else int(k)


def explain(model: Any, x: ArrayLike | Any) -> Explanation:
    """Return where each number of one answer comes from.

    ::

        z[l][j] = b[l][j] + sum_i W[l][j, i] a[l-1][i]        a[l] = f(z[l])        l = 1 … L

    Parameters
    ----------
    model : Network, or a fitted estimator of tongtou.estimators, or a Pipeline that ends in one
    x : array_like of n_in values, in any shape, or one raw row of a table
        As for `Network.predict_proba`: uint8 are pixels. Where the network was trained on a table
        also {column: value} or a data frame of one row.

    Returns
    -------
    Explanation

    Raises
    ------
    TypeError
        The model is none of these.
    ShapeError, DataError
        x is not one example of this network.

    Notes
    -----
    0.04 ms for a digit and the lesson network; with every term of every neuron 0.3 ms.

    Examples
    --------
    >>> import tongtou as tt
    >>> net = tt.Network([784, 16, 16, 10])
    >>> e = explain(net, tt.datasets.mnist().test.X[0])
    >>> pixel = e.neuron(1, 3).follow(203)
    >>> pixel.pixel, round(pixel.value, 3)
    (185, 0.725)
    """
    return Explanation(example_of(model, x))


def _dense(inputs: Any) -> Any:
    return inputs.toarray() if hasattr(inputs, "toarray") else inputs


__all__ = ["TERM", "Explanation", "Gap", "InputTrace", "NeuronTrace", "explain"]
