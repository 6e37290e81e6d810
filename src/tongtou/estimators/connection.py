"""The network behind an estimator, and its numbers as scikit-learn shows them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from tongtou.activations import Activation
from tongtou.initializers import Initializer
from tongtou.losses import Loss
from tongtou.network import Network
from tongtou.optimizers import Optimizer

OUR_NAMES = {"identity": "linear", "logistic": "sigmoid"}
"""scikit-learn's names of activations where they are not ours."""


class Connected(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """An estimator whose coefs_ and intercepts_ are a network's own memory."""

    activation: str | Activation | Sequence[str | Activation]
    solver: str | Optimizer
    early_stopping: bool
    initializer: str | Initializer | None

    network_: Network
    coefs_: list[NDArray[Any]]
    intercepts_: list[NDArray[Any]]
    loss_curve_: list[float]
    best_loss_: Any
    validation_scores_: Any
    best_validation_score_: Any
    n_iter_: int
    t_: int
    n_layers_: int
    out_activation_: str
    _bound: tuple[NDArray[Any], ...] = ()
    _no_improvement_count: int

    def _output(self) -> tuple[str, str, str | Loss]:
        """Return scikit-learn's name of the output activation, ours, and the loss."""
        raise NotImplementedError

    def _begin(self, sizes: list[int], dtype: Any, random: np.random.RandomState) -> None:
        """Make a network with fresh weights, and empty records."""
        net = self._built(sizes, dtype, random if self.initializer is not None else None)
        if self.initializer is None:
            # scikit-learn's numbers, in its order: the same random_state starts the same network
            names = self._hidden_activations(len(sizes) - 2)
            for layer, name in zip(net.layers, [*names, *names[-1:]] or [""], strict=True):
                factor = 2 if name in ("logistic", "sigmoid") else 6
                r = math.sqrt(factor / (layer.n_in + layer.n_out))
                layer.W = random.uniform(-r, r, (layer.n_in, layer.n_out)).T
                layer.b = random.uniform(-r, r, layer.n_out)
        self.network_ = net
        self._bind(net)
        self.n_iter_ = self.t_ = 0
        self.n_layers_ = len(sizes)
        self.out_activation_ = self._output()[0]
        # what another network's optimiser remembers does not fit this one
        self.__dict__.pop("_optimizer", None)
        if self.solver != "lbfgs":
            self._open_records()

    def _open_records(self) -> None:
        """Begin to write down losses and scores."""
        early = self.early_stopping
        self.loss_curve_ = []
        self._no_improvement_count = 0
        self.validation_scores_ = [] if early else None
        self.best_validation_score_ = -math.inf if early else None
        self.best_loss_ = None if early else math.inf

    def _hidden_activations(self, n: int) -> list[str | Activation]:
        given = self.activation
        if isinstance(given, Sequence) and not isinstance(given, str):
            return list(given)
        return [given] * n

    def _built(
        self, sizes: list[int], dtype: Any, random: np.random.RandomState | None = None
    ) -> Network:
        """Return a network of these sizes: weights of 0, or from `initializer`."""
        hidden = [
            OUR_NAMES.get(name, name) if isinstance(name, str) else name
            for name in self._hidden_activations(len(sizes) - 2)
        ]
        _, output, loss = self._output()
        return Network(
            sizes,
            activation=hidden,
            output=output,
            loss=loss,
            initializer="zeros" if random is None else self.initializer or "auto",
            seed=0 if random is None else int(random.randint(2**62, dtype=np.int64)),
            dtype=dtype,
        )

    def _bind(self, net: Network) -> None:
        """Show the network's own memory as coefs_ and intercepts_."""
        self.coefs_ = [layer.W.T for layer in net.layers]
        self.intercepts_ = [layer.b for layer in net.layers]
        self._bound = (*self.coefs_, *self.intercepts_)

    def _connected(self, dtype: Any = None) -> Network:
        """Return the network with the numbers of coefs_ and intercepts_, which a user may set."""
        net: Network | None = getattr(self, "network_", None)
        now = (*self.coefs_, *self.intercepts_)
        same = net is not None and len(now) == len(self._bound)
        same = same and all(a is b for a, b in zip(now, self._bound, strict=True))
        if net is not None and same and dtype in (None, net.dtype):
            return net
        coefs = [np.asarray(W) for W in self.coefs_]
        intercepts = [np.asarray(b) for b in self.intercepts_]
        sizes = [len(coefs[0]), *(W.shape[1] for W in coefs)]
        wanted = np.dtype(dtype or (net.dtype if net is not None else coefs[0].dtype))
        if net is None or list(net.sizes) != sizes or net.dtype != wanted:
            net = self._built(sizes, wanted)
        for layer, W, b in zip(net.layers, coefs, intercepts, strict=True):
            layer.W, layer.b = W.T, b
        self.network_ = net
        self._bind(net)
        return net

    def __getstate__(self) -> dict[str, Any]:
        """What pickle and copy keep: the network's memory once, without the views of it."""
        if hasattr(self, "network_"):
            self._connected()
        state: dict[str, Any] = dict(super().__getstate__())
        if "network_" in state:
            for name in ("coefs_", "intercepts_", "_bound"):
                del state[name]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if hasattr(self, "network_"):
            self._bind(self.network_)
