"""Model files: a network in safetensors, its description as JSON in the metadata.

docs/file-format.md describes the file key by key. Nothing in it can run. What `save` writes goes
through the checks of `load` first, so that whatever was saved can be loaded.
"""

from __future__ import annotations

import os
import stat
from typing import BinaryIO

from tongtou import atomic, description, tensorfile
from tongtou.checkpoints import METADATA_KEY as CHECKPOINT_KEY
from tongtou.errors import DataError, FileFormatError
from tongtou.network import Network
from tongtou.tensorfile import RefusedError, shown

METADATA_KEY = "tongtou"
_FETCH_AGAIN = "Save the network again with net.save, or fetch the file again."


def save(net: Network, path: str | os.PathLike[str]) -> None:
    """Write a network to a safetensors file, whole or not at all.

    Parameters
    ----------
    net : Network
        With everything `load` brings back: parameters, sizes, activations, loss, dtype, seed,
        initializer, classes, input_shape, preprocessing, recipe, history and gates.
    path : str or os.PathLike
        A file that is there already is replaced in one step; a symbolic link keeps leading to it.

    Raises
    ------
    DataError
        The network holds what a file cannot: parameters that are not finite, an activation, loss
        or initializer of your own, classes that do not match the outputs, a recipe that is not
        JSON. Nothing was written.
    OSError
        It cannot be written there: PermissionError, FileNotFoundError (no such folder),
        IsADirectoryError, or another of that family. What was there is unchanged.

    Notes
    -----
    The same network gives the same bytes. The file holds no time and no name of user or machine.

    Examples
    --------
    >>> import tempfile, pathlib, tongtou as tt
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "small.safetensors"
    >>> net = tt.Network([2, 3, 1])
    >>> net.save(path)
    >>> bool((tt.load(path).layers[0].W == net.layers[0].W).all())
    True
    """
    name = _checked_path(path)
    try:
        text = description.text_of(net)
        tensors = {}
        for number, layer in enumerate(net.layers, start=1):
            tensors[f"layer{number}.W"], tensors[f"layer{number}.b"] = layer.W, layer.b
        if net.gates is not None:
            from tongtou.honesty.filing import tensors_of

            tensors |= tensors_of(net.gates, net.dtype)
        atomic.write_whole(name, tensorfile.encoded({METADATA_KEY: text}, tensors))
    except RefusedError as wrong:
        told = wrong.told("Correct it and save again.")
        raise DataError(f"nothing was written: {told}") from wrong.__cause__


def load(path: str | os.PathLike[str]) -> Network:
    """Read the network that `Network.save` wrote; it predicts the same bits.

    Parameters
    ----------
    path : str or os.PathLike

    Returns
    -------
    Network

    Raises
    ------
    FileFormatError
        The file is truncated, damaged, hostile, of another kind or of a newer version; the message
        tells what was expected and what came. Nothing in a file can run, nothing is read past its
        end, and memory is taken only for bytes that are there.
    FileNotFoundError, PermissionError, OSError
        It cannot be opened or read.

    Examples
    --------
    >>> import tempfile, pathlib, tongtou as tt
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "small.safetensors"
    >>> tt.Network([2, 3, 1], seed=7).save(path)
    >>> tt.load(path)
    Network(2-3-1, sigmoid → sigmoid, sse, 13 parameters, float32)
    """
    name = _checked_path(path)
    try:
        with _opened(name) as file:
            return _read(file)
    except RefusedError as wrong:
        raise FileFormatError(f"{name}: {wrong.told(_FETCH_AGAIN)}") from wrong.__cause__
    except MemoryError:
        raise FileFormatError(
            f"{name}: expected a network that fits in memory; this one needs more than this "
            "process may take. Load it where there is more."
        ) from None
    except FileNotFoundError as error:
        raise FileNotFoundError(
            error.errno, "no model file is here; check the path, or save one with net.save", name
        ) from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise OSError(
            error.errno or 0, f"the model file cannot be read ({reason}); check the path", name
        ) from error


def _checked_path(path: object) -> str:
    name = os.fspath(path) if isinstance(path, os.PathLike) else path
    if not isinstance(name, str):
        raise TypeError(f"the path must be a str or an os.PathLike of str; it is {shown(path)}.")
    if not name or "\0" in name:
        raise ValueError(f"the path must name a file; it is {shown(name)}.")
    return name


def _opened(name: str) -> BinaryIO:
    def require_regular(found: os.stat_result) -> None:
        if not stat.S_ISREG(found.st_mode):
            kind = "a folder" if stat.S_ISDIR(found.st_mode) else "a device, pipe or socket"
            raise RefusedError(f"expected a regular file; this is {kind}", "Give a file's path.")

    # Looked at before, because opening a device can do something, and after, because only then it
    # is the file that will be read. Without O_NONBLOCK a pipe would wait for a writer.
    require_regular(os.stat(name))
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    file = os.fdopen(os.open(name, flags), "rb")
    try:
        require_regular(os.fstat(file.fileno()))
    except BaseException:
        file.close()
        raise
    return file


def _read(file: BinaryIO) -> Network:
    header = tensorfile.read_header(file, os.fstat(file.fileno()).st_size)
    if CHECKPOINT_KEY in header.metadata:
        raise RefusedError(
            "expected a network of Tongtou; this is the checkpoint of a run",
            "Give it to fit, with checkpoint=tt.Checkpoints(path) and resume=True, and save the "
            "network then: net.save(…).",
        )
    if METADATA_KEY not in header.metadata:
        raise RefusedError(
            f"expected a network of Tongtou; this safetensors file has no {METADATA_KEY!r} in its "
            f"metadata. Its tensors are {shown(sorted(header.tensors))}",
            "To use them, build a tt.Network and assign the arrays that "
            "safetensors.numpy.load_file reads: net.layers[0].W = arrays[…].",
        )
    one = description.understood(
        tensorfile.strict_json(header.metadata[METADATA_KEY], "its description")
    )
    # Network takes memory for its sizes, so the file must have shown its parameters before.
    tensors = tensorfile.read_tensors(file, header, one.shapes(), one.dtype)
    try:
        net = Network(
            one.sizes,
            activation=one.activations[:-1],
            output=one.activations[-1],
            loss=one.loss,
            initializer="zeros",  # every number is overwritten below
            seed=one.seed,
            dtype=one.dtype,
        )
    except ValueError as error:
        what = tensorfile.cut(str(error))
        raise RefusedError(f"expected a possible network, but {what}") from error
    net.initializer = one.initializer
    for number, layer in enumerate(net.layers, start=1):
        layer.W, layer.b = tensors[f"layer{number}.W"], tensors[f"layer{number}.b"]
    net.classes, net.input_shape = one.classes, one.input_shape
    net.preprocessing = one.preprocessing
    net.recipe, net.history = one.recipe, one.history
    if one.gates is not None:
        net.gates = one.gates.gates(tensors)
    return net
