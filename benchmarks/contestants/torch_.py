"""PyTorch eager: nn.Sequential, autograd, and the cheapest plain SGD step it offers."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import nn

from benchmarks.digits import Array, Digits, Parameters, order
from benchmarks.settings import SIZES

_PROBE = 100
"""Steps timed with each number of threads before one is chosen."""


class Torch:
    """All pixels in one tensor, batches by index; one or two threads, whichever is faster.

    `torch.autograd.grad` and one `_foreach_add_`, which torch.optim.SGD ends in as well, cost less
    than `backward()` with torch.optim.SGD in each of its forms (plain, foreach, fused).
    """

    def __init__(self, digits: Digits, batch: int, learning_rate: float, threads: int) -> None:
        self.digits, self.batch, self.learning_rate = digits, batch, learning_rate
        layers: list[nn.Module] = []
        for n_in, n_out in pairwise(SIZES):
            layers += [nn.Linear(n_in, n_out), nn.Sigmoid()]
        self.net = nn.Sequential(*layers[:-1])
        self.facts: dict[str, Any] = {"torch": torch.__version__, "threads": threads}
        torch.set_num_threads(threads)

    def prepare(self) -> None:
        """Make tensors; time some steps with one and with two threads."""
        self.y = torch.from_numpy(self.digits.y)
        self.X = torch.from_numpy(self.digits.scaled())
        rows = torch.arange(_PROBE * self.batch) % len(self.X)
        self._steps(rows)
        times: dict[int, float] = {}
        for threads in (1, 2, 1, 2):
            torch.set_num_threads(threads)
            start = time.perf_counter()
            self._steps(rows)
            spent = time.perf_counter() - start
            times[threads] = min(spent, times.get(threads, spent))
        threads = min(times, key=lambda count: times[count])
        torch.set_num_threads(threads)
        self.facts["threads"] = threads

    def _load(self, parameters: Parameters) -> None:
        linear = [layer for layer in self.net if isinstance(layer, nn.Linear)]
        with torch.no_grad():
            for layer, (W, b) in zip(linear, parameters, strict=True):
                layer.weight.copy_(torch.from_numpy(np.ascontiguousarray(W)))
                layer.bias.copy_(torch.from_numpy(np.ascontiguousarray(b)))

    def _steps(self, rows: torch.Tensor) -> None:
        learnt = list(self.net.parameters())
        loss_of = nn.functional.cross_entropy
        for some in rows.split(self.batch):
            loss = loss_of(self.net(self.X[some]), self.y[some])
            gradients = torch.autograd.grad(loss, learnt)
            with torch.no_grad():
                torch._foreach_add_(learnt, gradients, alpha=-self.learning_rate)

    def train(self, first: Parameters, n_epochs: int) -> list[float]:
        """Train from these parameters; return the seconds of each epoch."""
        self._load(first)
        seconds = []
        for epoch in range(n_epochs):
            rows = torch.from_numpy(order(epoch, len(self.X)).astype(np.int64))
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
        rows = torch.from_numpy(X.astype(np.float32) / np.float32(255))
        net = self.net.eval()

        def confidences() -> object:
            with torch.inference_mode():
                return torch.softmax(net(rows), 1)

        return confidences
