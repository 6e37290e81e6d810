"""Gates in a model file: JSON numbers and tensors, written, and read with suspicion."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tongtou.honesty.density import Density
from tongtou.honesty.gating import Gates
from tongtou.honesty.risk import Curve
from tongtou.tensorfile import RefusedError, shown

_NUMBERS = ("temperature", "rank_temperature", "false_refusals", "refused", "total")
_COUNTS = ("n_learnt", "n_held", "n_curve", "rows")
_KEYS = {*_NUMBERS, *_COUNTS, "pair", "input", "z1"}
_OF_DENSITY = {"components", "within", "residual"}
_EXACT = 1 << 24
"""Counts up to here are exact in float32."""
_ORTHONORMAL = 1e-3


def written(gates: Gates, sizes: tuple[int, ...]) -> dict[str, Any]:
    """Return what the description of a network says of its gates.

    Raises
    ------
    RefusedError
        They are of another network.
    """
    if len(gates.input.mean) != sizes[0] or len(gates.z1.mean) != sizes[1]:
        raise RefusedError(
            f"expected gates for {sizes[0]} inputs and {sizes[1]} neurons in the first layer; they "
            f"are for {len(gates.input.mean)} and {len(gates.z1.mean)}",
            "Take gates of this network: net.gates = tt.honesty.gates(net, data).",
        )
    densities = {
        name: {
            "components": len(one.scale),
            "within": list(one.within),
            "residual": None if one.residual is None else list(one.residual),
        }
        for name, one in (("input", gates.input), ("z1", gates.z1))
    }
    return {
        "temperature": gates.temperature,
        "rank_temperature": gates.rank_temperature,
        "false_refusals": gates.false_refusals,
        "refused": gates.refused,
        "n_learnt": gates.n_learnt,
        "n_held": gates.n_held,
        "n_curve": gates.curve.n,
        "rows": len(gates.curve.score),
        "pair": gates.pair,
        "total": gates.total,
        **densities,
    }


def tensors_of(gates: Gates, dtype: np.dtype[Any]) -> dict[str, NDArray[Any]]:
    """Return the tensors of gates by their names in a file of this dtype."""
    if gates.curve.n > _EXACT:
        raise RefusedError(
            f"expected gates of at most {_EXACT:,} held-out examples; these have {gates.curve.n:,}"
        )
    found: dict[str, NDArray[Any]] = {}
    for name, one in (("input", gates.input), ("z1", gates.z1)):
        found[f"gates.{name}.mean"] = one.mean
        found[f"gates.{name}.components"] = one.components
        found[f"gates.{name}.scale"] = one.scale
    for name in ("score", "answered", "wrong"):
        found[f"gates.curve.{name}"] = getattr(gates.curve, name)
    return {name: tensor.astype(dtype) for name, tensor in found.items()}


@dataclass(frozen=True)
class Filed:
    """Gates without their tensors, checked.

    Attributes
    ----------
    told : dict
        What the description says.
    sizes : tuple of int
        Of the network.
    """

    told: dict[str, Any]
    sizes: tuple[int, ...]

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of each tensor by its name."""
        shapes: dict[str, tuple[int, ...]] = {}
        for name, d in (("input", self.sizes[0]), ("z1", self.sizes[1])):
            k = self.told[name]["components"]
            shapes[f"gates.{name}.mean"] = (d,)
            shapes[f"gates.{name}.components"] = (k, d)
            shapes[f"gates.{name}.scale"] = (k,)
        for name in ("score", "answered", "wrong"):
            shapes[f"gates.curve.{name}"] = (self.told["rows"],)
        return shapes

    def gates(self, tensors: Mapping[str, NDArray[Any]]) -> Gates:
        """Return the gates with their tensors, which are finite and of the right shapes.

        Raises
        ------
        RefusedError
            A number is none that gates can have.
        """
        told = self.told
        return Gates(
            temperature=told["temperature"],
            rank_temperature=told["rank_temperature"],
            curve=self._curve(tensors),
            input=self._density("input", tensors),
            z1=self._density("z1", tensors),
            pair=told["pair"],
            false_refusals=told["false_refusals"],
            refused=told["refused"],
            n_learnt=told["n_learnt"],
            n_held=told["n_held"],
            total=told["total"],
        )

    def _density(self, name: str, tensors: Mapping[str, NDArray[Any]]) -> Density:
        mean, components, scale = (
            _as_float32(f"gates.{name}.{part}", tensors) for part in ("mean", "components", "scale")
        )
        if not (scale > 0).all():
            raise RefusedError(f"expected gates.{name}.scale above 0; got {shown(scale.min())}")
        wide = components.astype(np.float64)
        with np.errstate(over="ignore", invalid="ignore"):
            off = np.abs(wide @ wide.T - np.eye(len(wide))).max()
        if not off <= _ORTHONORMAL:
            raise RefusedError(
                f"expected gates.{name}.components of length 1 at right angles; they are off by "
                f"{off:.3g}"
            )
        told = self.told[name]
        residual = None if told["residual"] is None else tuple(told["residual"])
        return Density(mean, components, scale, tuple(told["within"]), residual)

    def _curve(self, tensors: Mapping[str, NDArray[Any]]) -> Curve:
        score = _as_float32("gates.curve.score", tensors)
        counts = []
        for name in ("gates.curve.answered", "gates.curve.wrong"):
            given = tensors[name]
            if not (
                (given >= 0) & (given == np.rint(given)) & (given <= self.told["n_curve"])
            ).all():
                raise RefusedError(
                    f"expected {name} to hold counts up to {self.told['n_curve']:,}; it does not"
                )
            counts.append(given.astype(np.int64))
        answered, wrong = counts
        rising = (np.diff(answered) >= 0).all() and (np.diff(wrong) >= 0).all()
        rising = rising and (np.diff(wrong) <= np.diff(answered)).all()
        if not rising or (np.diff(score) > 0).any() or wrong[0] > answered[0]:
            raise RefusedError(
                "expected gates.curve to go from the most confident on: score falling, answered "
                "and wrong rising, wrong no faster than answered"
            )
        return Curve(score, answered, wrong, self.told["n_curve"])


def understood(value: Any, sizes: tuple[int, ...]) -> Filed:
    """Return what a description says of gates, every value checked.

    Raises
    ------
    RefusedError
        A value is missing, unknown or of another kind.
    """
    if type(value) is not dict or set(value) != _KEYS:
        raise RefusedError(f"expected gates with {', '.join(sorted(_KEYS))}; got {shown(value)}")
    for name in _NUMBERS:
        _number(name, value[name])
    for name in _COUNTS:
        if type(value[name]) is not int or not 0 <= value[name] <= _EXACT:
            raise RefusedError(f"expected gates.{name} to be a count; got {shown(value[name])}")
    if not (1 <= value["rows"] <= value["n_curve"] + 1 and value["n_curve"] <= value["n_held"]):
        raise RefusedError(
            "expected gates with rows up to n_curve + 1 and n_curve up to n_held; got "
            f"{value['rows']}, {value['n_curve']} and {value['n_held']}"
        )
    if min(value["temperature"], value["rank_temperature"]) <= 0:
        raise RefusedError(
            "expected temperatures above 0; got "
            f"{value['temperature']} and {value['rank_temperature']}"
        )
    if not 0 < value["false_refusals"] <= 1 >= value["refused"] >= 0:
        raise RefusedError(
            "expected false_refusals and refused of 0 … 1; got "
            f"{value['false_refusals']} and {value['refused']}"
        )
    if value["pair"] is not None:
        _number("pair", value["pair"])
    for name, d in (("input", sizes[0]), ("z1", sizes[1])):
        one = value[name]
        if type(one) is not dict or set(one) != _OF_DENSITY:
            raise RefusedError(
                f"expected gates.{name} with {', '.join(sorted(_OF_DENSITY))}; got {shown(one)}"
            )
        if type(one["components"]) is not int or not 1 <= one["components"] <= d:
            raise RefusedError(
                f"expected gates.{name}.components of 1 … {d}; got {shown(one['components'])}"
            )
        _bounds(f"gates.{name}.within", one["within"])
        if one["residual"] is not None:
            _bounds(f"gates.{name}.residual", one["residual"])
    return Filed(value, sizes)


def _number(name: str, value: Any) -> None:
    if type(value) not in (int, float) or abs(value) > 1e300 or not math.isfinite(value):
        raise RefusedError(f"expected gates.{name} to be a number; got {shown(value)}")


def _bounds(name: str, value: Any) -> None:
    if type(value) is not list or len(value) != 2:
        raise RefusedError(f"expected {name} to be two numbers; got {shown(value)}")
    for one in value:
        _number(name.removeprefix("gates."), one)
    if not 0 <= value[0] <= value[1]:
        raise RefusedError(f"expected {name} to rise from 0 or more; got {shown(value)}")


def _as_float32(name: str, tensors: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
    given = tensors[name]
    with np.errstate(over="ignore"):
        narrow: NDArray[np.float32] = given.astype(np.float32)
    if not (narrow == given).all():
        raise RefusedError(f"expected {name} to hold float32 numbers; it holds others")
    return narrow
