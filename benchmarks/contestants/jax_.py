"""JAX with the whole epoch inside one jit, in several forms of which the fastest is reported."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from benchmarks.data import Array, Data, Parameters, first_weights, order
from benchmarks.tasks import BETA1, BETA2, EPSILON, WIDE, Task

Tree = list[tuple[jax.Array, jax.Array]]
_PROBE_S = 20.0
"""Seconds after which the forms are not timed once more."""


@dataclass(frozen=True)
class Form:
    """How the same epoch may be written."""

    ravelled: bool = False
    """The parameters as one vector, not as a tree."""
    transposed: bool = False
    """W stored (n_in, n_out)."""
    gathered: bool = False
    """The examples brought into order before the scan, not batch by batch inside it."""
    donated: bool = True
    """The memory of the old parameters may be used for the new ones."""

    def __str__(self) -> str:
        parts = [
            "ravelled" if self.ravelled else "tree",
            "W (in, out)" if self.transposed else "W (out, in)",
            *(["gathered before the scan"] if self.gathered else []),
            *([] if self.donated else ["not donated"]),
        ]
        return ", ".join(parts)


FORMS = [Form(ravelled, transposed) for ravelled in (False, True) for transposed in (False, True)]


def logits(params: Tree, x: jax.Array, task: Task, transposed: bool = False) -> jax.Array:
    """The sums that the softmax turns into confidences."""
    activation = jax.nn.relu if task.activation == "relu" else jax.nn.sigmoid
    for W, b in params[:-1]:
        x = activation(x @ (W if transposed else W.T) + b)
    W, b = params[-1]
    return x @ (W if transposed else W.T) + b


def confidences(params: Tree, x: jax.Array, task: Task) -> jax.Array:
    """The outputs of each row."""
    return jax.nn.softmax(logits(params, x, task))


def tree(parameters: Parameters, transposed: bool = False) -> Tree:
    """The parameters as JAX arrays."""
    return [(jnp.array(W.T if transposed else W), jnp.array(b)) for W, b in parameters]


def beginning(params: Any, task: Task) -> Any:
    """The parameters with what the rule remembers beside them: moments and step."""
    if task.rule == "sgd":
        return params
    return params, *(jax.tree.map(jnp.zeros_like, params) for _ in range(2)), jnp.float32(0)


def moved(state: Any, gradient: Any, task: Task) -> Any:
    """The state after one step of the task's rule."""
    if task.rule == "sgd":
        return jax.tree.map(lambda p, g: p - task.learning_rate * g, state, gradient)
    params, m, v, t = state
    t = t + 1
    m = jax.tree.map(lambda m, g: BETA1 * m + (1 - BETA1) * g, m, gradient)
    v = jax.tree.map(lambda v, g: BETA2 * v + (1 - BETA2) * g * g, v, gradient)
    # 1 - beta^t without the loss of digits that float32 brings in the first steps.
    c1, c2 = (-jnp.expm1(t * math.log(beta)) for beta in (BETA1, BETA2))
    rate, root = task.learning_rate / c1, jnp.sqrt(c2)
    params = jax.tree.map(
        lambda p, m, v: p - rate * m / (jnp.sqrt(v) / root + EPSILON), params, m, v
    )
    return params, m, v, t


def make_epoch(shapes: Tree, form: Form, task: Task) -> Callable[..., Any]:
    """One epoch as one function: a scan over the full batches, the last partial one after it."""
    _, unravel = ravel_pytree(shapes)

    def loss(params: Any, x: jax.Array, y: jax.Array) -> jax.Array:
        net: Tree = unravel(params) if form.ravelled else params
        log_p = jax.nn.log_softmax(logits(net, x, task, form.transposed))
        return -jnp.mean(jnp.sum(log_p * y, axis=1))

    def epoch(state: Any, rows: jax.Array, X: jax.Array, Y: jax.Array) -> Any:
        def step(state: Any, some: Any) -> tuple[Any, None]:
            x, y = some if form.gathered else (X[some], Y[some])
            params = state if task.rule == "sgd" else state[0]
            return moved(state, jax.grad(loss)(params, x, y), task), None

        n_full = len(rows) // task.batch * task.batch
        batches: Any = rows[:n_full].reshape(-1, task.batch)
        if form.gathered:
            batches = X[batches], Y[batches]
        state, _ = jax.lax.scan(step, state, batches)
        if n_full < len(rows):
            rest: Any = rows[n_full:]
            state, _ = step(state, (X[rest], Y[rest]) if form.gathered else rest)
        return state

    return epoch


class Jax:
    """Inputs, labels and order on the device beforehand, float32."""

    def __init__(self, data: Data, task: Task, threads: int) -> None:
        self.data, self.task = data, task
        self.first = first_weights(task.sizes)
        self.compiled: dict[tuple[Form, int], Any] = {}
        self.facts: dict[str, Any] = {"jax": jax.__version__, "compile_s": {}, "form_s": {}}

    def prepare(self) -> None:
        """Compile the forms, time an epoch of each three times in turn, keep the fastest."""
        self.Y = jnp.array(np.eye(self.task.sizes[-1], dtype=np.float32)[self.data.y])
        self.X = jnp.asarray(self.data.scaled())
        self.form = self._fastest(FORMS)
        if self.task.name in WIDE:  # of the lesson's, peak memory is measured: one copy of X
            self.form = self._fastest([self.form, replace(self.form, gathered=True)])
            self.form = self._fastest([self.form, replace(self.form, donated=False)])
        self.facts["form"] = str(self.form)

    def _fastest(self, forms: list[Form]) -> Form:
        n, times = len(self.X), {}
        for form in forms:
            self._epoch(form, n)
        until = time.perf_counter() + _PROBE_S
        for _ in range(3):
            best = min(times.values(), default=np.inf)
            for form in forms:
                if times.get(form, 0.0) < 1.5 * best:  # no second chance for what is far behind
                    (seconds,) = self._run(form, self.first, 1, n)
                    times[form] = min(seconds, times.get(form, seconds))
            if time.perf_counter() > until:
                break
        self.facts["form_s"] |= {str(form): seconds for form, seconds in times.items()}
        return min(times, key=lambda form: times[form])

    def _epoch(self, form: Form, n: int) -> Any:
        """The compiled epoch over so many examples."""
        if (form, n) not in self.compiled:
            params: Any = tree(self.first, form.transposed)
            epoch = make_epoch(params, form, self.task)
            if form.ravelled:
                params, _ = ravel_pytree(params)
            state = beginning(params, self.task)
            start = time.perf_counter()
            jitted = jax.jit(epoch, donate_argnums=0 if form.donated else ())
            lowered = jitted.lower(state, jnp.zeros(n, jnp.int32), self.X, self.Y)
            self.compiled[form, n] = lowered.compile()
            self.facts["compile_s"].setdefault(str(form), time.perf_counter() - start)
        return self.compiled[form, n]

    def _run(self, form: Form, first: Parameters, n_epochs: int, n: int) -> list[float]:
        params: Any = tree(first, form.transposed)
        if form.ravelled:
            params, self.unravel = ravel_pytree(params)
        epoch = self._epoch(form, n)
        state = beginning(params, self.task)
        rows = [jnp.array(order(e, n).astype(np.int32)) for e in range(n_epochs)]
        jax.block_until_ready((state, rows))
        seconds = []
        for some in rows:
            start = time.perf_counter()
            state = jax.block_until_ready(epoch(state, some, self.X, self.Y))
            seconds.append(time.perf_counter() - start)
        self.params = state if self.task.rule == "sgd" else state[0]
        return seconds

    def train(self, first: Parameters, n_epochs: int, n: int) -> list[float]:
        """Train from these parameters; return the seconds of each epoch."""
        return self._run(self.form, first, n_epochs, n)

    def parameters(self) -> Parameters:
        """What was learnt, W as (n_out, n_in)."""
        net = self.unravel(self.params) if self.form.ravelled else self.params
        return [(np.asarray(W.T if self.form.transposed else W), np.asarray(b)) for W, b in net]

    def predictor(self, parameters: Parameters, X: Array) -> Callable[[], object]:
        """Confidences from a device array, compiled, waited for."""
        rows = jnp.array(X.astype(np.float32) / np.float32(self.data.largest))
        params, task = tree(parameters), self.task
        evaluate = jax.jit(lambda params, x: confidences(params, x, task))
        compiled = evaluate.lower(params, rows).compile()
        return lambda: compiled(params, rows).block_until_ready()
