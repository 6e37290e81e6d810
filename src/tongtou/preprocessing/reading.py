"""The columns of a frame: of which kind each one is, and its values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tongtou.errors import DataError
from tongtou.preprocessing import frames
from tongtou.preprocessing.columns import KINDS, Column
from tongtou.preprocessing.frames import Frame
from tongtou.preprocessing.texts import READ, Reading, boolean, date, number, text_of

# A column with so large a share of numbers was meant to hold numbers; its few texts are mistakes.
_MOSTLY = 0.9

# Marks a value that is there but cannot be read; no date of a calendar lies so far back.
_BAD_DATE = -(2**62)


def kinds_of(
    frame: Frame, names: Sequence[str], told: Mapping[str, str], reading: Reading
) -> dict[str, tuple[str, str]]:
    """Return the kind of each column and, for dates, how they are written.

    Raises
    ------
    DataError
        A column mixes numbers with a few texts, or holds what no network can learn from.
    """
    pl = frames.library()
    kinds: dict[str, tuple[str, str]] = {}
    texts = []
    for name in names:
        if name in told:
            kinds[name] = told_kind(name, told[name])
        elif isinstance(frame.types[name], pl.String):
            texts.append(name)
        else:
            kinds[name] = (_kind_of_type(pl, frame, name), "")
    if texts:
        counts = _counts(pl, frame, texts, reading)
        for name in texts:
            kinds[name] = (_kind_of_text(pl, frame, name, counts, reading), "")
    return {name: kinds[name] for name in names}  # in the order of the table


def told_kind(name: str, kind: str) -> tuple[str, str]:
    """Return the kind and the form of dates that a user wrote for a column."""
    if "%" in str(kind):
        return "date", kind
    if kind not in KINDS:
        raise ValueError(
            f"column {name!r} can be of the kind {', '.join(KINDS)}, or a form of dates such as "
            f"'%d.%m.%Y'; it was told to be {kind!r}."
        )
    return kind, ""


def _kind_of_type(pl: Any, frame: Frame, name: str) -> str:
    dtype = frame.types[name]
    if dtype.is_numeric():
        return "number"
    if isinstance(dtype, (pl.Categorical, pl.Enum)):
        return "category"
    if isinstance(dtype, (pl.Date, pl.Datetime)):
        return "date"
    if isinstance(dtype, pl.Boolean):
        return "boolean"
    if isinstance(dtype, pl.Null):
        return "number"  # nothing but missing values: left out when it is learnt from
    raise DataError(
        f"{frame.name}: expected column {name!r} to hold numbers, texts, truth values or dates; "
        f"its type is {dtype}. Convert it, or leave it out with drop=[{name!r}]."
    )


def _counts(
    pl: Any, frame: Frame, names: Sequence[str], reading: Reading
) -> dict[str, dict[str, int]]:
    """Return, column by column, how many values are there and how many can be read as what."""
    counts = _counted(pl, frame, names, reading, ("present", "number"))
    # Dates are tried in many forms, which takes longer than all the rest: only where need be.
    others = [name for name in names if counts[name]["number"] < counts[name]["present"]]
    for name, more in _counted(pl, frame, others, reading, ("comma", "boolean", "date")).items():
        counts[name] |= more
    return counts


def _counted(
    pl: Any, frame: Frame, names: Sequence[str], reading: Reading, kinds: Sequence[str]
) -> dict[str, dict[str, int]]:
    wanted = []
    for place, name in enumerate(names):
        text = text_of(pl, name, reading)
        for what in kinds:
            read = READ[what](text, reading)
            wanted.append(read.is_not_null().sum().alias(f"{place} {what}"))
    if not wanted:
        return {}
    row = frame.lazy.select(wanted).collect(engine="streaming").row(0, named=True)
    return {
        name: {what: int(row[f"{place} {what}"]) for what in kinds}
        for place, name in enumerate(names)
    }


def _kind_of_text(
    pl: Any, frame: Frame, name: str, counts: dict[str, dict[str, int]], reading: Reading
) -> str:
    n = counts[name]
    present, numbers = n["present"], n["number"]
    loose = name in frame.loose
    if present == 0:
        return "number"
    if numbers == present:
        return "number" if loose else "category"
    if n["date"] == present:
        return "date"
    if loose and n["boolean"] == present:
        return "boolean"
    if loose and numbers >= _MOSTLY * present:
        text = text_of(pl, name, reading)
        bad = text.is_not_null() & number(text, reading).is_null()
        row, value = _first(pl, frame, name, bad)
        raise DataError(
            f"{frame.place(row)}, column {name!r}: expected a number, as in {numbers} of "
            f"{present} rows; got {value}. Correct it, add it to missing=[…] if it "
            f"stands for nothing, or say columns={{{name!r}: 'category'}}."
        )
    if loose and n["comma"] == present:
        raise DataError(
            f"{frame.name}: column {name!r} holds numbers with a comma in them; say decimal=',' "
            "if it is the decimal sign of all, or take it out of the file."
        )
    return "category"


def columns_of(
    frame: Frame, kinds: Mapping[str, tuple[str, str]], reading: Reading
) -> dict[str, Column]:
    """Read these columns as these kinds; nothing else of the table is kept.

    Raises
    ------
    DataError
        A column is missing, or a value is not of its column's kind.
    """
    pl = frames.library()
    frames.require(list(kinds), frame)
    wanted = [
        _wanted(pl, frame, name, kind, form, reading).alias(str(place))
        for place, (name, (kind, form)) in enumerate(kinds.items())
    ]
    found = frame.lazy.select(wanted).collect(engine="streaming")
    if frame.n_rows is not None and found.height != frame.n_rows:
        raise DataError(f"{frame.name}: {frames.STRAY_QUOTE}")
    if found.height == 0:
        raise DataError(f"{frame.name}: expected at least one row; there is none.")
    columns = {}
    for place, (name, (kind, form)) in enumerate(kinds.items()):
        columns[name] = _column(pl, frame, found.get_column(str(place)), name, kind, form, reading)
    return columns


def _wanted(pl: Any, frame: Frame, name: str, kind: str, form: str, reading: Reading) -> Any:
    """Return what reads a column in Polars: null where missing, a mark where unreadable."""
    dtype, col = frame.types[name], pl.col(name)
    is_text = isinstance(dtype, (pl.String, pl.Categorical, pl.Enum))
    text = text_of(pl, name, reading) if is_text else col
    if isinstance(dtype, (pl.Float32, pl.Float64)):
        col = col.fill_nan(None)
    is_number = dtype.is_numeric() or isinstance(dtype, (pl.Boolean, pl.Null))
    is_date = isinstance(dtype, (pl.Date, pl.Datetime, pl.Null))
    if kind in ("number", "boolean"):
        if is_text:
            read = number(text, reading)
            if kind == "boolean":
                read = pl.coalesce(boolean(text), read)
            bad = text.is_not_null() & read.is_null()
            return pl.when(bad).then(float("nan")).otherwise(read)
        if is_number:
            return col.cast(pl.Float64)
    elif kind == "date":
        if is_text:
            read = date(text, form)
            bad = text.is_not_null() & read.is_null()
            return pl.when(bad).then(_BAD_DATE).otherwise(read.dt.epoch("us"))
        if is_date:
            if isinstance(dtype, pl.Datetime) and dtype.time_zone:
                col = col.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
            return col.cast(pl.Datetime("us")).dt.epoch("us")
    elif is_text or is_number or is_date:
        return text if is_text else _as_text(pl, col, dtype)
    raise DataError(
        f"{frame.name}: expected column {name!r} to hold a {kind}; it holds {dtype}. "
        "Convert it, or leave it out."
    )


def _as_text(pl: Any, col: Any, dtype: Any) -> Any:
    """Return numbers that name categories as a CSV file has them: 7, not 7.0."""
    if dtype.is_float():
        whole = col.cast(pl.Int64, strict=False)
        return pl.when(col == whole).then(whole.cast(pl.String)).otherwise(col.cast(pl.String))
    return col.cast(pl.String)


def _column(
    pl: Any, frame: Frame, found: Any, name: str, kind: str, form: str, reading: Reading
) -> Column:
    if kind == "category":
        levels = found.drop_nulls().unique().sort()
        codes = found.cast(pl.Enum(levels)).to_physical().cast(pl.Int32).fill_null(-1)
        return Column(name, kind, codes.to_numpy().copy(), tuple(levels.to_list()))
    missing = found.is_null().to_numpy()
    if kind == "date":
        micros = found.cast(pl.Int64).fill_null(0).to_numpy()
        bad = micros == _BAD_DATE
        values = micros.astype("datetime64[us]")
        values[missing] = np.datetime64("NaT")
    else:
        values = found.cast(pl.Float64).fill_null(float("nan")).to_numpy().copy()
        bad = ~np.isfinite(values) & ~missing
        if kind == "boolean":
            bad |= ~missing & (values != 0) & (values != 1)
    if bad.any():
        row = int(np.argmax(bad))
        value = _value(frame, name, row)
        what = {
            "number": f"a finite number (with decimal={reading.decimal!r})",
            "boolean": "true or false, yes or no, 1 or 0",
            "date": f"a date written as {form}" if form else "a date such as 2024-05-31",
        }[kind]
        raise DataError(
            f"{frame.place(row)}, column {name!r}: expected {what}; got {value}. Correct it, or "
            "leave the field empty if it is missing."
        )
    return Column(name, kind, values, form=form)


def _first(pl: Any, frame: Frame, name: str, bad: Any) -> tuple[int, str]:
    row = int(frame.lazy.select(bad.arg_true().first()).collect().item())
    return row, _value(frame, name, row)


def _value(frame: Frame, name: str, row: int) -> str:
    shown = repr(frame.lazy.select(name).slice(row, 1).collect().item())
    return shown if len(shown) <= 60 else shown[:60] + "…"
