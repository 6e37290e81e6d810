"""The equations as an engine: float64 NumPy, step for step what the kernel does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tongtou import evaluation, randomness, reference
from tongtou.boundary import dense_answers
from tongtou.engines import Slice, Task

if TYPE_CHECKING:
    from tongtou.network import Network


class ReferenceEngine:
    """Slow and plain: the oracle of the kernel, and what runs where it could not be built."""

    name = "reference"
    threads = False

    def prepare(self, net: Network, task: Task) -> ReferenceSession:
        """Keep the data as it is."""
        return ReferenceSession(net, task)

    def order(self, seed: int, epoch: int, n: int, purpose: int) -> NDArray[np.uint32]:
        """Return the random order."""
        return randomness.order(seed, epoch, n, purpose)


class ReferenceSession:
    """A run in NumPy, in float64; a slice ends by rounding the parameters into the network."""

    def __init__(self, net: Network, task: Task) -> None:
        self._net = net
        self._task = task
        self._order = task.rows
        self._order_epoch = -1
        self._W = [layer.W.astype(np.float64) for layer in net.layers]
        self._b = [layer.b.astype(np.float64) for layer in net.layers]

    def advance(self, first_step: int, eta: NDArray[np.float64], n_threads: int) -> Slice:
        """Make len(eta) steps of gradient descent."""
        net, task = self._net, self._task
        W, b = self._W, self._b
        losses, correct = np.zeros(len(eta)), np.zeros(len(eta), np.uint32)
        done, diverged = 0, False
        for k, rate in enumerate(eta):
            rows = self._rows_of(first_step + k)
            X, y = evaluation.as_float64(task.X[rows]), self._targets(rows)
            with np.errstate(over="ignore", invalid="ignore"):
                Z, A = reference.forward(W, b, net.blueprint.activations, X)
                each = net.loss_function.value_with(net.layers[-1].activation, Z[-1], A[-1], y)
                losses[k] = each.sum()
                correct[k] = self._hits(A[-1], rows)
                if not np.isfinite(losses[k]):
                    diverged = True
                    break
                gradients = reference.backward(
                    W, net.blueprint.activations, net.loss_function, Z, A, y
                )
                for layer, (dW, db) in enumerate(gradients):
                    W[layer] -= rate * dW
                    b[layer] -= rate * db
            done = k + 1
        self._round_into_network()
        return Slice(done, diverged, losses, correct)

    def weighted_sums(self, rows: NDArray[np.uint32]) -> NDArray[Any]:
        """Return Z[L] of these examples."""
        net = self._net
        Z, _ = reference.forward(
            [layer.W for layer in net.layers],
            [layer.b for layer in net.layers],
            net.blueprint.activations,
            evaluation.as_float64(self._task.X[rows]),
        )
        return Z[-1]

    def snapshot(self) -> tuple[list[NDArray[Any]], list[NDArray[Any]]]:
        """Copy the float64 parameters."""
        return [W.copy() for W in self._W], [b.copy() for b in self._b]

    def restore(self, snapshot: tuple[list[NDArray[Any]], list[NDArray[Any]]]) -> None:
        """Copy them back."""
        W, b = snapshot
        self._W, self._b = [one.copy() for one in W], [one.copy() for one in b]
        self._round_into_network()

    def _round_into_network(self) -> None:
        with np.errstate(over="ignore"):
            for layer, W, b in zip(self._net.layers, self._W, self._b, strict=True):
                layer.W, layer.b = W, b

    def _rows_of(self, step: int) -> NDArray[np.uint32]:
        task = self._task
        epoch, place = divmod(step, task.steps_per_epoch)
        if epoch != self._order_epoch:
            self._order_epoch = epoch
            self._order = task.rows
            if task.shuffle:
                self._order = task.rows[randomness.order(task.seed, epoch, len(task.rows))]
        return self._order[place * task.batch_size : (place + 1) * task.batch_size]

    def _targets(self, rows: NDArray[np.uint32]) -> NDArray[Any]:
        return dense_answers(self._task.y[rows], self._net.sizes[-1]).astype(np.float64)

    def _hits(self, a: NDArray[Any], rows: NDArray[np.uint32]) -> int:
        """Count the examples whose own class has the one highest output."""
        y = self._task.y
        if y.ndim != 1:
            return 0
        own = a[np.arange(len(rows)), y[rows]]
        others = a.copy()
        others[np.arange(len(rows)), y[rows]] = -np.inf
        return int((own > others.max(axis=1)).sum())
