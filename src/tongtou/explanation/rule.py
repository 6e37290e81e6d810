"""The chain rule of one parameter, term by term with its numbers, and the proof beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tongtou import evaluation, reference
from tongtou.activations import Array
from tongtou.choices import choose
from tongtou.errors import DataError
from tongtou.explanation import rule_text
from tongtou.losses import Loss
from tongtou.settings import checked_whole

if TYPE_CHECKING:
    from tongtou.explanation.chain import Walk
    from tongtou.network import Network

Wide = Array
_STEP = 2.0**-17


def checked_parameter(
    net: Network, layer: object, name: object, index: Any
) -> tuple[int, str, tuple[int, ...]]:
    """Return layer, name and index of a parameter of this network.

    Raises
    ------
    ValueError
        There is none such; the message says which there are.
    """
    number = checked_whole("layer", layer, 1)
    if number > len(net.layers):
        raise ValueError(f"layer must be one of 1 … {len(net.layers)}; it is {number}.")
    kind = choose("parameter", name, {"W": "W", "b": "b"})
    found = getattr(net.layers[number - 1], kind)
    given = tuple(index) if isinstance(index, (Sequence, np.ndarray)) else (index,)
    whole = all(isinstance(k, (int, np.integer)) and not isinstance(k, bool) for k in given)
    fits = whole and len(given) == found.ndim
    if not fits or not all(0 <= k < n for k, n in zip(given, found.shape, strict=True)):
        expected = " and ".join(
            f"{symbol} in 0 … {n - 1}" for symbol, n in zip("ji", found.shape, strict=False)
        )
        raise ValueError(f"index of {kind} in layer {number} must be {expected}; it is {index!r}.")
    return number, kind, tuple(int(k) for k in given)


@dataclass(frozen=True)
class Difference:
    """The central difference of one parameter.

    Attributes
    ----------
    h : float
        How far to either side.
    below, above : float
        The loss there, by the float64 reference.
    slope : float or None
        (above - below) / 2h; None where a kink lies between, at which there is no derivative.
    """

    h: float
    below: float
    above: float
    slope: float | None


@dataclass(frozen=True)
class BackTerm:
    """One summand of dC/da_j[l]: ``product = w * delta`` with w = W_kj[l+1], delta_k[l+1]."""

    k: int
    w: float
    delta: float
    product: float


class ChainRule:
    """Why a parameter has the gradient it has.

    ::

        dC/dW_ji[l] = sum over examples of  delta_j[l] a_i[l-1]         dC/db_j[l]: a = 1
        delta_j[l]  = f'(z_j[l]) sum_k W_kj[l+1] delta_k[l+1]           l < L
        delta_j[L]  = (1/n) f'(z_j) dC_i/da_j, or (1/n) dC_i/dz_j where loss and output go together

    Attributes
    ----------
    layer, name, index
        Which parameter it is.
    value : float
        Now.
    a, delta : ndarray of float64, shape (n,)
        a_i[l-1] (1 for a bias) and delta_j[l] of each example.
    pushes : ndarray of float64, shape (n,)
        delta_j a_i: what each example adds to the gradient.
    gradient : float
        dC/dtheta, their sum.
    """

    def __init__(self, walk: Walk, layer: int, name: str, index: tuple[int, ...]) -> None:
        self._walk = walk
        self.layer, self.name, self.index = layer, name, index
        self.j = index[0]
        self.value = float((walk.W if name == "W" else walk.b)[layer][index])
        self.delta: Wide = walk.delta[layer][:, self.j]
        self.a: Wide = walk.A[layer - 1][:, index[1]] if name == "W" else np.ones(walk.n)
        self.pushes: Wide = self.delta * self.a
        self.gradient = float((walk.dW if name == "W" else walk.db)[layer][index])

    # ------------------------------------------------------------------ one example's chain

    @property
    def is_output(self) -> bool:
        """Whether it belongs to the last layer."""
        return self.layer == len(self._walk.net.layers)

    @property
    def is_joint(self) -> bool:
        """Whether loss and output activation are taken together, so that there is no f'."""
        f, loss = self._walk.net.layers[-1].activation, self._walk.net.loss_function
        apart = f.elementwise and type(loss).delta_with is Loss.delta_with
        return self.is_output and not apart

    def slope(self, example: int = 0) -> float | None:
        """Return f'(z_j[l]) of an example; None where it `is_joint`."""
        walk, l, i = self._walk, self.layer, self._example(example)  # noqa: E741
        if self.is_joint:
            return None
        f = walk.net.layers[l - 1].activation
        return float(f.derivative(walk.Z[l][i], walk.A[l][i])[self.j])

    def arriving(self, example: int = 0) -> float:
        """Return what arrives at the neuron: dC/da_j[l], or dC/dz_j[L] where it `is_joint`."""
        walk, l, i = self._walk, self.layer, self._example(example)  # noqa: E741
        if self.is_joint:
            return float(self.delta[i])
        if self.is_output:
            g = walk.net.loss_function.gradient(walk.A[l][i : i + 1], walk.y[i : i + 1])
            return float(g[0, self.j]) / walk.n
        return float(walk.delta[l + 1][i] @ walk.W[l + 1][:, self.j])

    def terms(self, example: int = 0) -> list[BackTerm]:
        """Return the summands of dC/da_j[l], the largest first; none in the last layer."""
        walk, l, i = self._walk, self.layer, self._example(example)  # noqa: E741
        if self.is_output:
            return []
        w, delta = walk.W[l + 1][:, self.j], walk.delta[l + 1][i]
        product = w * delta
        order = np.argsort(-np.abs(product), kind="stable")
        return [BackTerm(int(k), float(w[k]), float(delta[k]), float(product[k])) for k in order]

    def follow(self, k: int) -> ChainRule:
        """Return the chain rule of the weight through which neuron k of the next layer is heard.

        Raises
        ------
        ValueError
            There is no such neuron, or no next layer.
        """
        return self._walk.parameter(self.layer + 1, "W", (k, self.j))

    def _example(self, example: int) -> int:
        i = checked_whole("example", example, 0)
        if i >= self._walk.n:
            raise DataError(f"example must be one of 0 … {self._walk.n - 1}; it is {i}.")
        return i

    # ------------------------------------------------------------------ proof and step

    def _loss_at(self, value: float) -> tuple[float, list[NDArray[np.bool_]]]:
        """Return the reference's loss with another value, and the side of each kink."""
        walk = self._walk
        W, b = list(walk.W[1:]), list(walk.b[1:])
        changed = W if self.name == "W" else b
        changed[self.layer - 1] = changed[self.layer - 1].copy()
        changed[self.layer - 1][self.index] = value
        functions, loss = walk.net.blueprint.activations, walk.net.loss_function
        Z, A = reference.forward(W, b, functions, walk.A[0])
        each = loss.value_with(functions[-1], Z[-1], A[-1], walk.y)
        sides = [z > kink for z, f in zip(Z[1:], functions, strict=True) for kink in f.kinks]
        return float(each.mean()), sides

    @cached_property
    def difference(self) -> Difference:
        """The proof: dC/dtheta by central differences of the float64 reference's loss."""
        for h in (_STEP, _STEP / 16, _STEP / 256):
            low, high = self.value - h, self.value + h
            below, sides_below = self._loss_at(low)
            above, sides_above = self._loss_at(high)
            if all((p == q).all() for p, q in zip(sides_below, sides_above, strict=True)):
                return Difference(h, below, above, (above - below) / (high - low))
        return Difference(h, below, above, None)

    @property
    def error(self) -> float | None:
        """|gradient - difference.slope|; None at a kink."""
        slope = self.difference.slope
        return None if slope is None else abs(self.gradient - slope)

    @property
    def stepped(self) -> float:
        """The value after the update: theta - eta dC/dtheta."""
        return self.value - self._walk.eta * self.gradient

    @property
    def predicted_loss(self) -> float:
        """C - eta (dC/dtheta)^2: the loss if this parameter alone moved, were it straight."""
        return self._walk.loss - self._walk.eta * self.gradient**2

    @cached_property
    def found_loss(self) -> float:
        """The loss when this parameter alone is updated, found by the kernel."""
        walk, net = self._walk, self._walk.net
        after = net.blueprint.empty_parameters()
        after[...] = net._parameters
        pair = net.blueprint.views(after)[self.layer - 1]
        pair[0 if self.name == "W" else 1][self.index] = self.stepped
        z = evaluation.outputs(net.blueprint, net._plan, after, walk._inputs, True)
        return evaluation.mean_loss(net.loss_function, net.layers[-1].activation, z, walk.y)

    # ------------------------------------------------------------------ showing it

    def formula(self, example: int = 0, n_terms: int = 5, latex: bool = False) -> str:
        """Return the chain rule of one example with its numbers put in.

        Parameters
        ----------
        example : int
            Its row in the batch.
        n_terms : int
            Summands shown; the others are one sum, so that the figures add up.
        latex : bool
            As LaTeX (an ``aligned`` environment) instead of lines of text.
        """
        shown = checked_whole("n_terms", n_terms, 0)
        return rule_text.formula(self, self._example(example), shown, latex)

    def to_dict(self, example: int = 0) -> dict[str, Any]:
        """Return all numbers, the chain being that of one example, ready for JSON."""
        d = self.difference
        return {
            "layer": self.layer,
            "name": self.name,
            "index": list(self.index),
            "value": self.value,
            "gradient": self.gradient,
            "a": self.a.tolist(),
            "delta": self.delta.tolist(),
            "pushes": self.pushes.tolist(),
            "example": self._example(example),
            "slope": self.slope(example),
            "arriving": self.arriving(example),
            "terms": [vars(term) for term in self.terms(example)],
            "difference": vars(d),
            "error": self.error,
            "stepped": self.stepped,
            "predicted_loss": self.predicted_loss,
            "found_loss": self.found_loss,
        }

    def __str__(self) -> str:
        return self.formula()

    def __repr__(self) -> str:
        where = ", ".join(map(str, self.index))
        return f"ChainRule({self.name}[{self.layer}][{where}], gradient {self.gradient:.4g})"
