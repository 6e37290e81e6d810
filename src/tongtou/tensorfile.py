"""The container of a model file: safetensors, read as if its writer were an enemy.

::

    8 bytes     n, the length of the header: unsigned, little-endian
    n bytes     JSON: {"__metadata__": {key: text}, name: {"dtype", "shape", "data_offsets"}, …}
    the rest    the tensors: little-endian, the last index runs fastest, no byte unused

The safetensors library writes and decodes the bytes. What it lets pass (names that stand twice,
NaN, more memory than the file has bytes) is checked here first: nothing is believed and nothing is
allocated because the header claims it, every length is held against the size of the file.
"""

from __future__ import annotations

import json
import math
import reprlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

MAX_HEADER_BYTES = 1 << 24
MAX_DEPTH = 32
"""How deep lists and objects of the metadata may nest; nobody's recipe needs more."""

_DTYPES = {"float32": "F32", "float64": "F64"}
_LENGTH_BYTES = 8

_OTHER_KINDS = {
    b"PK\x03\x04": "a ZIP archive, as torch.save and numpy.savez write",
    b"\x80": "a pickle, which Tongtou never opens because it can run programs",
    b"\x93NUMPY": "a NumPy array file",
    b"\x89HDF": "an HDF5 file",
    b"\x1f\x8b": "compressed with gzip",
}


class RefusedError(Exception):
    """What is wrong with a file or a network. Who reads or writes it adds its name."""

    def __init__(self, what: str, remedy: str = "") -> None:
        super().__init__(what)
        self._what, self._remedy = what, remedy

    def told(self, remedy: str) -> str:
        """Return what is wrong, then what to do: `remedy` unless this error has a better one."""
        stop = "" if self._what.endswith((".", "?")) else "."
        return f"{self._what}{stop} {self._remedy or remedy}"


def shown(value: object) -> str:
    """Return a short form of what a stranger wrote, however long or deep it is."""
    return reprlib.repr(value)


def cut(message: str, most: int = 300) -> str:
    """Return the beginning of a message that may quote a stranger at any length."""
    return message if len(message) <= most else message[:most] + "…"


@dataclass(frozen=True)
class Header:
    """What the header says; `tensors` has not been checked yet."""

    metadata: dict[str, str]
    tensors: dict[str, Any]
    data_bytes: int
    raw: bytes


def read_header(file: BinaryIO, size: int) -> Header:
    """Read the header of a file of `size` bytes.

    Raises
    ------
    RefusedError
        The file is no safetensors file, is truncated, or its header is not proper JSON.
    """
    if size == 0:
        raise RefusedError("the file is empty; expected a safetensors file")
    start = file.read(_LENGTH_BYTES)
    for magic, kind in _OTHER_KINDS.items():
        # The length of a good header may happen to begin like a pickle or a gzip file.
        if start.startswith(magic) and not _plausible(start, size):
            raise RefusedError(
                f"expected a safetensors file; this is {kind}", "Give a file that net.save wrote."
            )
    if len(start) < _LENGTH_BYTES:
        raise RefusedError(
            f"expected a safetensors file, which begins with {_LENGTH_BYTES} bytes for the length "
            f"of its header; the file has {size} bytes in all"
        )
    n = int.from_bytes(start, "little")
    if n > size - _LENGTH_BYTES:
        raise RefusedError(
            f"expected a header of {n:,} bytes, as the first 8 bytes say, but {size - 8:,} bytes "
            "follow: the file is truncated or no safetensors file"
        )
    if n > MAX_HEADER_BYTES:
        raise RefusedError(
            f"expected a header of at most {MAX_HEADER_BYTES:,} bytes; the first 8 bytes say {n:,}",
            "Give a file that net.save wrote.",
        )
    raw = file.read(n)
    if len(raw) < n:
        raise RefusedError("the file became shorter while it was read")
    if not raw.startswith(b"{"):
        raise RefusedError(
            f"expected a header that begins with '{{'; it begins with {shown(raw[:8])}: "
            "this is no safetensors file",
            "Give a file that net.save wrote.",
        )
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise RefusedError(f"expected a header in UTF-8; byte {error.start} of it is not") from None
    tensors = strict_json(text, "the header")  # begins with "{", so it is an object
    metadata = tensors.pop("__metadata__", {})
    if type(metadata) is not dict or any(type(value) is not str for value in metadata.values()):
        raise RefusedError(f"expected __metadata__ to map names to texts; it is {shown(metadata)}")
    return Header(metadata, tensors, size - _LENGTH_BYTES - n, start + raw)


def _plausible(start: bytes, size: int) -> bool:
    return int.from_bytes(start, "little") <= min(size - _LENGTH_BYTES, MAX_HEADER_BYTES)


def strict_json(text: str, what: str) -> Any:
    """Return what the JSON says; refuse names that stand twice, NaN and infinity."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for name, value in pairs:
            if name in values:
                raise RefusedError(f"expected each name once in {what}; {shown(name)} comes twice")
            values[name] = value
        return values

    def finite(digits: str) -> float:
        number = float(digits)
        if not math.isfinite(number):
            raise RefusedError(f"expected finite numbers in {what}; it holds {shown(digits)}")
        return number

    try:
        return json.loads(text, object_pairs_hook=unique, parse_float=finite, parse_constant=finite)
    except RecursionError:
        raise RefusedError(
            f"expected at most {MAX_DEPTH} levels of JSON in {what}; it nests too deep"
        ) from None
    except ValueError as error:
        raise RefusedError(f"expected {what} to be JSON, but: {cut(str(error))}") from None


def read_tensors(
    file: BinaryIO, header: Header, shapes: Mapping[str, tuple[int, ...]], dtype: np.dtype[Any]
) -> dict[str, NDArray[Any]]:
    """Read the tensors, which must be exactly those of `shapes`, of one dtype, and finite.

    `file` stands behind the header.

    Raises
    ------
    RefusedError
        Anything about them is otherwise; nothing was allocated unless the bytes are there.
    """
    missing = [name for name in shapes if name not in header.tensors]
    if missing:
        raise RefusedError(f"expected a tensor {shown(missing[0])} for these sizes; it is missing")
    extra = [name for name in header.tensors if name not in shapes]
    if extra:
        raise RefusedError(f"expected {len(shapes)} tensors; {shown(extra[0])} is one too many")
    n_bytes = sum(map(math.prod, shapes.values())) * dtype.itemsize
    if n_bytes != header.data_bytes:
        state = "truncated" if n_bytes > header.data_bytes else "followed by bytes of no tensor"
        raise RefusedError(
            f"expected {n_bytes:,} bytes of parameters for these sizes; {header.data_bytes:,} "
            f"bytes follow the header: the file is {state}"
        )
    spans = {
        name: _span(name, header.tensors[name], shape, dtype) for name, shape in shapes.items()
    }
    at = 0
    for name, (begin, end) in sorted(spans.items(), key=lambda item: item[1]):
        if begin != at:
            state = "leaves a hole" if begin > at else "overlaps another tensor"
            raise RefusedError(
                f"expected a tensor to begin at byte {at}; {name}, at {shown(begin)}, {state}"
            )
        at = end
    data = file.read(n_bytes)
    if len(data) < n_bytes:
        raise RefusedError("the file became shorter while it was read")
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        tensors: dict[str, NDArray[Any]] = load(header.raw + data)
    except (SafetensorError, ValueError) as error:
        raise RefusedError(f"expected safetensors, but: {cut(str(error))}") from error
    for name, tensor in tensors.items():
        _require_finite(name, tensor)
    return tensors


def _span(name: str, entry: Any, shape: tuple[int, ...], dtype: np.dtype[Any]) -> tuple[int, int]:
    """Check one tensor's entry in the header and return where its bytes begin and end."""
    if type(entry) is not dict or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise RefusedError(f"expected dtype, shape and data_offsets of {name}; got {shown(entry)}")
    if entry["dtype"] != _DTYPES[dtype.name]:
        raise RefusedError(
            f"expected {name} to be {_DTYPES[dtype.name]}, for {dtype.name}; "
            f"its dtype is {shown(entry['dtype'])}"
        )
    if not _whole_numbers(entry["shape"]) or tuple(entry["shape"]) != shape:
        raise RefusedError(
            f"expected {name} to have the shape {list(shape)} for these sizes; "
            f"its shape is {shown(entry['shape'])}"
        )
    offsets, n_bytes = entry["data_offsets"], math.prod(shape) * dtype.itemsize
    if not _whole_numbers(offsets) or len(offsets) != 2 or offsets[1] - offsets[0] != n_bytes:
        raise RefusedError(
            f"expected two data_offsets of {name} that lie {n_bytes:,} bytes apart; "
            f"got {shown(offsets)}"
        )
    return offsets[0], offsets[1]


def _whole_numbers(value: Any) -> bool:
    # type, not isinstance: True is an int and 16.0 == 16
    return type(value) is list and all(type(n) is int for n in value)


def _require_finite(name: str, tensor: NDArray[Any]) -> None:
    """Refuse a tensor that holds NaN or infinity."""
    finite = np.isfinite(tensor)
    if not finite.all():
        at = tuple(int(i) for i in np.argwhere(~finite)[0])
        raise RefusedError(f"expected finite parameters; {name}{list(at)} is {tensor[at]}")


def encoded(metadata: Mapping[str, str], tensors: Mapping[str, NDArray[Any]]) -> bytes:
    """Return the bytes of a file, the same for the same input.

    Raises
    ------
    RefusedError
        A tensor is not finite, or the header would be longer than `read_header` accepts.
    """
    from safetensors.numpy import save

    for name, tensor in tensors.items():
        _require_finite(name, tensor)
    stored = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
    content: bytes = save(stored, dict(metadata))
    n = int.from_bytes(content[:_LENGTH_BYTES], "little")
    if n > MAX_HEADER_BYTES:
        raise RefusedError(
            f"expected a description of at most {MAX_HEADER_BYTES:,} bytes; it takes {n:,}, "
            "most of it recipe and history",
            "Shorten it, for example: net.history.epochs = net.history.epochs[::10].",
        )
    return content
