"""What the kernel computes inside a network: the Z and A of every layer, its own values."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tongtou import evaluation
from tongtou.activations import Array
from tongtou.boundary import checked_inputs
from tongtou.evaluation import Blueprint
from tongtou.losses import LOSSES
from tongtou.network import Network
from tongtou.reference import NOTHING


@lru_cache(maxsize=64)
def _beginnings(blueprint: Blueprint, compiled: bool) -> list[tuple[Blueprint, Any, int]]:
    """Return for l = 1 … L the network that ends at layer l: blueprint, plan, parameters."""
    found = []
    offsets = blueprint.offsets()
    for layer in range(1, len(blueprint.sizes)):
        # The loss says nothing about a forward pass; sse goes with every output.
        part = Blueprint(
            blueprint.sizes[: layer + 1],
            blueprint.activations[:layer],
            LOSSES["sse"],
            blueprint.dtype,
        )
        found.append((part, part.plan() if compiled else None, offsets[layer]))
    return found


def values_inside(net: Network, X: Any) -> tuple[list[Array], list[Array]]:
    """Return Z and A of every layer as the kernel computes them.

    ::

        A[0] = X        Z[l] = A[l-1] W[l].T + b[l]        A[l] = f(Z[l])        l = 1 … L

    Parameters
    ----------
    net : Network
    X : array_like, shape (n, n_in)
        As for `Network.predict_proba`; uint8 are pixels.

    Returns
    -------
    Z, A : list of ndarray
        ``Z[l]`` and ``A[l]`` of shape (n, n_l) and the network's dtype, to the last bit what the
        kernel hands from layer to layer; ``Z[0]`` is `tongtou.reference.NOTHING`, ``A[0]`` is the
        input as the network sees it, float64 (n, n_in): a pixel u is u / 255.

    Raises
    ------
    ShapeError, DataError
        As `Network.predict_proba`.

    Notes
    -----
    Layer l is the output of the network that ends there, whose parameters are the first ones of
    the whole: L forward passes, which for one digit and the lesson network take 0.02 ms.

    Examples
    --------
    >>> import numpy as np, tongtou as tt
    >>> net = tt.Network([2, 1], activation="relu", output="relu")
    >>> net.layers[0].W, net.layers[0].b = [[2.0, 1.0]], [-1.0]
    >>> Z, A = values_inside(net, np.array([[3.0, 4.0], [0.0, 0.5]]))
    >>> Z[1].tolist(), A[1].tolist()
    ([[9.0], [-0.5]], [[9.0], [0.0]])
    """
    inputs = checked_inputs(X, net.blueprint)
    return values_of_checked(net, inputs)


def values_of_checked(net: Network, inputs: NDArray[Any]) -> tuple[list[Array], list[Array]]:
    """Return `values_inside` of inputs that `checked_inputs` has returned."""
    Z: list[Array] = [NOTHING]
    A: list[Array] = [np.asarray(evaluation.as_float64(inputs))]
    for part, plan, end in _beginnings(net.blueprint, evaluation.kernel is not None):
        parameters = net._parameters[:end]
        Z.append(evaluation.outputs(part, plan, parameters, inputs, True))
        A.append(evaluation.outputs(part, plan, parameters, inputs))
    return Z, A
