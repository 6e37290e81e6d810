"""The equations as an engine: float64 NumPy, step for step what the kernel does."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tongtou import evaluation, randomness, reference
from tongtou.engines import Slice, Task, disturbance
from tongtou.optimizers import clip, norm_of, reference_step
from tongtou.regularizers import Regularization

if TYPE_CHECKING:
    from tongtou.network import Network

Snapshot = tuple[NDArray[np.float64], list[NDArray[np.float64]]]


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
        self._theta = net._parameters.astype(np.float64)
        self._slots = [np.zeros_like(self._theta) for _ in range(task.optimizer.n_slots)]
        self._pairs = net.blueprint.views(self._theta)  # W and b of each layer, live
        self._slot_pairs = [net.blueprint.views(slot) for slot in self._slots]

    def advance(self, first_step: int, rates: NDArray[np.float64], n_threads: int) -> Slice:
        """Make len(rates) steps of the task's optimiser."""
        k = len(rates)
        did = Slice(
            0, False, np.zeros(k), np.zeros(k, np.uint32), np.zeros(k), np.zeros(k), np.zeros(k)
        )
        done, diverged = 0, False
        with np.errstate(over="ignore", invalid="ignore"):
            while done < k and not diverged:
                diverged = not self._step(first_step + done, rates[done], done, did)
                done += not diverged
        self._round_into_network()
        return replace(did, n_done=done, diverged=diverged)

    def _step(self, step: int, rate_row: NDArray[np.float64], place: int, did: Slice) -> bool:
        """Make one step and note it at its place; False when its loss is not finite."""
        net, task = self._net, self._task
        rows, epoch = self._rows_of(step)
        w = np.ones(len(rows)) if task.weights is None else task.weights[rows]
        total = float(w.sum())
        if not total:  # nobody to learn from
            return True
        W, b = [W for W, _ in self._pairs], [b for _, b in self._pairs]
        f, loss = net.blueprint.activations, net.loss_function
        counted = task.first_step + step
        X = disturbance.inputs(task, rows, epoch, counted)
        y = disturbance.targets(net, task, rows)
        mask = disturbance.masks(task, net.sizes, len(rows), counted)
        Z, A, D = disturbance.forward(W, b, f, X, mask)
        did.losses[place] = w @ loss.value_with(f[-1], Z[-1], A[-1], y)
        did.correct[place] = self._hits(A[-1], rows)
        did.weight_sums[place] = total
        rule = task.regularization
        if task.l2_over_batch:
            rule = replace(rule, l2=rule.l2 / total)
        did.penalties[place] = rule.penalty(W)
        if not np.isfinite(did.losses[place]):
            return False
        # C = sum_i w_i C_i / sum_i w_i
        delta = (w / total)[:, None] * loss.delta_with(f[-1], Z[-1], A[-1], y)  # (n, n_out)
        gradient = disturbance.backward(W, f, Z, A, D, mask, delta)
        self._update([g for layer in gradient for g in layer], rate_row, rule, place, did)
        return True

    def _update(
        self,
        gradient: list[NDArray[Any]],
        rate_row: NDArray[np.float64],
        rule: Regularization,
        place: int,
        did: Slice,
    ) -> None:
        """Clip the gradient, W and b of each layer in turn, and let the optimiser step."""
        optimizer = self._task.optimizer
        if optimizer.clip_norm is not None or self._task.measure_gradient:
            did.gradient_norms[place] = norm_of(gradient)
        gradient = clip(gradient, optimizer.clip_value, optimizer.clip_norm)
        for layer, pair in enumerate(self._pairs):
            for which, theta in enumerate(pair):
                theta[...] = reference_step(
                    optimizer,
                    theta,
                    gradient[2 * layer + which],
                    [slot[layer][which] for slot in self._slot_pairs],
                    rate_row,
                    l1=rule.l1,
                    l2=rule.l2,
                    is_bias=which == 1,
                )

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

    def set_rows(self, rows: NDArray[np.uint32]) -> None:
        """Learn from these examples from now on."""
        self._task = replace(self._task, rows=rows)
        self._order_epoch = -1

    def slots(self) -> list[NDArray[Any]]:
        """Return what the optimiser remembers."""
        return list(self._slots)

    def snapshot(self) -> Snapshot:
        """Copy the float64 parameters and slots."""
        return self._theta.copy(), [slot.copy() for slot in self._slots]

    def restore(self, snapshot: Snapshot) -> None:
        """Copy them back."""
        theta, slots = snapshot
        self._theta[...] = theta
        for mine, theirs in zip(self._slots, slots, strict=True):
            mine[...] = theirs
        self._round_into_network()

    def _round_into_network(self) -> None:
        with np.errstate(over="ignore"):
            self._net._parameters[...] = self._theta

    def _rows_of(self, step: int) -> tuple[NDArray[np.uint32], int]:
        """Return the examples of a step, and the number of their epoch."""
        task = self._task
        epoch, place = divmod(step, task.steps_per_epoch)
        epoch += task.first_epoch
        if epoch != self._order_epoch:
            self._order_epoch = epoch
            self._order = task.rows
            if task.shuffle:
                self._order = task.rows[randomness.order(task.seed, epoch, len(task.rows))]
        return self._order[place * task.batch_size : (place + 1) * task.batch_size], epoch

    def _hits(self, a: NDArray[Any], rows: NDArray[np.uint32]) -> int:
        """Count the examples whose own class has the one highest output."""
        y = self._task.y
        if y.ndim != 1:
            return 0
        own = a[np.arange(len(rows)), y[rows]]
        others = a.copy()
        others[np.arange(len(rows)), y[rows]] = -np.inf
        return int((own > others.max(axis=1)).sum())
