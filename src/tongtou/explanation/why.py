"""Why this and not that: the difference of two weighted sums, split exactly."""

from __future__ import annotations

import math
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tongtou.activations import Array
from tongtou.choices import listed
from tongtou.explanation.blocks import Block
from tongtou.explanation.examples import example_of
from tongtou.explanation.opening import Doubles, opening
from tongtou.explanation.pulls import Pulls
from tongtou.explanation.why_figures import WhyFigures, as_text, why_figures
from tongtou.i18n import text

if TYPE_CHECKING:
    from tongtou.explanation.trace import Explanation


class Why:
    """Why the weighted sum of one output is above that of another.

    ::

        z_p - z_q = (b_p - b_q) + sum_k v_k a_k                v_k = W[L][p, k] - W[L][q, k]
        v_k a_k   = v_k rest_k + sum_i (share of input i)      a = a[L-1]

    p is the answer, q the other output. With one output, of yes and no, z_q = 0: v = W[L][0] for
    yes over no, with the opposite sign for no over yes.

    Attributes
    ----------
    answer, over
        The two classes.
    bias : float
        b_p - b_q.
    biases : tuple of float
        b_p and b_q.
    blocks : tuple of Block
        What each neuron of the last hidden layer gives, largest first. Where there is no hidden
        layer, the inputs.
    terms : Pulls
        The blocks in the order of their neurons, and behind them the bias.
    reference : ndarray of float64, shape (n_0,)
        What the opening compares with.
    weighted_sums : tuple of float
        z_p and z_q, the kernel's own.
    kernel_net : float
        Their difference.
    bound : float
        What `net` may differ from that by: the kernel's rounding, see `Explanation.gap`.

    Notes
    -----
    With sigmoid outputs a weighted sum is log(a / (1 - a)); with softmax z_p - z_q is
    log(a_p / a_q).

    Examples
    --------
    >>> import numpy as np, tongtou as tt
    >>> net = tt.Network([2, 2, 2], activation="relu")
    >>> net.layers[0].W = [[1.0, 1.0], [2.0, -1.0]]
    >>> net.layers[1].W = [[1.0, 3.0], [2.0, 0.0]]
    >>> w = why(tt.explanation.explain(net, np.array([1.0, 1.0])), 1, over=0)
    >>> w.net, w.pull_for, w.pull_against
    (-1.0, 2.0, -3.0)
    >>> w.blocks[0], w.blocks[0].inputs.values.tolist()
    (Block(layer 1, j 1, value -3), [-6.0, 3.0])
    """

    def __init__(
        self,
        of: Explanation,
        p: int,
        q: int | None,
        names: tuple[Any, Any],
        sign: float,
        reference: Doubles,
    ) -> None:
        self.answer, self.over = names
        self.reference = reference
        last = of.network.layers[-1]
        W, b, z = last.W.astype(np.float64), last.b.astype(np.float64), of.z[-1].astype(np.float64)
        none = np.zeros(W.shape[1])
        self.biases = (sign * float(b[p]), 0.0 if q is None else float(b[q]))
        self.bias = self.biases[0] - self.biases[1]
        self.weighted_sums = (sign * float(z[p]), 0.0 if q is None else float(z[q]))
        self.kernel_net = self.weighted_sums[0] - self.weighted_sums[1]
        self._pull = sign * W[p] - (none if q is None else W[q])
        self._a: Doubles = of.a[-2].astype(np.float64)
        doubles = [a.astype(np.float64) for a in of.a[:-1]]
        self._opening = opening(of.network, doubles[0], doubles, reference)
        self._of = of
        self.terms = Pulls(np.append(self._pull * self._a, self.bias))
        bound = of.gap(of.n_layers).bound
        self.bound = float(bound[p] + (0.0 if q is None else bound[q]))

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        """What each neuron of the last hidden layer gives, largest first."""
        layer = len(self._opening.moved) - 1
        values = self._pull * self._a
        rest = self._pull * self._opening.rest[layer]
        return tuple(
            Block(
                layer, int(k), float(values[k]), float(rest[k]), float(self._pull[k]), self._opening
            )
            for k in Pulls(values).order()
        )

    # ---------------------------------------------------------------- the sum, and its honesty

    @property
    def net(self) -> float:
        """The bias and all blocks: the difference."""
        return self.terms.net

    @property
    def pull_for(self) -> float:
        """The blocks, and the bias, that speak for the answer."""
        return self.terms.pull_for

    @property
    def pull_against(self) -> float:
        """The blocks, and the bias, that speak for the other: 0 or below."""
        return self.terms.pull_against

    @property
    def gross(self) -> float:
        """The sizes of all blocks and of the bias together."""
        return self.terms.gross

    @property
    def cancellation(self) -> float:
        """How many times net goes into gross: about 10 in a close call."""
        return self.terms.cancellation

    # ---------------------------------------------------------------- down to the inputs

    @cached_property
    def inputs(self) -> Pulls:
        """The share of each input: ``net = on_reference + inputs.net``."""
        return Pulls(self._opening.to_inputs(len(self._opening.moved) - 1, self._pull))

    @property
    def on_reference(self) -> float:
        """The difference that is there on the reference too: the bias and every block's rest."""
        rest = self._pull * self._opening.rest[-1]
        return math.fsum([self.bias, *rest.tolist()])

    @property
    def picture(self) -> NDArray[np.float64]:
        """The share of each input in the shape of the picture; (n_0,) where there is none."""
        return self.inputs.values.reshape(self._of.input_shape or -1)

    def to_dict(self) -> dict[str, Any]:
        """Return it ready for JSON."""
        return {
            "answer": self.answer,
            "over": self.over,
            "biases": list(self.biases),
            "bias": self.bias,
            "weighted_sums": list(self.weighted_sums),
            "kernel_net": self.kernel_net,
            **self.terms.summary(),
            "blocks": [one.to_dict() for one in self.blocks],
            "inputs": self.inputs.summary() | {"values": self.inputs.values.tolist()},
            "on_reference": self.on_reference,
            "reference": self.reference.tolist(),
        }

    # ---------------------------------------------------------------- as text

    @property
    def explanation(self) -> Explanation:
        """The explanation whose answer this is about."""
        return self._of

    @property
    def has_one_output(self) -> bool:
        """Whether one output says yes or no, so that its weighted sum is compared with 0."""
        return self._of.network.sizes[-1] == 1

    def label(self, k: int) -> str:
        """Return the name of term k of `terms`: an activation, or the biases at the end."""
        if k == self.terms.n - 1:
            return text("explain.bias" if self.has_one_output else "explain.biases")
        return self._of.label(self._of.n_layers - 1, k)

    def figures(self, n_terms: int = 5, digits: int = 4) -> WhyFigures:
        """Return the figures of `str(self)`: terms and others add up to net as they are shown.

        Raises
        ------
        ValueError
            A number of terms below 0, or of digits outside 1 … 12.
        """
        return why_figures(self, n_terms, digits)

    def __str__(self) -> str:
        return as_text(self, self.figures())

    def __repr__(self) -> str:
        return f"Why({self.answer!r} over {self.over!r}, net {self.net:.6g})"


def why(
    of: Explanation, answer: Any = None, over: Any = None, reference: ArrayLike | None = None
) -> Why:
    """Return why an answer is above another; see `Explanation.why`."""
    x0 = np.zeros(of.network.sizes[0])
    if reference is not None:
        x0 = example_of(of.network, reference).as_float64()
    z = of.z[-1]
    if len(z) == 1:
        if not of.network.is_classifier:
            raise ValueError(
                "this network predicts one number, which stands above no other. See what it is "
                f"made of with neuron({of.n_layers}, 0)."
            )
        names = of.network.classes if len(of.network.classes) == 2 else (0, 1)
        p, q = _two(names, np.array([-z[0], z[0]]), answer, over)
        return Why(of, 0, None, (names[p], names[q]), 1.0 if p else -1.0, x0)
    names = tuple(of.output_name(k) for k in range(len(z)))
    p, q = _two(names, z, answer, over)
    return Why(of, p, q, (names[p], names[q]), 1.0, x0)


def _two(names: tuple[Any, ...], z: Array, answer: Any, over: Any) -> tuple[int, int]:
    """Return the numbers of the two outputs; what is not given is the largest of the others."""
    given = [None if one is None else _number_of(one, names) for one in (answer, over)]
    if given[0] is not None and given[0] == given[1]:
        raise ValueError(f"expected two different classes; got {names[given[0]]!r} twice.")
    order = [int(k) for k in np.argsort(-z, kind="stable")]
    p = next(k for k in order if k != given[1]) if given[0] is None else given[0]
    q = next(k for k in order if k != p) if given[1] is None else given[1]
    return p, q


def _number_of(given: Any, names: tuple[Any, ...]) -> int:
    """Return the number of the output of this name: as it is, or written like it."""
    for same in (lambda name: name == given, lambda name: str(name) == str(given)):
        for k, name in enumerate(names):
            if same(name):
                return k
    known = listed(names) if isinstance(names[0], str) else ", ".join(map(str, names))
    raise ValueError(f"there is no class {given!r}; the classes are {known}.")
