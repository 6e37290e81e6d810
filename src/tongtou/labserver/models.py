"""The networks that the lab shows: the lesson's, an honest one beside it, and the visitor's own.

They are trained when they are first needed, here, from the digits in the package, and kept in the
user's cache: a repository and a wheel hold no trained numbers.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from tongtou import atomic
from tongtou.datasets import Dataset, mnist
from tongtou.errors import DataError, TongtouError
from tongtou.evaluation import kernel
from tongtou.files import load, save
from tongtou.honesty import gates
from tongtou.network import Network
from tongtou.recipes import recipe
from tongtou.training import fit

N_HELD_OUT = 5000
_RECIPES = {"plain": "lesson", "honest": "honest"}
_RISKS = {"plain": 0.02, "honest": 0.005}
"""What the page asks each network to promise. At 1 % the lesson's answers three digits of four, too
few to talk with; the honest one refuses nine letters of ten from 0.5 % on (docs/explain.md)."""
_MAKING = 3
"""Raise it when a kept model would no longer be what `_trained` makes of the same recipe."""
_WAVERING = 0.1
"""Two outputs within this are a digit on which the network wavers."""


def model_files(
    given: Network | None = None, *, tell: Callable[[str], None] = lambda name: None
) -> dict[str, bytes]:
    """Return the folder models/ of the lab: model files, and models.json which says what they are.

    Parameters
    ----------
    given : Network, optional
        The visitor's own: pictures of 28×28 pixels in, digits out.
    tell : function, optional
        Called with a model's name when it has to be trained first.

    Raises
    ------
    DataError
        The network given does not read pictures of 28×28.
    """
    if given is not None and (given.sizes[0] != 784 or given.sizes[-1] != 10):
        raise DataError(
            f"expected a network with 784 inputs and 10 outputs, got {given.sizes[0]} and "
            f"{given.sizes[-1]}: the lab draws digits of 28×28 pixels; for other networks there is "
            "tongtou report"
        )
    files: dict[str, bytes] = {}
    contents: dict[str, Any] = {"given": None, "risk": _RISKS}
    for name, recipe_name in _RECIPES.items():
        files[f"{name}.safetensors"] = _kept(name, recipe_name, tell)
        contents[name] = f"{name}.safetensors"
    if given is not None:
        files["given.safetensors"] = _bytes_of(given)
        contents["given"] = "given.safetensors"
    shown = given or _network_of(files["plain.safetensors"])
    contents["first"] = wavering_digit(shown, mnist().test)
    files["models.json"] = json.dumps(contents).encode()
    return files


def wavering_digit(net: Network, digits: Dataset) -> dict[str, Any]:
    """Return a digit between two answers: the one with the largest second output.

    Digits whose two largest outputs lie within 0.1, the true answer among them, come first, and
    among those a 4 that may be a 9; where there is none of a kind, the kind is dropped.

    Returns
    -------
    dict
        JSON-ready: set, index, label, answers (the two, the larger first), outputs, and the pixels
        (784 numbers 0 … 255), so that the page can draw it before any other digit has arrived.
    """
    outputs = net.predict_proba(digits.X)
    order = np.argsort(-outputs, axis=1, kind="stable")[:, :2]  # (n, 2)
    two = np.take_along_axis(outputs, order, 1)
    close = two[:, 0] - two[:, 1] <= _WAVERING
    honest = (order == np.asarray(digits.y)[:, None]).any(1)
    four_or_nine = (np.sort(order, 1) == (4, 9)).all(1)
    for kind in (close & honest & four_or_nine, close & honest, close, np.ones(len(two), bool)):
        if kind.any():
            index = int(np.argmax(np.where(kind, two[:, 1], -1)))
            break
    return {
        "set": "test",
        "index": index,
        "label": int(digits.y[index]),
        "answers": order[index].tolist(),
        "outputs": two[index].astype(float).tolist(),
        "pixels": np.asarray(digits.X[index]).tolist(),
    }


def _kept(name: str, recipe_name: str, tell: Callable[[str], None]) -> bytes:
    """Return the model file from the cache, or train the model and put it there."""
    chosen = recipe(recipe_name)
    instructions = kernel.kernel_in_use() if kernel is not None else "reference"
    key = sha256(f"{_MAKING} {instructions} {chosen!r}".encode()).hexdigest()[:16]
    path = cache_folder() / f"{name}-{key}.safetensors"
    with suppress(OSError, TongtouError):  # a damaged file is replaced
        load(path)
        return path.read_bytes()
    tell(name)
    content = _bytes_of(_trained(recipe_name))
    with suppress(OSError):  # no cache: the next start trains again
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic.write_whole(str(path), content)
    return content


def _trained(recipe_name: str) -> Network:
    chosen = recipe(recipe_name)
    digits = mnist().train
    net = chosen.network(784, 10, seed=0)
    fit(net, **chosen.examples(digits, N_HELD_OUT, seed=0), seed=0, **chosen.settings())
    net.gates = gates(net, digits, N_HELD_OUT, seed=0)
    return net


def _bytes_of(net: Network) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        save(net, path)
        return path.read_bytes()


def _network_of(content: bytes) -> Network:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        path.write_bytes(content)
        return load(path)


def cache_folder() -> Path:
    """Return the user's cache of Tongtou: ``$XDG_CACHE_HOME/tongtou``, ``~/.cache/tongtou``."""
    base = os.environ.get("XDG_CACHE_HOME")
    try:
        return (Path(base) if base else Path.home() / ".cache") / "tongtou"
    except RuntimeError:  # no home
        return Path(tempfile.gettempdir()) / "tongtou"
