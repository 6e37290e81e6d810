"""L-BFGS through SciPy, with the kernel's gradients, in float64."""

from __future__ import annotations

import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy import optimize
from sklearn.exceptions import ConvergenceWarning

from tongtou import evaluation, reference
from tongtou.boundary import dense_answers

if TYPE_CHECKING:
    from tongtou.estimators.perceptron import Perceptron
    from tongtou.network import Network

BLOCK = 512
"""Examples whose gradient is taken at once: their activations stay near the processor."""


class Objective:
    """The loss that L-BFGS minimises, and its gradient.

    ::

        f(theta) = (sum_i w_i C_i(theta) + alpha/2 sum of all squared weights) / sum_i w_i

    theta holds the weights (n_in, n_out) of all layers one after another, then the biases. The
    gradients of blocks of examples are added in one order, whatever the number of threads.

    Parameters
    ----------
    net : Network
        float64; its parameters are those of the last call.
    X, y : ndarray
        Checked examples: see `tongtou.boundary`.
    weights : ndarray of float64, shape (n,), or None
    alpha : float
    threads : int
        0 asks for the reference instead of the kernel.
    block : int
    """

    def __init__(
        self,
        net: Network,
        X: Any,
        y: NDArray[Any],
        weights: NDArray[np.float64] | None,
        alpha: float,
        threads: int = 1,
        block: int = BLOCK,
    ) -> None:
        self.net, self.alpha = net, alpha
        n = X.shape[0]
        self.weights = np.ones(n) if weights is None else weights
        self.total = float(self.weights.sum())
        rows = np.arange(n, dtype=np.uint32)
        blocks = [rows[at : at + block] for at in range(0, n, block)]
        # the mean of a block without weight has no meaning
        self.blocks = [one for one in blocks if self.weights[one].any()]
        threads = min(threads, len(self.blocks))
        self.gradients = [net.blueprint.empty_parameters() for _ in range(max(1, threads))]
        self.n_weights = sum(layer.W.size for layer in net.layers)
        self.pool = ThreadPoolExecutor(threads) if threads > 1 else None
        self.block_gradient = self._kernel_gradient if threads else self._reference_gradient
        if threads:
            kernel = evaluation.kernel
            assert kernel is not None
            self.examples = kernel.Examples(net._plan, evaluation.as_kernel_rows(X), y, weights)
        else:
            self.X, self.y = X, dense_answers(y, net.sizes[-1]).astype(np.float64)

    def __call__(self, theta: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        """Return f and df/dtheta, and leave theta in the network."""
        write(self.net, theta)
        loss = 0.0
        result = np.zeros(theta.size)
        spread = self.pool.map if self.pool else map
        at_once = len(self.gradients)
        for at in range(0, len(self.blocks), at_once):
            blocks = self.blocks[at : at + at_once]
            losses = list(spread(self.block_gradient, blocks, self.gradients))
            for block, value, gradient in zip(blocks, losses, self.gradients, strict=False):
                share = float(self.weights[block].sum()) / self.total
                loss += share * value
                result += share * flat(self.net.blueprint.views(gradient))
        weights = theta[: self.n_weights]
        result[: self.n_weights] += self.alpha / self.total * weights
        return loss + 0.5 * self.alpha / self.total * float(weights @ weights), result

    def _kernel_gradient(self, rows: NDArray[np.uint32], into: NDArray[Any]) -> float:
        net, kernel = self.net, evaluation.kernel
        assert kernel is not None
        return float(kernel.gradient(net._plan, net._parameters, self.examples, rows, into))

    def _reference_gradient(self, rows: NDArray[np.uint32], into: NDArray[Any]) -> float:
        net, w, y = self.net, self.weights[rows], self.y[rows]
        functions, loss = net.blueprint.activations, net.loss_function
        W, b = [layer.W for layer in net.layers], [layer.b for layer in net.layers]
        Z, A = reference.forward(W, b, functions, evaluation.as_float64(self.X[rows]))
        found = reference.backward(W, functions, loss, Z, A, y, w)
        for (dW, db), each in zip(net.blueprint.views(into), found, strict=True):
            dW[...], db[...] = each.W, each.b
        return float(np.average(loss.value_with(functions[-1], Z[-1], A[-1], y), weights=w))


def flat(pairs: list[tuple[NDArray[Any], NDArray[Any]]]) -> NDArray[np.float64]:
    """Return all W (n_out, n_in), each turned to (n_in, n_out), then all b, in one row."""
    return np.concatenate(
        [*(W.T.ravel() for W, _ in pairs), *(b for _, b in pairs)], dtype=np.float64
    )


def write(net: Network, theta: NDArray[np.float64]) -> None:
    """Copy what `flat` returned back into the network."""
    at = 0
    for layer in net.layers:
        n = layer.W.size
        layer.W = theta[at : at + n].reshape(layer.n_in, layer.n_out).T
        at += n
    for layer in net.layers:
        layer.b = theta[at : at + layer.n_out]
        at += layer.n_out


def minimise(model: Perceptron, net: Network, objective: Objective, value_scale: float) -> None:
    """Train by L-BFGS; `value_scale` times the loss is scikit-learn's."""
    start = flat(net.blueprint.views(net._parameters))
    seen = _Spoken() if model.verbose else None
    options = {"maxiter": model.max_iter, "maxfun": model.max_fun, "gtol": model.tol}
    with objective.pool or nullcontext(), np.errstate(over="ignore", invalid="ignore"):
        found = optimize.minimize(
            objective, start, jac=True, method="L-BFGS-B", callback=seen, options=options
        )
    write(net, found.x)
    weights = found.x[: objective.n_weights]
    penalty = 0.5 * objective.alpha / objective.total * float(weights @ weights)
    model.loss_ = value_scale * (float(found.fun) - penalty) + penalty
    model.n_iter_ = min(int(found.nit), model.max_iter)
    if found.status != 0:
        limit = "Raise max_iter or max_fun, or s" if found.status == 1 else "S"
        warnings.warn(
            f"lbfgs failed to converge after {model.n_iter_} iterations ({found.message}). "
            f"{limit}cale the data (StandardScaler).",
            ConvergenceWarning,
            stacklevel=5,
        )


class _Spoken:
    """Prints the loss of each iteration."""

    def __init__(self) -> None:
        self.n = 0

    def __call__(self, intermediate_result: Any) -> None:
        self.n += 1
        print(f"Iteration {self.n}, loss = {intermediate_result.fun:.8f}")
