"""A column of a pandas frame or of a dict as a Polars series."""

from __future__ import annotations

from datetime import UTC, date
from typing import Any

import numpy as np

from tongtou.errors import DataError


def series_of(pl: Any, name: str, values: Any, where: str) -> tuple[Any, bool]:
    """Return the column as Polars has it, and whether numbers and texts are mixed in it."""
    if isinstance(values, pl.Series):
        return values.rename(name), False
    zone = getattr(getattr(values, "dtype", None), "tz", None)
    if zone is not None:
        values = values.dt.tz_convert("UTC").dt.tz_localize(None)
    dtype = getattr(values, "dtype", None)
    if isinstance(dtype, np.dtype) and dtype.kind in "biufM":
        array = np.asarray(values)
        if array.ndim != 1:
            raise DataError(
                f"{where}: expected column {name!r} to hold one value a row; its shape is "
                f"{array.shape}."
            )
        if dtype.kind == "M":
            array = array.astype("datetime64[us]")
        elif dtype == np.float16:
            array = array.astype(np.float32)
        return pl.Series(name, np.ascontiguousarray(array)), False
    if isinstance(values, (str, bytes)) or not hasattr(values, "__iter__"):
        raise DataError(
            f"{where}: expected column {name!r} to be a sequence, one value a row; it is "
            f"{values!r:.60}. For a single row: {{{name!r}: [{values!r:.60}]}}."
        )
    return _series_of_objects(pl, name, list(values), where)


def _series_of_objects(pl: Any, name: str, values: list[Any], where: str) -> tuple[Any, bool]:
    plain = [None if _is_nothing(one) else _plain(one) for one in values]
    kinds = {
        "text" if isinstance(one, str)
        else "truth" if isinstance(one, bool)
        else "date" if isinstance(one, date)
        else "number" if isinstance(one, (int, float))
        else f"{type(one).__name__}"
        for one in plain
        if one is not None
    }  # fmt: skip
    strange = kinds - {"text", "truth", "date", "number"}
    if strange:
        raise DataError(
            f"{where}: expected column {name!r} to hold numbers, texts, truth values or dates; it "
            f"holds {sorted(strange)[0]}. Convert it, or leave it out."
        )
    if kinds == {"number"}:
        return pl.Series(name, [None if x is None else float(x) for x in plain], pl.Float64), False
    if kinds == {"truth"}:
        return pl.Series(name, plain, pl.Boolean), False
    if kinds == {"date"}:
        return pl.Series(name, np.array(plain, "datetime64[us]")), False
    if kinds <= {"text"}:
        return pl.Series(name, plain, pl.String), False
    return pl.Series(name, [None if x is None else str(x) for x in plain], pl.String), True


def _is_nothing(value: Any) -> bool:
    """None, NaN, pandas' NA and NaT: whatever does not equal itself, or cannot say so."""
    try:
        return value is None or bool(value != value)
    except TypeError:
        return True  # pandas.NA
    except ValueError:
        return False  # an array, refused later


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    zone = getattr(value, "tzinfo", None)
    if zone is not None:
        value = value.astimezone(UTC).replace(tzinfo=None)
    return value
