"""What texts say: missing, numbers, truth values and dates, as Polars expressions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tongtou.preprocessing import frames

MISSING = ("", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "NULL", "null", "?")
"""Texts that stand for a missing value, unless told otherwise."""

_TRUE, _FALSE = ("true", "yes"), ("false", "no")
_DATES = (
    "%Y-%m-%d", "%Y/%m/%d", "%Y-%m-%d %H:%M", "%Y/%m/%d %H:%M", "%Y-%m-%dT%H:%M",
    "%Y-%m-%d %H:%M:%S%.f", "%Y/%m/%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f",
)  # fmt: skip
_WITH_ZONE = "%+"  # ISO 8601 with an offset or Z; becomes UTC


@dataclass(frozen=True)
class Reading:
    """How texts are read; remembered, so that new rows are read alike.

    Parameters
    ----------
    missing : tuple of str
        Texts that stand for a missing value.
    decimal : str
        The decimal sign, "." or ",".
    """

    missing: tuple[str, ...] = MISSING
    decimal: str = "."

    def __post_init__(self) -> None:
        if self.decimal not in (".", ","):
            raise ValueError(f"decimal must be '.' or ','; it is {self.decimal!r}.")


def text_of(pl: Any, name: str, reading: Reading) -> Any:
    """The text without blanks around it, null where it stands for a missing value."""
    col = pl.col(name).cast(pl.String).str.strip_chars()
    return pl.when(col.is_in([*reading.missing])).then(None).otherwise(col)


def number(text: Any, reading: Reading) -> Any:
    """The number a text says, null where it says none."""
    pl = frames.library()
    if reading.decimal == ",":
        text = pl.when(text.str.contains(".", literal=True)).then(None).otherwise(text)
        text = text.str.replace(",", ".", literal=True)
    return text.cast(pl.Float64, strict=False)


def boolean(text: Any) -> Any:
    """1 for true or yes, 0 for false or no, null for anything else."""
    pl = frames.library()
    word = text.str.to_lowercase()
    return (
        pl.when(word.is_in(_TRUE)).then(1.0).when(word.is_in(_FALSE)).then(0.0).otherwise(None)
    )  # fmt: skip


def date(text: Any, form: str) -> Any:
    """The date a text says, written in this form or as ISO 8601 has it; null where none."""
    pl = frames.library()
    tries = [
        text.str.to_datetime(one, strict=False, time_unit="us")
        for one in ((form,) if form else _DATES)
    ]
    if "%z" in form:
        tries = [tries[0].dt.convert_time_zone("UTC").dt.replace_time_zone(None)]
    if not form:
        zoned = text.str.to_datetime(_WITH_ZONE, strict=False, time_unit="us", time_zone="UTC")
        tries.append(zoned.dt.replace_time_zone(None))
    return pl.coalesce(tries)


READ: dict[str, Callable[[Any, Reading], Any]] = {
    "present": lambda text, _: text,
    "number": number,
    "comma": lambda text, reading: number(text.str.replace(",", ".", literal=True), Reading()),
    "boolean": lambda text, _: boolean(text),
    "date": lambda text, _: date(text, ""),
}
