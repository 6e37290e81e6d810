"""Which examples a saved network learnt from, and which were kept for its test."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tongtou import datasets, randomness
from tongtou.datasets import Dataset
from tongtou.network import Network
from tongtou.terminal.examples import is_embedded


def parted(net: Network, data: Dataset) -> tuple[Dataset, Dataset | None]:
    """Return training and test examples, as `tongtou train` parted these; None for no test.

    The embedded digits have a part of their own for either. A folder or a table is parted again
    by the seed in the model, where the model says that it learnt from a part; examples of another
    number than it could have learnt from are all taken for training ones.

    Parameters
    ----------
    data : Dataset
        All of a folder or table, or either part of the embedded digits.
    """
    if is_embedded(data):
        mnist = datasets.mnist()
        return mnist.train, mnist.test
    counts = [net.recipe.get(name) for name in ("n_train", "n_validation", "seed")]
    n_learnt, n_held, seed = (one if isinstance(one, int) else -1 for one in counts)
    n_test = len(data) - n_learnt - n_held
    if min(n_learnt, n_held, seed) < 0 or not 0 < n_test < len(data):
        return data, None
    is_test = kept_for_test(data, n_test, seed)
    return data[~is_test], data[is_test]


def kept_for_test(data: Dataset, n_test: int, seed: int) -> NDArray[np.bool_]:
    """Return which examples are kept, (n,) bool: at random, of each class its share."""
    n = len(data)
    order = randomness.order(seed, 0, n, randomness.SPLIT).astype(np.int64)
    if data.classes:
        order = order[np.argsort(data.y[order], kind="stable")]
    is_test = np.zeros(n, np.bool_)
    is_test[order[((np.arange(n_test) + 0.5) * n / n_test).astype(np.int64)]] = True
    return is_test
