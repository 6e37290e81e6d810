"""IDX files, the format of MNIST and its relatives, gzipped or not.

An IDX file is a header and the values behind it, all big-endian::

    00 00  type  rank      two zero bytes, the element type (see _TYPES), the number of dimensions
    size 1 … size rank     4 bytes each, unsigned
    values                 the last dimension runs fastest

The header is a claim by a stranger. Nothing is allocated because of it: memory grows with the bytes
that really arrive, and reading stops one byte after the claimed end, so that neither a huge claim
nor a small gzip file that inflates without end costs more than what was announced and delivered.
"""

from __future__ import annotations

import math
import os
import zlib
from collections.abc import Iterable
from io import BufferedReader
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tongtou.datasets.dataset import Dataset
from tongtou.errors import DataError

_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_HIGHEST_RANK = 32  # what every NumPy can hold
_GZIP_MAGIC = b"\x1f\x8b"

# Small enough to stay in the processor's cache between inflating and copying.
_READ_BYTES = 1 << 14
_PIECE_BYTES = 1 << 20

# More classes than this by counting up to the largest label are a mistake, or an attack on memory.
_MOST_COUNTED_CLASSES = 1 << 16


def idx(
    images: str | os.PathLike[str],
    labels: str | os.PathLike[str],
    *,
    classes: Iterable[Any] | None = None,
    name: str = "",
) -> Dataset:
    """Read a pair of IDX files, gzipped or not (told by their content, not by their names).

    Parameters
    ----------
    images : path
        A file of rank 2 or more, shape (n, …): usually unsigned bytes, (n, 28, 28) for MNIST. The
        other element types of the format (int8, int16, int32, float32, float64) are read too.
    labels : path
        A file of rank 1, shape (n,). Whole numbers are classes, real numbers are targets.
    classes : iterable, optional
        The labels that can occur, in the order of the network's outputs. Left out, they are
        0, 1, … up to the largest label in the file, so that a class keeps its number in every file
        of a family, even where one of them lacks some class.
    name : str, optional
        What to call the dataset in reports.

    Returns
    -------
    Dataset
        X (n, n_in) in the element type of the file and this machine's byte order; y int64 (n,),
        the position of each label in `classes`, or real targets as they are in the file; `shape` is
        the shape of one example.

    Raises
    ------
    DataError
        A file is missing, unreadable, no IDX file, truncated, damaged, or followed by more bytes;
        the ranks are wrong; the counts disagree; a label is not among `classes`.

    References
    ----------
    Y. LeCun, C. Cortes, C. Burges, The MNIST database, "The IDX file format".

    Examples
    --------
    >>> import tempfile, pathlib, tongtou as tt
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> _ = (folder / "images").write_bytes(bytes([0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, *range(6)]))
    >>> _ = (folder / "labels").write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 2, 1, 0]))
    >>> tt.datasets.idx(folder / "images", folder / "labels")
    Dataset(n=2, n_in=3, uint8, classes=2, shape=(3,))
    """
    y = read_array(labels)
    if y.ndim != 1:
        raise DataError(
            f"{labels}: labels must have rank 1, one number an example; this file has the shape "
            f"{y.shape}. The order is idx(images, labels): are the two swapped?"
        )
    X = read_array(images)
    if X.ndim < 2:
        raise DataError(
            f"{images}: images must have rank 2 or more, (n, height, width) for grey pictures; "
            f"this file has the shape {X.shape}. The order is idx(images, labels): are the two "
            "swapped?"
        )
    if len(X) != len(y):
        raise DataError(
            f"{images} holds {len(X)} images but {labels} holds {len(y)} labels; they must agree. "
            "Take both files from the same half of the collection."
        )
    numbers, names = _number_classes(y, classes, labels)
    return Dataset(X.reshape(len(X), -1), numbers, names, X.shape[1:], name)


def _number_classes(
    y: NDArray[Any], classes: Iterable[Any] | None, labels: str | os.PathLike[str]
) -> tuple[NDArray[Any], tuple[Any, ...]]:
    """Turn labels into positions in `classes`; real targets without classes stay as they are."""
    if classes is None:
        if y.dtype.kind == "f":
            return y, ()
        low, high = int(y.min()), int(y.max())
        if low < 0 or high >= _MOST_COUNTED_CLASSES:
            raise DataError(
                f"{labels}: labels run from {low} to {high}; expected class numbers from 0 to at "
                f"most {_MOST_COUNTED_CLASSES - 1}. Name the labels that occur with classes=[…]."
            )
        return y.astype(np.int64), tuple(range(high + 1))
    names = tuple(classes)
    position = {label: number for number, label in enumerate(names)}
    if len(position) < len(names):
        raise DataError(f"classes holds a label twice: {names}. Name each label once.")
    found, where = np.unique(y, return_inverse=True)
    unknown = [label for label in found.tolist() if label not in position]
    if unknown:
        raise DataError(
            f"{labels}: holds the label {unknown[0]!r}, which is not among the {len(names)} "
            "classes. Add it to classes=[…]."
        )
    return np.array([position[label] for label in found.tolist()], np.int64)[where], names


def read_array(path: str | os.PathLike[str]) -> NDArray[Any]:
    """Read the array of one IDX file, gzipped or not, in this machine's byte order and writable."""
    try:
        file = open(path, "rb")  # noqa: SIM115 - the error of opening has its own message
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        reason = getattr(error, "strerror", None) or error
        raise DataError(
            f"{path}: expected an IDX file that can be read, but: {reason}. Check the path."
        ) from error
    with file:
        try:
            return _read_stream(file, path)
        except (OSError, zlib.error, EOFError) as error:
            raise DataError(
                f"{path}: expected an IDX file, plain or gzipped, but it is damaged: {error}. "
                "Fetch it again."
            ) from error


def _read_stream(file: BufferedReader, path: str | os.PathLike[str]) -> NDArray[Any]:
    is_gzip = file.peek(len(_GZIP_MAGIC)).startswith(_GZIP_MAGIC)
    stream = _Inflating(file) if is_gzip else file

    magic = _read_up_to(stream, 4)
    if not magic:
        raise DataError(f"{path}: expected an IDX file, but it is empty. Fetch it again.")
    if (
        len(magic) < 4
        or magic[:2] != b"\0\0"
        or magic[2] not in _TYPES
        or not 1 <= magic[3] <= _HIGHEST_RANK
    ):
        raise DataError(
            f"{path}: this is no IDX file. Expected it to begin with two zero bytes, an element "
            f"type ({' '.join(f'{code:02x}' for code in _TYPES)}) and a rank from 1 to "
            f"{_HIGHEST_RANK}; it begins with {magic.hex(' ')}. Give the file as it was published."
        )
    rank = magic[3]
    header = _read_up_to(stream, 4 * rank)
    if len(header) < 4 * rank:
        raise DataError(
            f"{path}: truncated in its header: expected {rank} sizes of 4 bytes each, but the "
            f"file ends {4 * rank - len(header)} bytes too early. Fetch it again."
        )
    sizes = tuple(np.frombuffer(header, ">u4").tolist())
    shown = " × ".join(map(str, sizes))
    if 0 in sizes:
        raise DataError(
            f"{path}: expected at least one value, but its header announces {shown} values. "
            "Give a file that holds examples."
        )

    dtype = np.dtype(_TYPES[magic[2]])
    n_bytes = math.prod(sizes) * dtype.itemsize
    values = _read_up_to(stream, n_bytes)
    if len(values) < n_bytes:
        raise DataError(
            f"{path}: truncated: expected {shown} values of {dtype.itemsize} byte(s), {n_bytes} "
            f"bytes in all, as its header announces, but {len(values)} came. Fetch it again."
        )
    # Asking for one byte more also makes the gzip stream check its sum.
    if stream.read(1):
        raise DataError(
            f"{path}: expected the file to end after {shown} values of {dtype.itemsize} byte(s), "
            "as its header announces, but more bytes follow. Give the file as it was published."
        )
    array = np.frombuffer(values, dtype)
    if not dtype.isnative:
        array = array.byteswap(inplace=True).view(dtype.newbyteorder())
    return array.reshape(sizes)


def _read_up_to(stream: BufferedReader | _Inflating, n_bytes: int) -> bytearray:
    """Read `n_bytes`, or fewer where the stream ends; memory grows with what arrives."""
    data = bytearray()
    while len(data) < n_bytes:
        piece = stream.read(min(n_bytes - len(data), _PIECE_BYTES))
        if not piece:
            break
        data += piece
    return data


class _Inflating:
    """The bytes inside a gzip file, never more at a time than were asked for.

    The `gzip` module does the same in more time and memory, and passes over zeros that follow.
    """

    def __init__(self, file: BufferedReader) -> None:
        self.file = file
        self.waiting = b""
        self.member = self._new_member()

    @staticmethod
    def _new_member() -> zlib._Decompress:
        return zlib.decompressobj(wbits=31)  # 31: a gzip header, the largest window, a checked sum

    def read(self, n_bytes: int) -> bytes:
        """Between 1 and `n_bytes` bytes, or none at the proper end of the last gzip member."""
        while True:
            if self.member.eof:
                self.waiting = self.member.unused_data
                if len(self.waiting) < len(_GZIP_MAGIC):
                    self.waiting += self.file.read(_READ_BYTES)
                if not self.waiting:
                    return b""
                if not self.waiting.startswith(_GZIP_MAGIC):
                    raise EOFError("more bytes follow the end of the gzip stream")
                self.member = self._new_member()
            block = self.waiting or self.file.read(_READ_BYTES)
            piece = self.member.decompress(block, n_bytes)
            self.waiting = self.member.unconsumed_tail
            if piece:
                return piece
            if not block and not self.member.eof:
                raise EOFError("the gzip stream is truncated")
