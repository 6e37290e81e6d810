"""The MNIST digits, which lie in the package as four gzipped IDX files."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tongtou.datasets.dataset import Dataset
from tongtou.datasets.idx import idx

_FOLDER = Path(__file__).parent / "mnist_data"


@dataclass(frozen=True, eq=False)
class Mnist:
    """The two halves of MNIST: digits to learn from, and digits by other writers to be tested on.

    Parameters
    ----------
    train : Dataset
        60,000 digits.
    test : Dataset
        10,000 digits.
    """

    train: Dataset
    test: Dataset


def mnist() -> Mnist:
    """All 70,000 MNIST digits, from the files in the package.

    Returns
    -------
    Mnist
        ``.train`` (60,000) and ``.test`` (10,000), each a Dataset with X uint8 (n, 784), 0 black
        (paper) … 255 white (ink), y int64 (n,), classes 0 … 9 and shape (28, 28).

    Raises
    ------
    DataError
        A file in the package is damaged or missing (the installation is broken).

    Notes
    -----
    Each call unpacks the files again, into arrays of its own that may be written to: about a fifth
    of a second and 55 MB. Keep the result rather than calling twice.

    References
    ----------
    Y. LeCun, L. Bottou, Y. Bengio, P. Haffner (1998), Gradient-based learning applied to document
    recognition, Proc. IEEE 86(11). Source and licence: ``mnist_data/README.md``.

    Examples
    --------
    >>> import tongtou as tt
    >>> mnist = tt.datasets.mnist()
    >>> mnist.test
    Dataset(n=10000, n_in=784, uint8, classes=10, shape=(28, 28))
    >>> mnist.train.y[:5]
    array([5, 0, 4, 1, 9])
    """
    with ThreadPoolExecutor(2) as pool:  # unpacking leaves the interpreter free
        train, test = pool.map(_part, ("train", "t10k"), ("MNIST train", "MNIST test"))
    return Mnist(train=train, test=test)


def _part(prefix: str, name: str) -> Dataset:
    return idx(
        _FOLDER / f"{prefix}-images-idx3-ubyte.gz",
        _FOLDER / f"{prefix}-labels-idx1-ubyte.gz",
        name=name,
    )
