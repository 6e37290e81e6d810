"""JAX with the whole epoch inside one jit, in four forms of which the fastest is reported."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from benchmarks.digits import Array, Digits, Parameters, first_weights, order

Tree = list[tuple[jax.Array, jax.Array]]
FORMS = {
    f"{parameters}, W ({shape})": (parameters == "ravelled", shape == "in, out")
    for parameters in ("tree", "ravelled")
    for shape in ("out, in", "in, out")
}
"""Parameters as a tree or as one vector; W stored one way or the other: (ravelled, transposed)."""


def logits(params: Tree, x: jax.Array, transposed: bool) -> jax.Array:
    """The sums that the softmax turns into confidences."""
    for W, b in params[:-1]:
        x = jax.nn.sigmoid(x @ (W if transposed else W.T) + b)
    W, b = params[-1]
    return x @ (W if transposed else W.T) + b


def confidences(params: Tree, x: jax.Array) -> jax.Array:
    """The ten outputs of each row."""
    return jax.nn.softmax(logits(params, x, transposed=False))


def tree(parameters: Parameters, transposed: bool) -> Tree:
    """The parameters as JAX arrays."""
    return [(jnp.array(W.T if transposed else W), jnp.array(b)) for W, b in parameters]


def make_epoch(
    shapes: Tree, ravelled: bool, transposed: bool, batch: int, learning_rate: float
) -> Callable[..., Any]:
    """One epoch as one function: a scan over the full batches, the last partial one after it."""
    _, unravel = ravel_pytree(shapes)

    def loss(params: Any, x: jax.Array, y: jax.Array) -> jax.Array:
        net: Tree = unravel(params) if ravelled else params
        log_p = jax.nn.log_softmax(logits(net, x, transposed))
        return -jnp.mean(jnp.sum(log_p * y, axis=1))

    def epoch(params: Any, rows: jax.Array, X: jax.Array, Y: jax.Array) -> Any:
        def step(params: Any, some: jax.Array) -> tuple[Any, None]:
            gradient = jax.grad(loss)(params, X[some], Y[some])
            return jax.tree.map(lambda p, g: p - learning_rate * g, params, gradient), None

        n_full = len(rows) // batch * batch
        params, _ = jax.lax.scan(step, params, rows[:n_full].reshape(-1, batch))
        if n_full < len(rows):
            params, _ = step(params, rows[n_full:])
        return params

    return epoch


class Jax:
    """Pixels, labels and order on the device beforehand, parameter buffers donated, float32."""

    def __init__(self, digits: Digits, batch: int, learning_rate: float, threads: int) -> None:
        self.digits, self.batch, self.learning_rate = digits, batch, learning_rate
        self.facts: dict[str, Any] = {"jax": jax.__version__, "compile_s": {}, "form_s": {}}

    def prepare(self) -> None:
        """Compile every form, time two epochs of each, keep the fastest."""
        self.Y = jnp.array(np.eye(10, dtype=np.float32)[self.digits.y])
        self.X = jnp.asarray(self.digits.scaled())
        best = np.inf
        for form, (ravelled, transposed) in FORMS.items():
            compiled, compile_s = self._compile(ravelled, transposed)
            seconds = min(self._run(compiled, ravelled, transposed, first_weights(), 2))
            self.facts["compile_s"][form] = round(compile_s, 3)
            self.facts["form_s"][form] = round(seconds, 4)
            if seconds < best:
                best, self.chosen = seconds, (compiled, ravelled, transposed)
                self.facts["form"] = form

    def _compile(self, ravelled: bool, transposed: bool) -> tuple[Any, float]:
        params: Any = tree(first_weights(), transposed)
        epoch = make_epoch(params, ravelled, transposed, self.batch, self.learning_rate)
        if ravelled:
            params, _ = ravel_pytree(params)
        rows = jnp.zeros(len(self.X), jnp.int32)
        start = time.perf_counter()
        compiled = jax.jit(epoch, donate_argnums=0).lower(params, rows, self.X, self.Y).compile()
        return compiled, time.perf_counter() - start

    def _run(
        self, compiled: Any, ravelled: bool, transposed: bool, first: Parameters, n_epochs: int
    ) -> list[float]:
        params: Any = tree(first, transposed)
        if ravelled:
            params, self.unravel = ravel_pytree(params)
        rows = [jnp.array(order(e, len(self.X)).astype(np.int32)) for e in range(n_epochs)]
        jax.block_until_ready((params, rows))
        seconds = []
        for some in rows:
            start = time.perf_counter()
            params = jax.block_until_ready(compiled(params, some, self.X, self.Y))
            seconds.append(time.perf_counter() - start)
        self.params = params
        return seconds

    def train(self, first: Parameters, n_epochs: int) -> list[float]:
        """Train from these parameters; return the seconds of each epoch."""
        return self._run(*self.chosen, first, n_epochs)

    def parameters(self) -> Parameters:
        """What was learnt, W as (n_out, n_in)."""
        _, ravelled, transposed = self.chosen
        net = self.unravel(self.params) if ravelled else self.params
        return [(np.asarray(W.T if transposed else W), np.asarray(b)) for W, b in net]

    def predictor(self, parameters: Parameters, X: Array) -> Callable[[], object]:
        """Confidences from a device array, compiled, waited for."""
        rows = jnp.array(X.astype(np.float32) / np.float32(255))
        params = tree(parameters, transposed=False)
        evaluate = jax.jit(confidences).lower(params, rows).compile()
        return lambda: evaluate(params, rows).block_until_ready()
