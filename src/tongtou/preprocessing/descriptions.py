"""Preprocessing read back from JSON, every value checked, none trusted."""

from __future__ import annotations

import math
import reprlib
from typing import Any

from tongtou.preprocessing.parts import (
    DATE_PARTS,
    PARTS,
    BooleanPart,
    CategoryPart,
    DatePart,
    NumberPart,
    Part,
)
from tongtou.preprocessing.picture_files import PicturePreprocessing
from tongtou.preprocessing.tables import _CONSTANT, _EMPTY, TablePreprocessing
from tongtou.preprocessing.targets import Target
from tongtou.preprocessing.texts import Reading

_FIELDS = {
    "number": {"kind", "name", "missing", "mean", "sd"},
    "boolean": {"kind", "name", "missing", "share"},
    "category": {"kind", "name", "missing", "levels"},
    "date": {"kind", "name", "missing", "mean", "sd", "parts", "form"},
}


def from_description(data: Any) -> TablePreprocessing | PicturePreprocessing:
    """Return what `describe` described.

    Parameters
    ----------
    data : dict
        From JSON, possibly a stranger's.

    Returns
    -------
    TablePreprocessing or PicturePreprocessing

    Raises
    ------
    ValueError
        Something in it is missing, unknown or of another kind.

    Examples
    --------
    >>> from tongtou.preprocessing import PicturePreprocessing
    >>> from_description(PicturePreprocessing((8, 8)).describe()).size
    (8, 8)
    """
    if type(data) is dict and data.get("kind") == "pictures":
        return _pictures(data)
    if type(data) is not dict or data.get("kind") != "table":
        raise _wrong("preprocessing", "of the kind table or pictures", data)
    _keys(data, {"kind", "columns", "target", "missing", "decimal", "dropped"}, "preprocessing")
    parts = tuple(_part(one) for one in _items(data["columns"], "columns"))
    names = [part.name for part in parts]
    if not parts or len(set(names)) < len(names):
        raise _wrong("columns", "at least one, each with a name of its own", names)
    dropped = []
    for pair in _items(data["dropped"], "dropped"):
        if type(pair) is not list or len(pair) != 2 or pair[1] not in (_CONSTANT, _EMPTY):
            raise _wrong("dropped", f"pairs of a name and {_CONSTANT} or {_EMPTY}", pair)
        dropped.append((_text(pair[0], "dropped"), pair[1]))
    return TablePreprocessing(
        parts,
        _target(data["target"]),
        Reading(_texts(data["missing"], "missing"), _text(data["decimal"], "decimal")),
        tuple(dropped),
    )


def _part(data: Any) -> Part:
    kind = data.get("kind") if type(data) is dict else None
    if type(kind) is not str or kind not in PARTS:
        raise _wrong("a column", f"to have a kind among {', '.join(PARTS)}", data)
    _keys(data, _FIELDS[kind], f"a column of the kind {kind}")
    name, missing = _text(data["name"], "a column's name"), data["missing"]
    if type(missing) is not bool:
        raise _wrong(f"missing of {name!r:.60}", "true or false", missing)
    part: Part
    if kind == "number":
        part = NumberPart(name, missing, _number(data["mean"], name), _spread(data["sd"], name))
    elif kind == "boolean":
        share = _number(data["share"], name)
        if not 0 <= share <= 1:
            raise _wrong(f"share of {name!r:.60}", "0 … 1", share)
        part = BooleanPart(name, missing, share)
    elif kind == "category":
        levels = _texts(data["levels"], f"levels of {name!r:.60}")
        if list(levels) != sorted(set(levels)):
            raise _wrong(f"levels of {name!r:.60}", "sorted, each of them once", levels)
        part = CategoryPart(name, missing, levels)
    else:
        parts = _texts(data["parts"], f"parts of {name!r:.60}")
        if list(parts) != [part for part in DATE_PARTS if part in parts]:
            raise _wrong(f"parts of {name!r:.60}", f"some of {', '.join(DATE_PARTS)}", parts)
        mean, sd = _number(data["mean"], name), _spread(data["sd"], name)
        if ("days" in parts) != (sd > 0):
            raise _wrong(f"sd of {name!r:.60}", "above 0 where days count, else 0", sd)
        part = DatePart(name, missing, mean, sd, parts, _text(data["form"], "form"))
    if not part.n_columns:
        raise _wrong(f"column {name!r:.60}", "to make an input", data)
    return part


def _target(data: Any) -> Target:
    is_classes = type(data) is dict and "classes" in data
    _keys(data, {"names", "classes"} if is_classes else {"names", "means", "sds"}, "the target")
    names = _texts(data["names"], "the target's names")
    if is_classes:
        classes = _items(data["classes"], "classes")
        if any(type(one) not in (bool, int, str) for one in classes) or len(classes) < 2:
            raise _wrong("the target's classes", "at least two texts, whole numbers or truth "
                         "values", classes)  # fmt: skip
        if len(names) != 1:
            raise _wrong("the target's names", "one for classes", names)
        return Target(names, tuple(classes))
    means = tuple(_number(one, "the target") for one in _items(data["means"], "means"))
    sds = tuple(_spread(one, "the target") for one in _items(data["sds"], "sds"))
    if not names or not len(names) == len(means) == len(sds) or 0 in sds:
        raise _wrong("the target", "a mean and an sd above 0 for each name", data)
    return Target(names, (), means, sds)


def _pictures(data: dict[str, Any]) -> PicturePreprocessing:
    _keys(data, {"kind", "size", "grey", "keep_aspect", "invert", "background"}, "preprocessing")
    size, background = data["size"], data["background"]
    if type(size) is not list or len(size) != 2 or any(type(n) is not int for n in size):
        raise _wrong("size", "two whole numbers, height and width", size)
    for name in ("grey", "keep_aspect", "invert"):
        if type(data[name]) is not bool:
            raise _wrong(name, "true or false", data[name])
    if type(background) is not int:
        raise _wrong("background", "0 … 255", background)
    return PicturePreprocessing(
        (size[0], size[1]),
        grey=data["grey"],
        keep_aspect=data["keep_aspect"],
        invert=data["invert"],
        background=background,
    )


def _wrong(what: str, expected: str, value: object) -> ValueError:
    return ValueError(f"{what}: expected {expected}; got {reprlib.repr(value):.200}")


def _keys(data: Any, keys: set[str], what: str) -> None:
    if type(data) is not dict or set(data) != keys:
        raise _wrong(what, f"an object with {', '.join(sorted(keys))}", data)


def _items(value: Any, what: str) -> list[Any]:
    if type(value) is not list:
        raise _wrong(what, "a list", value)
    return value


def _text(value: Any, what: str) -> str:
    if type(value) is not str:
        raise _wrong(what, "a text", value)
    return value


def _texts(value: Any, what: str) -> tuple[str, ...]:
    return tuple(_text(one, what) for one in _items(value, what))


def _number(value: Any, what: str) -> float:
    # type, not isinstance: True is an int
    if type(value) not in (int, float) or not math.isfinite(value):
        raise _wrong(f"a number of {what!r:.60}", "a finite number", value)
    return float(value)


def _spread(value: Any, what: str) -> float:
    sd = _number(value, what)
    if sd < 0:
        raise _wrong(f"sd of {what!r:.60}", "0 or more", sd)
    return sd
