"""The kernel as an engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tongtou import evaluation
from tongtou.engines import Slice, Task

if TYPE_CHECKING:
    from tongtou.network import Network


class NativeEngine:
    """Packs the data once, then trains in the network's own memory."""

    name = "native"
    threads = True

    def prepare(self, net: Network, task: Task) -> NativeSession:
        """Pack the non-zero pixels of uint8 data; other data stays where it is."""
        return NativeSession(net, task)

    def order(self, seed: int, epoch: int, n: int, purpose: int) -> NDArray[np.uint32]:
        """Return the random order, from the kernel."""
        assert evaluation.kernel is not None
        result: NDArray[np.uint32] = evaluation.kernel.order(seed, epoch, n, purpose)
        return result


class NativeSession:
    """A run in the kernel; see kernel/advance.h."""

    def __init__(self, net: Network, task: Task) -> None:
        kernel = evaluation.kernel
        assert kernel is not None
        self._kernel = kernel
        self._net = net
        self._examples = kernel.Examples(net._plan, task.X, task.y)
        self._session = kernel.Session(
            net._plan,
            net._parameters,
            self._examples,
            task.rows,
            task.batch_size,
            task.seed,
            task.shuffle,
        )

    def advance(self, first_step: int, eta: NDArray[np.float64], n_threads: int) -> Slice:
        """Make len(eta) steps; the interpreter is free meanwhile."""
        return Slice(*self._session.advance(first_step, eta, n_threads))

    def weighted_sums(self, rows: NDArray[np.uint32]) -> NDArray[Any]:
        """Return Z[L] of these examples."""
        net = self._net
        out = np.empty((len(rows), net.sizes[-1]), net.dtype)
        self._kernel.evaluate_rows(
            net._plan, net._parameters, self._examples, rows, out, before_activation=True
        )
        return out

    def snapshot(self) -> NDArray[Any]:
        """Copy the parameters."""
        return self._net._parameters.copy()

    def restore(self, snapshot: NDArray[Any]) -> None:
        """Copy them back."""
        self._net._parameters[...] = snapshot
