"""What would be if one weighted sum or one activation were another: the network cut at a layer.

The layers up to l are computed once. Then only column j of Z[l] changes, and the layers behind it
are computed again. All over the data in blocks, so that memory stays bounded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tongtou import evaluation
from tongtou.activations import Array
from tongtou.boundary import dense_answers
from tongtou.evaluation import Blueprint
from tongtou.losses import LOSSES, Loss

if TYPE_CHECKING:
    from tongtou.explanation.lessons import Lesson

Wide = Array
Measured = tuple[Wide, "NDArray[np.bool_] | None"]
_BLOCK_NUMBERS = 1 << 18
"""About how many activations of the widest layer a block has: they stay in the cache."""


@dataclass(frozen=True)
class Outcome:
    """Mean loss over the data, and accuracy; None where the network predicts numbers."""

    loss: float
    accuracy: float | None

    def to_dict(self) -> dict[str, Any]:
        """Return both, ready for JSON."""
        return {"loss": self.loss, "accuracy": self.accuracy}


@lru_cache(maxsize=64)
def _part(blueprint: Blueprint, begin: int, end: int, compiled: bool) -> tuple[Blueprint, Any]:
    """Return the network that has the layers begin + 1 … end, and its plan."""
    part = Blueprint(
        blueprint.sizes[begin : end + 1],
        blueprint.activations[begin:end],
        LOSSES["sse"],  # a forward pass asks no loss
        blueprint.dtype,
    )
    return part, part.plan() if compiled else None


class Sections:
    """The network of a lesson, cut behind the weighted sums of a layer."""

    def __init__(self, lesson: Lesson, layer: int) -> None:
        self._lesson, self._net, self._layer = lesson, lesson.network, layer
        self._L = len(self._net.layers)
        self._f = self._net.blueprint.activations
        self._targets = dense_answers(lesson.answers, self._net.sizes[-1])
        self._is_right = _rule_of(self._net, lesson.answers)
        self._needs_z = type(self._net.loss_function).value_with is not Loss.value_with

    # ------------------------------------------------------------------ questions

    def of_parameter(
        self, j: int, i: int | None, changes: Sequence[float]
    ) -> tuple[Wide, Outcome, list[Outcome]]:
        """Return dC_i/dtheta of each example, the outcome now, and that of each change of theta.

        theta is W_ji of the layer, or b_j where i is None.
        """
        gradients = np.empty(len(self._lesson.answers))
        tallies = [_Tally() for _ in range(1 + len(changes))]
        for at, a_before, z in self._blocks(i):
            rows = np.arange(at, at + len(z))
            a = np.ones(len(z)) if a_before is None else a_before
            Z, A = self._onward(z)
            gradients[rows] = self._delta(Z, A, j, rows) * a
            now = self._measured(Z[-1], A[-1], rows)
            tallies[0].add(now)
            # where the input is 0 the weight says nothing: most pixels of most digits
            heard = np.flatnonzero(a)
            z_heard, a_heard, by = z[heard], A[0][heard], a[heard]
            for tally, change in zip(tallies[1:], changes, strict=True):
                ending = self._with_column(z_heard, a_heard, j, z_heard[:, j] + change * by)
                tally.add(now, heard, self._measured(*ending, rows[heard]))
        first, *others = [tally.outcome() for tally in tallies]
        return gradients, first, others

    def of_neuron(self, j: int) -> tuple[float, list[Outcome]]:
        """Return a neuron's mean activation, and outcomes: now, with it 0, with it at its mean."""
        f = self._f[self._layer - 1]
        total, n = 0.0, len(self._lesson.answers)
        for _, _, z in self._blocks(None):
            total += float(f(z)[:, j].sum())
        tallies = [_Tally() for _ in range(3)]
        for at, _, z in self._blocks(None):
            rows, a = np.arange(at, at + len(z)), f(z)
            for tally, value in zip(tallies, (None, 0.0, total / n), strict=True):
                if value is not None:
                    a[:, j] = value
                tally.add(self._measured(*self._ending(a), rows))
        return total / n, [tally.outcome() for tally in tallies]

    # ------------------------------------------------------------------ passes

    def _blocks(self, i: int | None) -> Iterator[tuple[int, Wide | None, Wide]]:
        """Yield where a block begins, a_i[l-1] (None for no i) and Z[l], in float64."""
        inputs, l = self._lesson.inputs, self._layer  # noqa: E741
        n = inputs.shape[0]
        size = max(256, _BLOCK_NUMBERS // max(self._net.sizes[1:]))
        for at in range(0, n, size):
            part = inputs[at : at + size]
            a: Wide | None = None
            if l == 1:
                z = self._run(0, 1, part, True)
                if i is not None:
                    a = evaluation.as_float64(part[:, [i]])[:, 0]
            else:
                before = self._run(0, l - 1, part, False)
                z = self._run(l - 1, l, before, True)
                a = None if i is None else before[:, i].astype(np.float64)
            yield at, a, z.astype(np.float64)

    def _run(self, begin: int, end: int, X: Any, before_activation: bool) -> NDArray[Any]:
        net = self._net
        part, plan = _part(net.blueprint, begin, end, evaluation.kernel is not None)
        offsets = net.blueprint.offsets()
        parameters = net._parameters[offsets[begin] : offsets[end]]
        return evaluation.outputs(part, plan, parameters, X, before_activation)

    def _onward(self, z: Wide) -> tuple[list[Wide], list[Wide]]:
        """Return Z and A of the layers l … L, from Z[l]; in and behind the cut the kernel's."""
        l, dtype = self._layer, self._net.dtype  # noqa: E741
        Z, A = [z], [self._f[l - 1](z)]
        for layer in range(l + 1, self._L + 1):
            before = A[-1].astype(dtype)
            for found, asked in ((Z, True), (A, False)):
                found.append(self._run(layer - 1, layer, before, asked).astype(np.float64))
        return Z, A

    def _delta(self, Z: list[Wide], A: list[Wide], j: int, rows: NDArray[Any]) -> Wide:
        """Return dC_i/dz_j[l] of each example; see `reference.deltas`, here without 1/n."""
        net, y = self._net, self._targets[rows].astype(np.float64)
        delta: Wide = net.loss_function.delta_with(self._f[-1], Z[-1], A[-1], y)
        for layer in range(self._L - 1, self._layer - 1, -1):
            k = layer - self._layer
            W = net.layers[layer].W.astype(np.float64)
            # forward: Z[l+1] = A[l] @ W[l+1].T + b[l+1]
            if k == 0:  # of this layer only neuron j is asked for
                one = slice(j, j + 1)
                g = delta @ W[:, one]
                return self._f[layer - 1].backward(Z[0][:, one], A[0][:, one], g)[:, 0]
            delta = self._f[layer - 1].backward(Z[k], A[k], delta @ W)
        return delta[:, j]

    def _with_column(self, z: Wide, a: Wide, j: int, column: Wide) -> tuple[Wide | None, Any]:
        """Return Z[L] and A[L] when z_j[l] of each example is another."""
        l = self._layer  # noqa: E741
        if l == self._L:
            changed = z.copy()
            changed[:, j] = column
            return changed, self._f[-1](changed)
        changed = a.copy()
        changed[:, j] = self._f[l - 1](column[:, None])[:, 0]
        return self._ending(changed)

    def _ending(self, a: Wide) -> tuple[Wide | None, Any]:
        """Return Z[L], where the loss asks for it, and A[L], from A[l]; both the kernel's."""
        narrow = a.astype(self._net.dtype)
        z = self._run(self._layer, self._L, narrow, True) if self._needs_z else None
        return (
            None if z is None else z.astype(np.float64),
            self._run(self._layer, self._L, narrow, False),
        )

    def _measured(self, z: Wide | None, a: Any, rows: NDArray[Any]) -> Measured:
        """Return loss and hit of each of these rows."""
        y = self._targets[rows].astype(np.float64)
        wide = a.astype(np.float64)
        f, loss = self._net.layers[-1].activation, self._net.loss_function
        losses = loss.value_with(f, wide if z is None else z, wide, y)
        if self._is_right is None:
            return losses, None
        out = a.astype(self._net.dtype, copy=False)  # ties fall as in Network.accuracy
        return losses, self._is_right(out, self._lesson.answers[rows])


class _Tally:
    """Adds up losses and right answers, block by block."""

    def __init__(self) -> None:
        self._loss, self._right, self._n = 0.0, 0, 0
        self._counts = True

    def add(
        self, now: Measured, heard: NDArray[Any] | None = None, then: Measured | None = None
    ) -> None:
        """Take note of a block: as it is now, but where `heard` says so, as it would be then."""
        losses, right = now
        self._n += len(losses)
        self._loss += float(losses.sum())
        self._counts = right is not None
        if right is not None:
            self._right += int(right.sum())
        if heard is not None and then is not None:
            self._loss += float((then[0] - losses[heard]).sum())
            if right is not None and then[1] is not None:
                self._right += int(then[1].sum()) - int(right[heard].sum())

    def outcome(self) -> Outcome:
        """Return the means."""
        return Outcome(self._loss / self._n, self._right / self._n if self._counts else None)


def _rule_of(net: Any, answers: NDArray[Any]) -> Callable[[Any, Any], Any] | None:
    """Return which outputs are right answers, as `Network.accuracy` counts; None for numbers."""
    if not net.is_classifier:
        return None
    if net._is_multilabel and answers.ndim == 2:
        return lambda out, y: ((out >= 0.5) == (y >= 0.5)).all(axis=1)
    if net.sizes[-1] == 1:
        return lambda out, y: ((out >= 0.5) == (y.reshape(len(out), -1) >= 0.5))[:, 0]
    if answers.ndim == 1:
        return lambda out, y: out.argmax(1) == y
    return lambda out, y: out.argmax(1) == y.argmax(1)
