"""A network without its parameters as JSON, for model files: written, and read with suspicion.

docs/file-format.md lists the keys. Any change to them raises `FORMAT`.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tongtou.activations import Activation, from_description
from tongtou.history import History
from tongtou.initializers import Initializer
from tongtou.initializers import initializer as initializer_of
from tongtou.losses import Loss
from tongtou.losses import from_description as loss_from
from tongtou.network import MAX_LAYERS, Network
from tongtou.randomness import checked_seed
from tongtou.tensorfile import MAX_DEPTH, RefusedError, cut, shown

if TYPE_CHECKING:
    from tongtou.honesty.filing import Filed
    from tongtou.preprocessing import PicturePreprocessing, TablePreprocessing

FORMAT = 3
"""The newest. 2 had no gates, and is what a network without gates is still written as; 1 had no
losses with a parameter and no raw rows either. Both are read."""

_PIXELS = {"uint8": "u/255"}
"""What the network does to its input by itself; this version knows nothing else."""

_KEYS = {
    "format", "tongtou", "sizes", "activations", "loss", "dtype", "seed", "initializer",
    "classes", "input_shape", "preprocessing", "recipe", "history",
}  # fmt: skip
_MAX_RANK = 32
_MAX_NAME = 64  # names are compared with the known ones to suggest the nearest, which takes time
_WORDS = {math.inf: "Infinity", -math.inf: "-Infinity"}
_NOT_FINITE = {"NaN": math.nan, **{word: value for value, word in _WORDS.items()}}
"""How a history's loss that is no finite number is written: JSON has no word for it."""


@dataclass(frozen=True)
class Description:
    """A network without its parameters, checked."""

    sizes: tuple[int, ...]
    activations: tuple[Activation, ...]
    loss: Loss
    dtype: np.dtype[Any]
    seed: int
    initializer: Initializer
    classes: tuple[Any, ...]
    input_shape: tuple[int, ...]
    preprocessing: TablePreprocessing | PicturePreprocessing | None
    recipe: dict[str, Any]
    history: History | None
    gates: Filed | None = None

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of each tensor by its name."""
        shapes: dict[str, tuple[int, ...]] = {}
        for number, n_out in enumerate(self.sizes[1:], start=1):
            shapes[f"layer{number}.W"] = (n_out, self.sizes[number - 1])
            shapes[f"layer{number}.b"] = (n_out,)
        return shapes if self.gates is None else shapes | self.gates.shapes()


def text_of(net: Network) -> str:
    """Return the description of a network as JSON that `understood` takes.

    Raises
    ------
    RefusedError
        A file could not bring it back.
    """
    from tongtou import __version__  # not there yet while the package is being imported

    gates: dict[str, Any] = {}
    if net.gates is not None:
        from tongtou.honesty.filing import written

        gates["gates"] = written(net.gates, net.sizes)
    data = plain(
        {
            "format": FORMAT if gates else 2,
            "tongtou": __version__,
            "sizes": net.sizes,
            "activations": [one.describe() for one in net.blueprint.activations],
            "loss": net.loss_function.describe(),
            "dtype": net.dtype.name,
            "seed": net.seed,
            "initializer": initializer_of(net.initializer).name,
            "classes": tuple(net.classes),
            "input_shape": tuple(net.input_shape),
            "preprocessing": _preprocessing_written(net.preprocessing),
            "recipe": net.recipe,
            "history": None if net.history is None else _history_written(net.history),
            **gates,
        },
        "the network",
    )
    one = understood(data)
    for what, mine, theirs in (
        ("activations", net.blueprint.activations, one.activations),
        ("loss", net.loss_function, one.loss),
        ("initializer", initializer_of(net.initializer), one.initializer),
        ("preprocessing", net.preprocessing, one.preprocessing),
    ):
        if mine != theirs:
            raise RefusedError(
                f"expected the {what} to be one of Tongtou's; {shown(mine)} is not, and a file "
                "that cannot run anything cannot bring it back"
            )
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def understood(data: Any) -> Description:
    """Return what a description says, every value checked, none trusted.

    Raises
    ------
    RefusedError
        A value is missing, unknown or of another kind.
    """
    if type(data) is not dict or type(data.get("format")) is not int or data["format"] < 1:
        raise RefusedError(f"expected a description with a format number; got {shown(data)}")
    if data["format"] > FORMAT:
        raise RefusedError(
            f"expected at most format {FORMAT}, the newest this version knows; the file has format "
            f"{shown(data['format'])}, written by Tongtou {shown(data.get('tongtou'))}",
            "Upgrade: pip install --upgrade tongtou.",
        )
    data = plain(data, "the description")
    keys = _KEYS | {"gates"} if data["format"] > 2 else _KEYS
    for name in sorted(keys ^ set(data)):
        state = "is missing" if name in keys else "is none of them"
        raise RefusedError(
            f"expected the description to hold {', '.join(sorted(keys))}; {shown(name)} {state}"
        )
    _name(data, "tongtou")
    sizes = _sizes(data["sizes"])
    if data["dtype"] not in ("float32", "float64"):
        raise RefusedError(f"expected dtype float32 or float64; got {shown(data['dtype'])}")
    if type(data["recipe"]) is not dict:
        raise RefusedError(f"expected the recipe to be an object; got {shown(data['recipe'])}")
    try:
        return Description(
            sizes=sizes,
            activations=_activations(data["activations"], len(sizes) - 1),
            loss=_loss(data),
            dtype=np.dtype(data["dtype"]),
            seed=checked_seed(data["seed"]),
            initializer=initializer_of(_name(data, "initializer")),
            classes=_classes(data["classes"], sizes[-1]),
            input_shape=_input_shape(data["input_shape"], sizes[0]),
            preprocessing=_preprocessing(data, sizes),
            recipe=data["recipe"],
            history=None if data["history"] is None else _history(data["history"]),
            gates=_gates(data, sizes),
        )
    except (TypeError, ValueError, OverflowError) as error:
        raise RefusedError(f"expected known names and values, but: {cut(str(error))}") from error


def plain(value: Any, where: str, depth: int = 0) -> Any:
    """Return a value as JSON has it: tuples as lists, NumPy's numbers as Python's.

    Raises
    ------
    RefusedError
        JSON cannot hold it, or it nests too deep for the recursions that follow.
    """
    if depth > MAX_DEPTH:
        raise RefusedError(f"expected at most {MAX_DEPTH} levels; {where} nests too deep")
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float) and math.isfinite(value):
        return float(value)
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            raise RefusedError(f"expected {where} in Unicode; got {shown(value)}") from None
        return str(value)
    if isinstance(value, (list, tuple)):
        return [plain(item, f"{where}[{i}]", depth + 1) for i, item in enumerate(value)]
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {
            plain(key, where, depth + 1): plain(item, f"{where}.{key}"[-200:], depth + 1)
            for key, item in value.items()
        }
    raise RefusedError(
        f"expected {where} to be text, a finite number, a truth value, None, or a list or dict of "
        f"these with names of text; it is {shown(value)}"
    )


def _name(data: dict[str, Any], key: str) -> str:
    name = data[key]
    if type(name) is not str or len(name) > _MAX_NAME:
        raise RefusedError(f"expected {key} to be a short text; got {shown(name)}")
    return name


def _whole_numbers(value: Any) -> bool:
    # type, not isinstance: True is an int
    return type(value) is list and all(type(n) is int and 1 <= n < 2**31 for n in value)


def _sizes(value: Any) -> tuple[int, ...]:
    if not _whole_numbers(value) or not 2 <= len(value) <= MAX_LAYERS + 1:
        raise RefusedError(
            f"expected sizes to be 2 to {MAX_LAYERS + 1} whole numbers from 1 on; "
            f"got {shown(value)}"
        )
    return tuple(value)


def _activations(value: Any, n_layers: int) -> tuple[Activation, ...]:
    if type(value) is not list or len(value) != n_layers:
        raise RefusedError(f"expected {n_layers} activations, one a layer; got {shown(value)}")
    for one in value:
        if type(one) is not dict or len(one) > 2 or "name" not in one:
            raise RefusedError(
                f'expected an activation such as {{"name": "relu"}}; got {shown(one)}'
            )
        _name(one, "name")
    return tuple(map(from_description, value))


def _loss(data: dict[str, Any]) -> Loss:
    value = data["loss"]
    if data["format"] == 1:
        return loss_from(_name(data, "loss"))
    if type(value) is not dict or len(value) > 2 or "name" not in value:
        raise RefusedError(f'expected a loss such as {{"name": "sse"}}; got {shown(value)}')
    _name(value, "name")
    return loss_from(value)


def _preprocessing_written(one: Any) -> dict[str, Any]:
    if one is None:
        return dict(_PIXELS)
    from tongtou.preprocessing import PicturePreprocessing, TablePreprocessing

    if type(one) not in (TablePreprocessing, PicturePreprocessing):
        raise RefusedError(
            f"expected the preprocessing to be one of Tongtou's; {shown(one)} is not, and a file "
            "that cannot run anything cannot bring it back"
        )
    return {**_PIXELS, "input": one.describe()}


def _preprocessing(
    data: dict[str, Any], sizes: tuple[int, ...]
) -> TablePreprocessing | PicturePreprocessing | None:
    value = data["preprocessing"]
    is_plain = value == _PIXELS
    if is_plain or data["format"] == 1 or type(value) is not dict:
        if not is_plain:
            raise RefusedError(
                f"expected preprocessing {_PIXELS}; got {shown(value)}",
                "Upgrade: pip install --upgrade tongtou.",
            )
        return None
    if {key: kept for key, kept in value.items() if key != "input"} != _PIXELS:
        raise RefusedError(
            f"expected preprocessing {_PIXELS} and perhaps input; got {shown(value)}",
            "Upgrade: pip install --upgrade tongtou.",
        )
    from tongtou.preprocessing import TablePreprocessing, from_description

    one = from_description(value["input"])
    if one.n_in != sizes[0]:
        raise RefusedError(
            f"expected the preprocessing to make {sizes[0]} inputs; it makes {one.n_in}"
        )
    if isinstance(one, TablePreprocessing) and not one.target.fits(sizes[-1]):
        raise RefusedError(
            f"expected answers for {sizes[-1]} output(s); the preprocessing tells of "
            f"{shown(one.target.classes or one.target.names)}"
        )
    return one


def _classes(value: Any, n_out: int) -> tuple[Any, ...]:
    if type(value) is not list or any(type(one) not in (bool, int, float, str) for one in value):
        raise RefusedError(f"expected classes to be a list of numbers or texts; got {shown(value)}")
    n_classes = 2 if n_out == 1 else n_out  # a single output says no or yes
    if len(value) not in (0, n_classes):
        raise RefusedError(
            f"expected no classes or {n_classes}, for {n_out} output(s); got {len(value)}: "
            f"{shown(value)}"
        )
    return tuple(value)


def _input_shape(value: Any, n_in: int) -> tuple[int, ...]:
    if not _whole_numbers(value) or len(value) > _MAX_RANK or (value and math.prod(value) != n_in):
        raise RefusedError(
            f"expected input_shape to be empty or to make {n_in} inputs; got {shown(value)}"
        )
    return tuple(value)


def _gates(data: dict[str, Any], sizes: tuple[int, ...]) -> Filed | None:
    if data["format"] < 3:
        return None
    from tongtou.honesty.filing import understood as gates_understood

    return gates_understood(data["gates"], sizes)


# ---------------------------------------------------------------- the history


def _history_written(history: History) -> dict[str, Any]:
    data = history.to_dict()
    for record in (data, *data["epochs"]):
        for name, value in record.items():
            if isinstance(value, float) and not math.isfinite(value):
                record[name] = "NaN" if math.isnan(value) else _WORDS[value]
    return data


def _history(value: Any) -> History:
    if type(value) is not dict or type(value.get("epochs")) is not list:
        raise RefusedError(f"expected the history to be an object with epochs; got {shown(value)}")
    epochs = [_numbers(record) if type(record) is dict else record for record in value["epochs"]]
    return History.from_dict({**_numbers(value), "epochs": epochs})


def _numbers(record: dict[str, Any]) -> dict[str, Any]:
    """Return a record of the history with the numbers that JSON has no word for."""
    for name, value in record.items():
        if type(value) is int and abs(value) >= 2**63:  # no float can hold 10**400
            raise RefusedError(
                f"expected the history to hold counts; {shown(name)} is {shown(value)}"
            )
    return {
        name: _NOT_FINITE.get(value, value) if type(value) is str else value
        for name, value in record.items()
    }
