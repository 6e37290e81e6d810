"""What has to be the same for a run to be the same run."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tongtou.initializers import initializer as initializer_of
from tongtou.training.examples import Material
from tongtou.training.windows import is_streamed

if TYPE_CHECKING:
    from tongtou.network import Network

_SAMPLED_ROWS = 1024


def identity(
    net: Network, material: Material, recipe: dict[str, Any], engine: str
) -> dict[str, Any]:
    """Return what has to be the same for a run to be the same run, ready for JSON."""
    said: dict[str, Any] = {
        "sizes": list(net.sizes),
        "activations": [one.describe() for one in net.blueprint.activations],
        "loss": net.loss_function.describe(),
        "dtype": net.dtype.name,
        "initial weights": [initializer_of(net.initializer).name, net.seed],
        "engine": engine,
        "data": fingerprint(material),
    }
    return said | {key: value for key, value in recipe.items() if key != "data"}


def fingerprint(material: Material) -> str:
    """Return BLAKE2b-128 of the examples, their weights and how they are split.

    Of data that is streamed, which may be larger than anyone wants to read once more, it takes
    1,024 rows spread evenly over the file.
    """
    digest = hashlib.blake2b(digest_size=16)
    own = material.own or (np.empty((0, 0)), np.empty(0))
    plain = (material.y, material.rows, material.held, material.weights, material.held_weights)
    for X in (material.X, own[0]):
        if material.streamed and is_streamed(X):
            digest.update(f"{X.dtype.str}{X.shape}".encode())
            X = X[np.linspace(0, len(X) - 1, min(len(X), _SAMPLED_ROWS)).astype(np.int64)]
        parts = (X,) if isinstance(X, np.ndarray) else (X.data, X.indices, X.indptr)
        for part in parts:
            _digest(digest, part)
    for array in (*plain, own[1]):
        _digest(digest, np.empty(0) if array is None else array)
    return digest.hexdigest()


def _digest(digest: Any, array: NDArray[Any]) -> None:
    digest.update(f"{array.dtype.str}{array.shape};".encode())
    digest.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
