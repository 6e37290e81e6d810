"""The MNIST digits, which lie in the package as four gzipped IDX files."""

from __future__ import annotations

import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tongtou.datasets.dataset import Dataset
from tongtou.datasets.idx import idx, read_array

_FOLDER = Path(__file__).parent / "mnist_data"
_SECOND_HALF = 4_848_262
"""Where the second gzip member of the training images begins; each unpacks to half of the file."""
_HEADER_BYTES = 16
_HALF_BYTES = 30_000 * 784 + _HEADER_BYTES // 2
_BLOCK_BYTES = 1 << 16


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
    raw = np.empty(2 * _HALF_BYTES, np.uint8)
    with ThreadPoolExecutor(3) as pool:  # unpacking leaves the interpreter free
        first = pool.submit(_unpack, 0, raw[:_HALF_BYTES])
        second = pool.submit(_unpack, _SECOND_HALF, raw[_HALF_BYTES:])
        test = pool.submit(idx, *_files("t10k"), name="MNIST test")
        whole = first.result() and second.result()
        if whole:
            y = read_array(_files("train")[1]).astype(np.int64)
            X = raw[_HEADER_BYTES:].reshape(len(y), 784)
            train = Dataset(X, y, tuple(range(10)), (28, 28), "MNIST train")
        else:
            train = idx(*_files("train"), name="MNIST train")  # says what is wrong with the file
        return Mnist(train=train, test=test.result())


def _files(prefix: str) -> tuple[Path, Path]:
    images = _FOLDER / f"{prefix}-images-idx3-ubyte.gz"
    return images, _FOLDER / f"{prefix}-labels-idx1-ubyte.gz"


def _unpack(start: int, out: NDArray[np.uint8]) -> bool:
    """Fill `out` from the gzip member that begins at `start`; return whether it fits exactly."""
    member = zlib.decompressobj(wbits=31)
    at = 0
    try:
        with open(_files("train")[0], "rb") as file:
            file.seek(start)
            while not member.eof and (block := file.read(_BLOCK_BYTES)):
                piece = member.decompress(block)
                out[at : at + len(piece)] = np.frombuffer(piece, np.uint8)
                at += len(piece)
    except (OSError, ValueError, zlib.error):  # ValueError: more than there is room for
        return False
    return member.eof and at == len(out)
