"""Checkpoints: a run under way as a file, so that whatever ends the process loses little.

A checkpoint is a safetensors file like a model (docs/file-format.md): arrays, and JSON in the
metadata. Nothing in it can run. It is written whole or not at all, between two steps.
"""

from __future__ import annotations

import json
import math
import os
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from tongtou import atomic, tensorfile
from tongtou.choices import choose
from tongtou.errors import TongtouError
from tongtou.settings import checked_number, checked_whole
from tongtou.tensorfile import RefusedError, shown

METADATA_KEY = "tongtou_checkpoint"
_DTYPES: dict[str, np.dtype[Any]] = {"F32": np.dtype("<f4"), "F64": np.dtype("<f8")}
_WORDS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_FLOAT = "float"
_DAMAGED = "Delete it, or take resume=True away, to begin afresh."


class CheckpointError(TongtouError, ValueError):
    """A checkpoint that cannot be resumed from: damaged, or of another network, data or recipe."""


class CheckpointWarning(UserWarning):
    """A checkpoint could not be written; training goes on, and an earlier one is as it was."""


@dataclass(frozen=True)
class Checkpoints:
    """Where and how often `fit` writes down the run, for ``fit(…, resume=True)``.

    Parameters
    ----------
    path : str or os.PathLike
        The file, such as "digits.checkpoint". Each checkpoint takes the place of the one before.
    every_s : float or None
        Seconds between checkpoints, above 0; None for no such rule.
    every_steps : int or None
        Steps between checkpoints; then they fall on the multiples of this number.
    on_error : "warn" or "stop"
        What happens where one cannot be written (disk full, folder gone or read-only): a
        `CheckpointWarning`, once, and training goes on and tries again; or training stops as well,
        with ``stopped_by="checkpoint failed"``. An earlier checkpoint stays as it was.

    Raises
    ------
    ValueError
        A setting is out of its range, or both `every_s` and `every_steps` are None.

    Notes
    -----
    One is written before the first step, so that a place that cannot be written to is known at
    once, and one at the end. It holds the parameters and what the optimiser remembers, those of
    the best epoch so far, the step, the history, the sums of the epoch under way, and what
    schedule and stopping conditions remember; of the data it holds a fingerprint. A run that was
    resumed ends with the bits of the run never interrupted, on the same kind of processor.

    A file that is there already is replaced when the run is not a resumed one; an unfinished
    checkpoint, or whatever is no checkpoint at all, is first renamed to ``<path>.before``.

    Examples
    --------
    >>> import tempfile, os, tongtou as tt
    >>> from tongtou.checkpoints import Checkpoints
    >>> there = Checkpoints(os.path.join(tempfile.mkdtemp(), "line.checkpoint"), every_s=10)
    >>> net = tt.Network([1, 1], output="linear")
    >>> history = tt.fit(net, ([[0.0], [1.0]], [1.0, 3.0]), epochs=5, checkpoint=there)
    >>> again = tt.Network([1, 1], output="linear")
    >>> history = tt.fit(again, ([[0.0], [1.0]], [1.0, 3.0]), epochs=5, checkpoint=there,
    ...                  resume=True)  # finished already: returns at once
    >>> bool(again.layers[0].W == net.layers[0].W)
    True
    """

    path: str | os.PathLike[str]
    every_s: float | None = 30.0
    every_steps: int | None = None
    on_error: str = "warn"

    def __post_init__(self) -> None:
        name = os.fspath(self.path) if isinstance(self.path, os.PathLike) else self.path
        if not isinstance(name, str) or not name or "\0" in name:
            raise ValueError(f"path must name a file for the checkpoint; it is {self.path!r}.")
        object.__setattr__(self, "path", name)
        if self.every_s is not None:
            seconds = checked_number("every_s", self.every_s, 0, above=True)
            object.__setattr__(self, "every_s", seconds)
        if self.every_steps is not None:
            object.__setattr__(
                self, "every_steps", checked_whole("every_steps", self.every_steps, 1)
            )
        if self.every_s is None and self.every_steps is None:
            raise ValueError("a checkpoint needs every_s or every_steps; both are None.")
        choose("on_error", self.on_error, {"warn": 0, "stop": 1})


@dataclass(frozen=True)
class Saved:
    """What a checkpoint holds: what can be told in JSON, and arrays by their names."""

    told: dict[str, Any]
    arrays: dict[str, NDArray[Any]]


def write(path: str, saved: Saved) -> None:
    """Write a checkpoint, whole or not at all.

    Raises
    ------
    OSError
        It cannot be written there; what was there is unchanged.
    """
    from safetensors.numpy import save

    text = json.dumps(_coded(saved.told), ensure_ascii=False, separators=(",", ":"))
    arrays = {name: np.ascontiguousarray(array) for name, array in saved.arrays.items()}
    content: bytes = save(arrays, {METADATA_KEY: text})
    atomic.write_whole(path, content)


def read(path: str) -> Saved | None:
    """Read the checkpoint at this path; None where there is no file.

    Raises
    ------
    CheckpointError
        It is no checkpoint, or a damaged one. Nothing in it was run or believed.
    OSError
        It cannot be read.
    """
    try:
        file = open(path, "rb")  # noqa: SIM115 - only the opening may fail like this
    except FileNotFoundError:
        return None
    with file:
        try:
            return _read(file)
        except RefusedError as wrong:
            told = wrong.told(_DAMAGED)
            raise CheckpointError(f"{path} is no checkpoint to resume from: {told}") from None


def _read(file: BinaryIO) -> Saved:
    header = tensorfile.read_header(file, os.fstat(file.fileno()).st_size)
    if METADATA_KEY not in header.metadata:
        raise RefusedError(f"its metadata has no {METADATA_KEY!r}, so it is another kind of file")
    told = _decoded(tensorfile.strict_json(header.metadata[METADATA_KEY], "its description"))
    if type(told) is not dict:
        raise RefusedError(f"expected its description to be an object; got {shown(told)}")
    spans = {name: _span(name, entry) for name, entry in header.tensors.items()}
    at = 0
    for name, (_, _, begin, end) in sorted(spans.items(), key=lambda item: item[1][2:]):
        if begin != at:
            raise RefusedError(f"expected the array {shown(name)} at byte {at}; it is at {begin}")
        at = end
    if at != header.data_bytes:
        raise RefusedError(f"expected {at:,} bytes of arrays; there are {header.data_bytes:,}")
    data = bytearray(file.read(at))
    if len(data) < at:
        raise RefusedError("the file became shorter while it was read")
    arrays = {
        name: np.frombuffer(data, dtype, math.prod(shape), begin).reshape(shape)
        for name, (dtype, shape, begin, _) in spans.items()
    }
    return Saved(told, arrays)


def _span(name: str, entry: Any) -> tuple[np.dtype[Any], tuple[int, ...], int, int]:
    """Return dtype, shape, begin and end of an array, consistent with each other."""
    if type(entry) is dict and set(entry) == {"dtype", "shape", "data_offsets"}:
        dtype = _DTYPES.get(entry["dtype"]) if type(entry["dtype"]) is str else None
        shape, offsets = entry["shape"], entry["data_offsets"]
        if dtype and _counts(shape) and len(shape) <= 8 and _counts(offsets) and len(offsets) == 2:
            begin, end = offsets
            if end - begin == math.prod(shape) * dtype.itemsize:
                return dtype, tuple(shape), begin, end
    raise RefusedError(f"expected a float32 or float64 array {shown(name)}; got {shown(entry)}")


def _counts(value: Any) -> bool:
    return type(value) is list and all(type(n) is int and n >= 0 for n in value)


def _coded(value: Any) -> Any:
    """Return a value with words for the numbers that JSON has none for."""
    if isinstance(value, float) and not math.isfinite(value):
        word = "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
        return {_FLOAT: word}
    if isinstance(value, dict):
        return {str(key): _coded(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_coded(one) for one in value]
    return value


def _decoded(value: Any, depth: int = 0) -> Any:
    if depth > tensorfile.MAX_DEPTH:
        raise RefusedError(f"expected at most {tensorfile.MAX_DEPTH} levels in its description")
    if type(value) is dict:
        if set(value) == {_FLOAT}:
            if type(value[_FLOAT]) is not str or value[_FLOAT] not in _WORDS:
                raise RefusedError(f"expected a number; got {shown(value)}")
            return _WORDS[value[_FLOAT]]
        return {key: _decoded(one, depth + 1) for key, one in value.items()}
    if type(value) is list:
        return [_decoded(one, depth + 1) for one in value]
    return value
