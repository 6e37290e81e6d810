"""Whatever holds a table (a file, a data frame, a dict) as one lazy Polars frame."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from tongtou.choices import choose
from tongtou.errors import DataError
from tongtou.preprocessing import delimited
from tongtou.preprocessing.series import series_of

if TYPE_CHECKING:
    import polars

Source: TypeAlias = Any
"""A path, a Polars or pandas data frame, or a dict of equally long sequences."""

_PARQUET_SUFFIXES = (".parquet", ".pq")


STRAY_QUOTE = (
    "expected quotation marks around whole fields only; a field holds a single one inside, so that "
    "it is unclear where its line ends. Put quotation marks around that field and double the one "
    "inside."
)


@dataclass(frozen=True)
class Place:
    """Where a row of the table is, in words."""

    name: str
    is_text: bool = False

    def __call__(self, row: int) -> str:
        """Return the line of a text file, or the number of the row counted from 0."""
        if self.is_text:
            try:
                return f"{self.name} line {delimited.line_of(self.name, row)}"
            except (OSError, DataError):  # moved since
                pass
        return f"{self.name}: row {row} (counted from 0)"


@dataclass(frozen=True)
class Frame:
    """A table not yet read, and what is known of it."""

    lazy: polars.LazyFrame
    types: dict[str, polars.DataType]
    place: Place
    loose: frozenset[str]  # columns of text whose values may be numbers
    n_rows: int | None = None  # where the lines were counted

    @property
    def name(self) -> str:
        """What to call the table."""
        return self.place.name


def library() -> Any:
    """Return the polars module, the one place that imports it."""
    from tongtou.extras import need

    return need("polars", "tables")


@contextmanager
def opened(
    source: Source,
    wanted: Callable[[str], bool] = lambda _: True,
    *,
    separator: str | None = None,
    encoding: str = "utf-8",
) -> Iterator[Frame]:
    """Give the table behind `source`; files stay open while it is read.

    Columns that are not `wanted` keep their name, but need not be of a kind that can be read.

    Raises
    ------
    DataError
        It is no table, or cannot be read.
    MissingExtraError
        Polars is not installed.
    """
    pl = library()
    with ExitStack() as stack:
        try:
            frame = _frame(pl, source, wanted, separator, encoding, stack)
            _refuse_patterns(frame)
            yield frame
        except (pl.exceptions.PolarsError, OSError) as error:
            reason = getattr(error, "strerror", None) or str(error).split("\n")[0][:200]
            where = source if isinstance(source, (str, os.PathLike)) else "the table"
            if "CSV malformed" in reason:
                raise DataError(f"{where}: {STRAY_QUOTE}") from error
            raise DataError(
                f"{where}: expected a table that can be read, but: {reason}. Check the path and "
                "the file."
            ) from error


def _frame(
    pl: Any,
    source: Source,
    wanted: Callable[[str], bool],
    separator: str | None,
    encoding: str,
    stack: ExitStack,
) -> Frame:
    if isinstance(source, (str, os.PathLike)):
        return _file(pl, os.fspath(source), separator, encoding, stack)
    kind = type(source).__module__.split(".")[0]
    if isinstance(source, (pl.DataFrame, pl.LazyFrame)):
        lazy = source.lazy()
        return Frame(lazy, dict(lazy.collect_schema()), Place("the frame"), frozenset())
    if kind == "pandas" and hasattr(source, "columns"):
        given = [(str(name), source.iloc[:, i]) for i, name in enumerate(source.columns)]
        return _built(pl, given, wanted, "the frame")
    if isinstance(source, Mapping):
        given = [(str(name), values) for name, values in source.items()]
        return _built(pl, given, wanted, "the dict")
    raise DataError(
        "expected a table: the path of a CSV, TSV or Parquet file, a Polars or pandas DataFrame, "
        f"or a dict of columns; got {type(source).__name__}. An array of numbers needs no table: "
        "give (X, y) to fit."
    )


def _file(pl: Any, path: str, separator: str | None, encoding: str, stack: ExitStack) -> Frame:
    if not isinstance(path, str) or "\0" in path:
        raise DataError(f"expected the path of a table; got {path!r}.")
    if not stat.S_ISREG(os.stat(path).st_mode):  # a text file is read more than once
        kind = "a folder" if os.path.isdir(path) else "a pipe or device"
        raise DataError(f"{path}: expected a regular file, this is {kind}. Give one file's path.")
    if os.path.splitext(path)[1].lower() in _PARQUET_SUFFIXES:
        lazy = pl.scan_parquet(path, glob=False)
        return Frame(lazy, dict(lazy.collect_schema()), Place(path), frozenset())
    text = path
    if not isinstance(encoding, str):
        raise ValueError(f"encoding must be a name such as 'utf-8'; it is {encoding!r}.")
    if encoding.lower().replace("_", "-") not in ("utf-8", "utf8", "utf-8-sig"):
        text = stack.enter_context(_in_utf8(path, encoding))
    layout = delimited.looked_through(text, separator, path)
    _refuse_doubles(layout.names, path)
    _refuse_empty(layout.n_rows, path)
    lazy = pl.scan_csv(
        text,
        separator=layout.separator,
        has_header=True,
        schema=dict.fromkeys(layout.names, pl.String),
        glob=False,
    )
    if layout.blank:
        lazy = _without(pl, lazy, layout.blank)
    # A transcoded file has the lines of the original, but is gone when somebody asks.
    place = Place(path, is_text=text == path)
    return Frame(
        lazy,
        dict.fromkeys(layout.names, pl.String()),
        place,
        frozenset(layout.names),
        layout.n_rows,
    )


def _without(pl: Any, lazy: Any, rows: tuple[int, ...]) -> Any:
    number = "\0row"
    kept = lazy.with_row_index(number).filter(~pl.col(number).is_in(list(rows)))
    return kept.drop(number)


@contextmanager
def _in_utf8(path: str, encoding: str) -> Iterator[str]:
    """Give the path of a temporary copy in UTF-8."""
    import tempfile  # slow to import, and rarely needed

    with tempfile.NamedTemporaryFile("w", encoding="utf-8", newline="", suffix=".csv") as copy:
        try:
            with open(path, encoding=encoding, newline="") as file:
                while block := file.read(1 << 20):
                    copy.write(block)
        except LookupError:
            raise DataError(
                f"unknown encoding {encoding!r}; known ones are utf-8, cp1252, gb18030, utf-16, …"
            ) from None
        except UnicodeError as error:
            raise DataError(
                f"{path}: expected text in {encoding}, but: {error}. Say another encoding=…."
            ) from error
        copy.flush()
        yield copy.name


def require(names: list[str], frame: Frame) -> None:
    """Raise a DataError unless the frame has all these columns."""
    for name in names:
        if name not in frame.types:
            try:
                choose("column", name, frame.types)
            except ValueError as error:
                raise DataError(f"{frame.name}: {error}") from None


def _built(
    pl: Any, given: list[tuple[str, Any]], wanted: Callable[[str], bool], where: str
) -> Frame:
    names = [name for name, _ in given]
    _refuse_doubles(names, where)
    loose = set()
    columns = []
    for name, values in given:
        if not wanted(name):
            continue
        series, is_mixed = series_of(pl, name, values, where)
        columns.append(series)
        if is_mixed:
            loose.add(name)
    lengths = {len(one) for one in columns}
    if len(lengths) > 1:
        told = ", ".join(f"{one.name!r} {len(one)}" for one in columns[:5])
        raise DataError(f"{where}: expected columns of one length; they have {told}.")
    _refuse_empty(max(lengths, default=0), where)
    frame = pl.DataFrame(columns)
    types = {name: frame.schema.get(name, pl.Unknown()) for name in names}
    return Frame(frame.lazy(), types, Place(where), frozenset(loose))


def _refuse_doubles(names: tuple[str, ...] | list[str], where: str) -> None:
    for place, name in enumerate(names):
        if name in names[:place]:
            raise DataError(
                f"{where}: expected each column to have a name of its own; {name!r} names "
                f"columns {names.index(name) + 1} and {place + 1}. Rename one of them."
            )


def _refuse_patterns(frame: Frame) -> None:
    """Polars would take such a name for a pattern of names."""
    for name in frame.types:
        if name == "*" or (name.startswith("^") and name.endswith("$")):
            raise DataError(
                f"{frame.name}: no column can be named '*', or begin with '^' and end in '$'; "
                f"{name!r} does. Rename it."
            )


def _refuse_empty(n_rows: int, where: str) -> None:
    if n_rows < 1:
        raise DataError(f"{where}: expected at least one row below the names; there is none.")
