"""The kernel as an engine."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tongtou import evaluation
from tongtou.augmentation import checked_picture_shape
from tongtou.datasets.dataset import is_sparse
from tongtou.engines import Slice, Task
from tongtou.errors import DataError
from tongtou.regularizers import drop_threshold

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
        weights = None if task.weights is None else task.weights.astype(net.dtype)
        self._examples = kernel.Examples(
            net._plan, evaluation.as_kernel_rows(task.X), task.y, weights
        )
        self._n_slots = task.optimizer.n_slots
        self._session = kernel.Session(
            net._plan,
            net._parameters,
            self._examples,
            task.rows,
            task.batch_size,
            task.seed,
            task.shuffle,
            _rule(kernel, task),
            self._n_slots,
            _disturbance(kernel, task, net),
            task.first_epoch,
            task.first_step,
        )

    def advance(self, first_step: int, rates: NDArray[np.float64], n_threads: int) -> Slice:
        """Make len(rates) steps; the interpreter is free meanwhile."""
        return Slice(*self._session.advance(first_step, rates, n_threads))

    def set_rows(self, rows: NDArray[np.uint32]) -> None:
        """Learn from these examples from now on, as many as before."""
        self._session.set_rows(rows)

    def weighted_sums(self, rows: NDArray[np.uint32]) -> NDArray[Any]:
        """Return Z[L] of these examples."""
        net = self._net
        out = np.empty((len(rows), net.sizes[-1]), net.dtype)
        self._kernel.evaluate_rows(
            net._plan, net._parameters, self._examples, rows, out, before_activation=True
        )
        return out

    def slots(self) -> list[NDArray[Any]]:
        """Return the optimiser's state, in the order of the kernel's panels (kernel/spec.h)."""
        return [self._session.slot(k) for k in range(self._n_slots)]

    def snapshot(self) -> list[NDArray[Any]]:
        """Copy the parameters and the optimiser's state."""
        return [self._net._parameters.copy(), *(slot.copy() for slot in self.slots())]

    def restore(self, snapshot: list[NDArray[Any]]) -> None:
        """Copy them back."""
        for here, then in zip([self._net._parameters, *self.slots()], snapshot, strict=True):
            here[...] = then


def _rule(kernel: Any, task: Task) -> Any:
    optimizer, regularization = task.optimizer, task.regularization
    return kernel.Rule(
        optimizer.kind,
        optimizer.flags,
        list(optimizer.constants),
        optimizer.clip_value or 0.0,
        optimizer.clip_norm or 0.0,
        regularization.l1,
        regularization.l2,
        task.l2_over_batch,
        task.measure_gradient,
    )


def _disturbance(kernel: Any, task: Task, net: Network) -> Any:
    regularization, augmentation = task.regularization, task.augmentation
    affine, picture = [0.0] * 4, [0] * 3
    if augmentation:
        affine = [
            augmentation.shift,
            math.radians(augmentation.rotation),
            augmentation.scale,
            math.radians(augmentation.shear),
        ]
        picture = list(checked_picture_shape(task.X.dtype, net.sizes[0], task.input_shape))
    drop = [drop_threshold(rate) for rate in regularization.rates(len(net.layers))]
    if is_sparse(task.X) and (drop[0] or regularization.input_noise):
        raise DataError(
            "sparse X cannot have inputs dropped or noise added while training, which would fill "
            "its zeros; give X.toarray(), or let dropout begin at the first hidden layer: "
            "dropout=(0, …)."
        )
    smoothing = regularization.label_smoothing
    return kernel.Disturbance(
        drop,
        regularization.input_noise,
        smoothing,
        smoothing / net.loss_function.n_classes(net.sizes[-1]),
        affine,
        picture,
    )
