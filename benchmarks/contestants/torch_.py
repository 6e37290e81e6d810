"""PyTorch: eager with the cheapest steps it offers, and the whole step through torch.compile."""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from benchmarks.contestants import CannotRunError
from benchmarks.contestants.blas import choose_threads
from benchmarks.data import Array, Data, Parameters, first_weights, order
from benchmarks.tasks import BETA1, BETA2, EPSILON, Task

_PROBE = 100
"""Steps timed with each number of threads before one is chosen."""
_COMPILE_S = 240
"""Compiling may take so long."""


class Torch:
    """All inputs in one tensor, batches by index; the number of threads that is fastest.

    `torch.autograd.grad` and one `_foreach_add_` or `_fused_adam_`, which torch.optim's SGD and
    Adam end in as well, cost less than `backward()` with these, plain, foreach or fused.
    """

    def __init__(self, data: Data, task: Task, threads: int) -> None:
        self.data, self.task = data, task
        layers: list[nn.Module] = []
        for n_in, n_out in pairwise(task.sizes):
            layers += [nn.Linear(n_in, n_out), nn.ReLU() if self._is_relu() else nn.Sigmoid()]
        self.net = nn.Sequential(*layers[:-1])
        self.learnt = list(self.net.parameters())
        self.facts: dict[str, Any] = {"torch": torch.__version__, "threads": threads}
        torch.set_num_threads(threads)

    def _is_relu(self) -> bool:
        return self.task.activation == "relu"

    def prepare(self) -> None:
        """Make tensors; time some steps with one thread and with more."""
        self.y = torch.from_numpy(self.data.y)
        self.X = torch.from_numpy(self.data.scaled())
        rows = torch.arange(_PROBE * self.task.batch) % len(self.X)
        self._load(first_weights(self.task.sizes))
        self.facts["threads"] = choose_threads(lambda: self._steps(rows), torch.set_num_threads)

    def _load(self, parameters: Parameters) -> None:
        linear = [layer for layer in self.net if isinstance(layer, nn.Linear)]
        with torch.no_grad():
            for layer, (W, b) in zip(linear, parameters, strict=True):
                layer.weight.copy_(torch.from_numpy(np.ascontiguousarray(W)))
                layer.bias.copy_(torch.from_numpy(np.ascontiguousarray(b)))
        self.m, self.v = ([torch.zeros_like(p) for p in self.learnt] for _ in range(2))
        self.t = [torch.tensor(0.0) for _ in self.learnt]

    def _steps(self, rows: torch.Tensor) -> None:
        for some in rows.split(self.task.batch):
            loss = functional.cross_entropy(self.net(self.X[some]), self.y[some])
            gradients = torch.autograd.grad(loss, self.learnt)
            with torch.no_grad():
                self._update(list(gradients))

    def _update(self, gradients: list[torch.Tensor]) -> None:
        rate = self.task.learning_rate
        if self.task.rule == "sgd":
            torch._foreach_add_(self.learnt, gradients, alpha=-rate)
            return
        torch._foreach_add_(self.t, 1)
        torch._fused_adam_(
            self.learnt,
            gradients,
            self.m,
            self.v,
            [],
            self.t,
            lr=rate,
            beta1=BETA1,
            beta2=BETA2,
            weight_decay=0.0,
            eps=EPSILON,
            amsgrad=False,
            maximize=False,
        )

    def train(self, first: Parameters, n_epochs: int, n: int) -> list[float]:
        """Train from these parameters; return the seconds of each epoch."""
        self._load(first)
        seconds = []
        for epoch in range(n_epochs):
            rows = torch.from_numpy(order(epoch, n).astype(np.int64))
            start = time.perf_counter()
            self._steps(rows)
            seconds.append(time.perf_counter() - start)
        return seconds

    def parameters(self) -> Parameters:
        """What was learnt, W as (n_out, n_in)."""
        linear = [layer for layer in self.net if isinstance(layer, nn.Linear)]
        return [(layer.weight.detach().numpy(), layer.bias.detach().numpy()) for layer in linear]

    def predictor(self, parameters: Parameters, X: Array) -> Callable[[], object]:
        """Confidences from a float32 tensor, gradients off."""
        self._load(parameters)
        rows = torch.from_numpy(X.astype(np.float32) / np.float32(self.data.largest))
        net = self.net.eval()

        def confidences() -> object:
            with torch.inference_mode():
                return torch.softmax(net(rows), 1)

        return confidences


class Compiled(Torch):
    """Gather, forward, backward and update as one graph, compiled for its exact shapes.

    The gather inside: beside a compiled step an eager one has threads of its own, and the two
    kinds get in each other's way.
    """

    def prepare(self) -> None:
        """The same, after compiling; a compiler that fails or takes minutes ends it."""
        self.compiled = torch.compile(self._step, fullgraph=True, dynamic=False)
        before = signal.signal(signal.SIGALRM, _too_slow)
        signal.alarm(_COMPILE_S)
        start = time.perf_counter()
        try:
            super().prepare()
        except (torch._dynamo.exc.TorchDynamoException, RuntimeError, OSError) as error:
            lines = str(error).strip().splitlines() or [type(error).__name__]
            raise CannotRunError(f"torch.compile: {lines[0]}") from error
        finally:
            signal.alarm(0)
            signal.signal(signal.SIGALRM, before)
        self.facts |= {"form": "one graph", "compile_s": {"one graph": time.perf_counter() - start}}

    def _loss(self, parameters: list[torch.Tensor], x: torch.Tensor, y: torch.Tensor) -> Any:
        for at in range(0, len(parameters) - 2, 2):
            x = functional.linear(x, *parameters[at : at + 2])
            x = torch.relu(x) if self._is_relu() else torch.sigmoid(x)
        return functional.cross_entropy(functional.linear(x, *parameters[-2:]), y)

    def _step(self, learnt: Any, m: Any, v: Any, t: Any, X: Any, y: Any, some: Any) -> None:
        gradients = torch.func.grad(self._loss)(learnt, X[some], y[some])
        rate = self.task.learning_rate
        if self.task.rule == "sgd":
            torch._foreach_add_(learnt, list(gradients), alpha=-rate)
            return
        # 1 - beta^t without the loss of digits that float32 brings in the first steps.
        c1, c2 = (-torch.expm1(t * math.log(beta)) for beta in (BETA1, BETA2))
        rate, root = rate / c1, torch.sqrt(c2)
        for p, g, first, second in zip(learnt, gradients, m, v, strict=True):
            first.lerp_(g, 1 - BETA1)
            second.lerp_(g * g, 1 - BETA2)
            p.sub_(rate * first / (torch.sqrt(second) / root + EPSILON))

    def _steps(self, rows: torch.Tensor) -> None:
        t = self.t[0]
        with torch.no_grad():
            for some in rows.split(self.task.batch):
                t += 1
                self.compiled(self.learnt, self.m, self.v, t, self.X, self.y, some)


def _too_slow(*_: object) -> None:
    raise TimeoutError(f"it had not ended after {_COMPILE_S} s")
