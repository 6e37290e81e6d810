"""Backpropagation as a walk: every quantity of one step of gradient descent, kept to be looked at.

The chain rule of a single parameter is in `tongtou.explanation.rule`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tongtou import evaluation, reference
from tongtou.activations import Array
from tongtou.boundary import dense_answers
from tongtou.datasets.dataset import Dataset
from tongtou.explanation.formulas import number, significant
from tongtou.explanation.inside import values_of_checked
from tongtou.explanation.lessons import lesson_of
from tongtou.explanation.rule import ChainRule, checked_parameter
from tongtou.explanation.wishes import Wishes
from tongtou.i18n import text
from tongtou.losses import Loss
from tongtou.network import Network
from tongtou.reference import NOTHING, LayerGradient
from tongtou.settings import checked_number, checked_whole

Wide = Array


def backprop(
    model: Any, x: ArrayLike | Dataset, y: ArrayLike | None = None, *, eta: float = 1.0
) -> Walk:
    """Walk one step of gradient descent: forward, loss, backward, update.

    ::

        Z[l] = A[l-1] W[l].T + b[l],    A[l] = f(Z[l])                           l = 1 … L
        C = (1/n) sum_i C_i             delta[L] = (1/n) dC_i/dZ[L]
        dC/dA[l] = delta[l+1] W[l+1],   delta[l] = dC/dA[l] through f            l = L-1 … 1
        dC/dW[l] = delta[l].T A[l-1],   dC/db[l] = sum over examples of delta[l]
        theta - eta dC/dtheta:          C falls by eta |dC/dtheta|^2 to first order

    Parameters
    ----------
    model : Network, or a fitted estimator of `tongtou.estimators`
        Left as it is.
    x : array_like, one example or (n, n_in); or Dataset
        As for `Network.predict_proba`; one example may have any shape of n_in values.
    y : array_like
        The class of each example, by number or by name, or its targets.
    eta : float
        The learning rate of the update, 0 or more.

    Returns
    -------
    Walk

    Raises
    ------
    ShapeError, DataError
        As for `Network.loss`.
    TypeError
        The model is neither a network nor an estimator.
    ValueError
        eta is negative or not finite.

    Notes
    -----
    Z and A are the kernel's own values; what the kernel sums up without showing (delta of each
    example) is computed from them in float64. `Walk.gap` compares with the kernel's gradient. The
    loss is that of the data alone, without penalties, dropout or alterations. Memory: 8 bytes for
    each input and each neuron of each example.

    Examples
    --------
    >>> import tongtou as tt
    >>> from tongtou.explanation.chain import backprop
    >>> net = tt.Network([1, 1], output="linear", dtype="float64")
    >>> net.layers[0].W = [[2.0]]
    >>> walk = backprop(net, [3.0], [5.0], eta=0.01)  # C = (2·3 - 5)^2
    >>> walk.loss, walk.dW[1].tolist(), walk.db[1].tolist()
    (1.0, [[6.0]], [2.0])
    >>> round(walk.predicted_loss, 6), round(walk.found_loss, 6)  # 1 - 0.01 (36 + 4); (1 - 0.2)^2
    (0.6, 0.64)
    """
    lesson = lesson_of(model, x, y)
    eta = checked_number("eta", eta, 0.0)
    return Walk(lesson.network, lesson.inputs, lesson.answers, eta)


class Walk:
    """One step of gradient descent, in full; see `backprop`.

    Lists have the index of the equations: entry l belongs to layer l, and entry 0 of all but A is
    `tongtou.reference.NOTHING`.

    Attributes
    ----------
    net : Network
        As it is before the update; a copy.
    n : int
        Examples.
    eta : float
        Learning rate.
    y : ndarray of float64, shape (n, n_out)
        Targets.
    Z, A : list of ndarray of float64, shape (n, n_l)
    losses : ndarray of float64, shape (n,)
        C_i of each example.
    loss : float
        C, their mean.
    delta : list of ndarray of float64, shape (n, n_l)
        dC/dZ[l]: 1/n is in them.
    dW, db : list of ndarray of float64, shapes of W[l] and b[l]
        dC/dW[l], dC/db[l].
    """

    def __init__(
        self, net: Network, inputs: NDArray[Any], answers: NDArray[Any], eta: float
    ) -> None:
        self.net, self.eta = net, eta
        self._inputs, self._answers = inputs, answers
        self.n = int(inputs.shape[0])
        self.y: Wide = dense_answers(answers, net.sizes[-1]).astype(np.float64)
        Z, A = values_of_checked(net, inputs)
        self.Z = [z.astype(np.float64) for z in Z]
        self.A = [a.astype(np.float64) for a in A]
        self.W: list[Wide] = [NOTHING, *(layer.W.astype(np.float64) for layer in net.layers)]
        self.b: list[Wide] = [NOTHING, *(layer.b.astype(np.float64) for layer in net.layers)]
        functions, loss = net.blueprint.activations, net.loss_function
        self.losses: Wide = loss.value_with(functions[-1], self.Z[-1], self.A[-1], self.y)
        self.loss = float(self.losses.mean())
        self.delta = reference.deltas(self.W[1:], functions, loss, self.Z, self.A, self.y)
        # forward: Z[l] = A[l-1] @ W[l].T + b[l]
        pairs = list(zip(self.delta[1:], self.A, strict=False))
        self.dW: list[Wide] = [NOTHING, *(delta.T @ a for delta, a in pairs)]
        self.db: list[Wide] = [NOTHING, *(delta.sum(axis=0) for delta, _ in pairs)]

    # ------------------------------------------------------------------ the update

    @property
    def gradient_norm(self) -> float:
        """|dC/dtheta|, all weights and biases as one vector."""
        return math.sqrt(self._gradient_square)

    @property
    def _gradient_square(self) -> float:
        return sum(float(np.vdot(g, g)) for g in (*self.dW[1:], *self.db[1:]))

    @property
    def predicted_loss(self) -> float:
        """C - eta |dC/dtheta|^2: what the loss would be after the update if it were straight."""
        return self.loss - self.eta * self._gradient_square

    @cached_property
    def kernel_gradient(self) -> list[LayerGradient]:
        """The gradient as the kernel finds it in training; index 0 is layer 1."""
        return self.net.gradients(self._inputs, self._answers)

    @property
    def gap(self) -> float:
        """Largest difference between dW, db and the kernel's, as a share of the largest of them."""
        mine = [g for pair in zip(self.dW[1:], self.db[1:], strict=True) for g in pair]
        kernels = [g for layer in self.kernel_gradient for g in layer]
        largest = max(float(np.abs(g).max()) for g in mine)
        gap = max(float(np.abs(a - b).max()) for a, b in zip(mine, kernels, strict=True))
        return gap / largest if largest else gap

    @cached_property
    def _after(self) -> NDArray[Any]:
        """All parameters after the update."""
        blueprint = self.net.blueprint
        after = blueprint.empty_parameters()
        for l, (W, b) in enumerate(blueprint.views(after), start=1):  # noqa: E741
            W[...] = self.W[l] - self.eta * self.dW[l]
            b[...] = self.b[l] - self.eta * self.db[l]
        return after

    @cached_property
    def found_loss(self) -> float:
        """The loss of these examples after the update, found by the kernel."""
        net = self.net
        z = evaluation.outputs(net.blueprint, net._plan, self._after, self._inputs, True)
        return evaluation.mean_loss(net.loss_function, net.layers[-1].activation, z, self.y)

    def updated(self) -> Network:
        """Return the network after the update."""
        net = self.net.copy()
        net._parameters[...] = self._after
        return net

    # ------------------------------------------------------------------ looking closer

    def parameter(self, layer: int, name: str, index: int | Sequence[int]) -> ChainRule:
        """Return the chain rule of one parameter, term by term, with its proof.

        Parameters
        ----------
        layer : int
            1 … L.
        name : "W" or "b"
        index : (j, i) of a weight, j of a bias

        Raises
        ------
        ValueError
            There is no such parameter.
        """
        found = checked_parameter(self.net, layer, name, index)
        return ChainRule(self, *found)

    def wishes(self, layer: int | None = None) -> Wishes:
        """Return which activations of a layer each example wants up or down, and by how much.

        Parameters
        ----------
        layer : int, optional
            0 … L; by default the last one.

        Raises
        ------
        ValueError
            There is no such layer.
        """
        L = len(self.net.layers)
        l = L if layer is None else checked_whole("layer", layer, 0)  # noqa: E741
        if l > L:
            raise ValueError(f"layer must be one of 0 … {L}; it is {l}.")
        if l < L:
            # dC/dA[l] = delta[l+1] @ W[l+1]; a wish is the way down, of one example's own loss
            return Wishes(l, "a", -self.n * (self.delta[l + 1] @ self.W[l + 1]))
        loss, f = self.net.loss_function, self.net.layers[-1].activation
        plain = f.elementwise and type(loss).delta_with is Loss.delta_with
        if not plain:
            return Wishes(l, "z", -self.n * self.delta[L])
        return Wishes(l, "a", -loss.gradient(self.A[L], self.y))

    def to_dict(self) -> dict[str, Any]:
        """Return all numbers, ready for JSON; entry 0 of W, b, Z, delta, dW and db is []."""
        names = ("W", "b", "Z", "A", "delta", "dW", "db")
        lists = {
            name: [[] if one is NOTHING else one.tolist() for one in getattr(self, name)]
            for name in names
        }
        return {
            "n": self.n,
            "eta": self.eta,
            "y": self.y.tolist(),
            "losses": self.losses.tolist(),
            "loss": self.loss,
            **lists,
            "gradient_norm": self.gradient_norm,
            "predicted_loss": self.predicted_loss,
            "found_loss": self.found_loss,
            "gap": self.gap,
            "wishes": self.wishes().to_dict(),
        }

    def __str__(self) -> str:
        numbers = {
            name: number(significant(getattr(self, name), 4))
            for name in ("loss", "eta", "gradient_norm", "predicted_loss", "found_loss")
        }
        key = "backprop.one" if self.n == 1 else "backprop.batch"
        return text(key, n=f"{self.n:,}", **numbers)

    def __repr__(self) -> str:
        return f"Walk({self.n} examples, loss {self.loss:.4g}, eta {self.eta:g})"
