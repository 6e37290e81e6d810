"""Reading what a user wrote behind an option; refusals are in the user's language."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import typer

from tongtou.i18n import text


class Sizes(tuple[int, ...]):
    """Neurons of each hidden layer, the first first; empty for none."""

    __slots__ = ()

    def __str__(self) -> str:
        return ",".join(map(str, self))


class Named(NamedTuple):
    """One of several known things with settings of its own: ``step:every_epochs=5,factor=0.5``."""

    name: str
    settings: dict[str, Any]

    def __str__(self) -> str:
        settings = ",".join(f"{key}={value}" for key, value in self.settings.items())
        return f"{self.name}:{settings}" if settings else self.name


def whole(least: int, most: int | None = None) -> Callable[[Any], int]:
    """Return a reader of whole numbers from `least` on, up to `most`."""

    def read(value: Any) -> int:
        try:
            number = int(value)
        except ValueError:
            number = least - 1
        if number < least:
            raise typer.BadParameter(text("error.whole", least=least, value=value))
        if most is not None and number > most:
            raise typer.BadParameter(text("error.whole_most", most=most, value=value))
        return number

    return read


def positive(value: Any) -> float:
    """Read a number above 0."""
    number = _number(value)
    if not number > 0:
        raise typer.BadParameter(text("error.positive", value=value))
    return number


def at_least_zero(value: Any) -> float:
    """Read a number from 0 on."""
    number = _number(value)
    if not number >= 0:
        raise typer.BadParameter(text("error.at_least_zero", value=value))
    return number


def share(value: Any) -> float:
    """Read a share from 0 to below 1, also as per cent: 0.2 or 20%."""
    said = str(value).replace("％", "%").strip()
    number = _number(said.rstrip("%")) / (100 if said.endswith("%") else 1)
    if not 0 <= number < 1:
        raise typer.BadParameter(text("error.plain_share", value=value))
    return number


def above_zero_share(value: Any) -> float:
    """Read a share above 0, up to 1, also as per cent."""
    said = str(value).replace("％", "%").strip()
    number = _number(said.rstrip("%")) / (100 if said.endswith("%") else 1)
    if not 0 < number <= 1:
        raise typer.BadParameter(text("error.target_share", value=value))
    return number


def risk(value: Any) -> float:
    """Read a risk between 0 and 1, also as per cent: 0.01 or 1%."""
    said = str(value).replace("％", "%").strip()
    number = _number(said.rstrip("%")) / (100 if said.endswith("%") else 1)
    if not 0 < number < 1:
        raise typer.BadParameter(text("error.risk", value=value))
    return number


def seconds(value: Any) -> float:
    """Read a span of time in seconds, minutes or hours: 30, 90s, 5m, 2h."""
    said = str(value).strip().lower()
    unit = {"s": 1, "m": 60, "h": 3600}.get(said[-1:])
    number = _number(said[:-1] if unit else said) * (unit or 1)
    if not number > 0:
        raise typer.BadParameter(text("error.seconds", value=value))
    return number


def neuron(value: Any) -> tuple[int, int]:
    """Read layer and number of a neuron: 1:5."""
    if isinstance(value, tuple):
        return value
    layer, colon, number = str(value).replace("：", ":").partition(":")
    if not (colon and layer.strip().isdecimal() and number.strip().isdecimal()):
        raise typer.BadParameter(text("error.neuron", value=value))
    return int(layer), int(number)


def rates(value: Any) -> tuple[float, ...]:
    """Read dropout rates with commas between: one, or one for the input and each hidden layer."""
    if isinstance(value, tuple):
        return value
    return tuple(share(part) for part in _parts(value))


def names(value: Any) -> tuple[str, ...]:
    """Read names with commas between."""
    if isinstance(value, tuple):
        return value
    found = tuple(part for part in _parts(value) if part)
    if not found:
        raise typer.BadParameter(text("error.names", value=value))
    return found


def kinds(value: Any) -> dict[str, str]:
    """Read kinds of columns: zip=category,sold=%d.%m.%Y."""
    if isinstance(value, dict):
        return value
    found: dict[str, str] = {}
    for part in _parts(value):
        name, sign, kind = part.partition("=")
        if not sign or not name or not kind:
            raise typer.BadParameter(text("error.columns", value=value))
        found[name.strip()] = kind.strip()
    return found


def decimal(value: Any) -> str:
    """Read the decimal sign."""
    if value not in (".", ","):
        raise typer.BadParameter(text("error.decimal", value=value))
    return str(value)


def separator(value: Any) -> str:
    """Read one character, a tab also by its name."""
    sign = "\t" if str(value).lower() in ("tab", "\\t") else str(value)
    if len(sign) != 1 or sign in '"\r\n':
        raise typer.BadParameter(text("error.separator", value=value))
    return sign


def size(value: Any) -> tuple[int, int]:
    """Read height and width of pictures: 28x28, or 28 for both."""
    if isinstance(value, tuple):
        return value
    parts = str(value).lower().replace("×", "x").split("x")
    try:
        numbers = [int(part) for part in parts]
    except ValueError:
        numbers = []
    if len(numbers) not in (1, 2) or min(numbers) < 1:
        raise typer.BadParameter(text("error.size", value=value))
    return numbers[0], numbers[-1]


def class_weight(value: Any) -> str | dict[str, float]:
    """Read "balanced", or a weight for each class: cat=2,dog=1."""
    if isinstance(value, dict) or str(value) == "balanced":
        return value  # type: ignore[no-any-return]
    weights: dict[str, float] = {}
    for part in _parts(value):
        name, sign, weight = part.rpartition("=")
        number = _number(weight)
        if not sign or not name or not number >= 0:
            raise typer.BadParameter(text("error.class_weight", value=value))
        weights[name] = number
    return weights


def several_of(known: Iterable[str]) -> Callable[[Any], tuple[str, ...]]:
    """Return a reader of these names with commas between."""
    read_name = one_of(known)

    def read(value: Any) -> tuple[str, ...]:
        return value if isinstance(value, tuple) else tuple(map(read_name, _parts(value)))

    return read


def named(known: Iterable[str]) -> Callable[[Any], Named]:
    """Return a reader of one of these names, with settings behind a colon if need be."""
    read_name = one_of(known)

    def read(value: Any) -> Named:
        if isinstance(value, Named):
            return value
        name, colon, rest = str(value).replace("：", ":").partition(":")
        return Named(read_name(name), settings(rest) if colon else {})

    return read


def named_or_settings(known: Iterable[str]) -> Callable[[Any], Named]:
    """Return a reader of one of these names, or of settings alone, whose name is empty."""
    read_name = one_of(known)

    def read(value: Any) -> Named:
        if isinstance(value, Named):
            return value
        if "=" in str(value):
            return Named("", settings(value))
        return Named(read_name(value), {})

    return read


def settings(value: Any) -> dict[str, Any]:
    """Read ``key=value,key=value``: whole numbers, numbers, true or false, or words."""
    found: dict[str, Any] = {}
    for part in _parts(value):
        key, sign, said = (piece.strip() for piece in part.partition("="))
        if not sign or not key.isidentifier() or not said or key in found:
            raise typer.BadParameter(text("error.settings", value=value))
        found[key] = _setting(said)
    return found


def _setting(said: str) -> Any:
    if said.lower() in ("true", "false"):
        return said.lower() == "true"
    try:
        return int(said)
    except ValueError:
        number = _number(said)
        return said if math.isnan(number) else number


def _parts(value: Any) -> list[str]:
    return [part.strip() for part in str(value).replace("，", ",").split(",")]


def share_or_count(value: Any) -> float:
    """Read a share from 0 to 1, or a whole number."""
    number = _number(value)
    if not number >= 0 or (number >= 1 and number != int(number)):
        raise typer.BadParameter(text("error.share", value=value))
    return number


def _number(value: Any) -> float:
    try:
        number = float(value)
    except ValueError:
        return math.nan
    return number if math.isfinite(number) else math.nan


def sizes(value: Any) -> Sizes:
    """Read neurons of hidden layers with commas between, Chinese ones too; "0" for no layer."""
    if isinstance(value, Sizes):
        return value
    try:
        numbers = Sizes(int(part) for part in _parts(value))
    except ValueError:
        numbers = Sizes([-1])
    if numbers == (0,):
        return Sizes()
    if min(numbers) < 1:
        raise typer.BadParameter(text("error.sizes", value=value))
    return numbers


def one_of(names: Iterable[str]) -> Callable[[Any], str]:
    """Return a reader of one of these names."""
    known = list(names)

    def read(value: Any) -> str:
        name = str(value)
        if name in known:
            return name
        near = difflib.get_close_matches(name.lower(), known, n=1, cutoff=0.5)
        hint = text("error.did_you_mean", name=near[0]) if near else ""
        raise typer.BadParameter(text("error.one_of", names=", ".join(known), value=name) + hint)

    return read
