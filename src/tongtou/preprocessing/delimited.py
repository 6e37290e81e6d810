"""CSV and TSV files looked through before they are parsed: what a parser would guess or hide.

A parser made for speed fills short lines up, renames columns that stand twice, and tells a mistake
by its byte. Here every record's fields are counted, so that a message can name the line; the bytes
pass through in blocks and nothing of them is kept.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from tongtou.errors import DataError

SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}

_BLOCK_BYTES = 1 << 22
_LONGEST_RECORD_BYTES = 1 << 25
_OTHER_KINDS = {
    b"PK\x03\x04": "a workbook or ZIP archive; save the sheet as CSV",
    b"\xd0\xcf\x11\xe0": "an old workbook; save the sheet as CSV",
    b"\x1f\x8b": "compressed with gzip; unpack it first",
    b"\xff\xfe": "text in UTF-16; save it in UTF-8, or say encoding='utf-16'",
    b"\xfe\xff": "text in UTF-16; save it in UTF-8, or say encoding='utf-16'",
    b"PAR1": "a Parquet file; let its name end in .parquet",
}
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Layout:
    """What the look through a file found."""

    names: tuple[str, ...]
    separator: str
    n_rows: int
    blank: tuple[int, ...]  # which records behind the first line are blank lines


@dataclass(frozen=True)
class _Records:
    """Whole records, one behind the other."""

    content: bytes
    ends: NDArray[Any]  # where each record ends: the place of its newline, or the file's end
    line: int  # of the first record, counted from 1
    lines: NDArray[Any]  # of each record's beginning


def looked_through(file_path: str, separator: str | None, path: str) -> Layout:
    """Read the names of the columns and check every line behind them; `path` names it in messages.

    Raises
    ------
    DataError
        The file is empty, no text in UTF-8, or a line has too few or too many fields; a column has
        the name of another; a quote is not closed.
    """
    if separator is not None and (len(separator) != 1 or separator in '"\r\n'):
        raise DataError(f"separator must be one character, such as ',' or ';'; it is {separator!r}")
    names: tuple[str, ...] = ()
    n_records, blank = 0, []
    with open(file_path, "rb") as file:
        for records in _all_records(file, path):
            _check_text(records, path)
            content = np.frombuffer(records.content, np.uint8)
            if not names:
                first = records.content[: int(records.ends[0])].removeprefix(_BOM)
                separator = separator or _likeliest_separator(first.decode(), path)
                names = _names(first.decode(), separator, path)
            assert separator is not None
            n_fields = 1 + _counted(content, ord(separator), records.ends)
            is_blank = _blank(content, records.ends)
            wrong = np.flatnonzero((n_fields != len(names)) & ~is_blank)
            if len(wrong):
                raise _ragged(records, int(wrong[0]), n_fields, names, separator, path)
            blank += (n_records + np.flatnonzero(is_blank)).tolist()
            n_records += len(records.ends)
    if not n_records or names == ("",):
        raise DataError(f"{path}: expected a table, but the file is empty. Give a file with rows.")
    return Layout(
        names, separator or ",", n_records - 1 - len(blank), tuple(row - 1 for row in blank)
    )


def line_of(path: str, row: int) -> int:
    """Return the line (from 1) in which the row (from 0, blank lines left out) begins."""
    left = row + 1  # the names are a record too
    with open(path, "rb") as file:
        for records in _all_records(file, path):
            full = np.flatnonzero(~_blank(np.frombuffer(records.content, np.uint8), records.ends))
            if left < len(full):
                return int(records.lines[full[left]])
            left -= len(full)
    return -1  # the file became shorter since


def _all_records(file: BinaryIO, path: str) -> Iterator[_Records]:
    """Give the file in pieces that end where a record does: at a newline outside quotes."""
    line, rest = 1, b""
    while True:
        block = file.read(_BLOCK_BYTES)
        content, is_last = rest + block, not block
        if is_last and not content:
            return
        if is_last and not content.endswith(b"\n"):
            content += b"\n"  # the last line may lack it
        bytes_ = np.frombuffer(content, np.uint8)
        newlines = np.flatnonzero(bytes_ == 10)
        ends = newlines[~_quoted(bytes_, newlines)]
        if not len(ends) and (is_last or len(content) > _LONGEST_RECORD_BYTES):
            raise DataError(
                f"{path}: the quotation mark in line {_open_quote(bytes_, newlines, line)} is not "
                "closed. Close it, or double it where it is part of a text."
            )
        if len(ends):
            starts = np.concatenate([[0], ends[:-1] + 1])
            lines = line + np.searchsorted(newlines, starts)
            whole = int(ends[-1]) + 1
            yield _Records(content[:whole], ends, line, lines)
            line += int(np.searchsorted(newlines, whole))
            content = content[whole:]
        rest = content
        if is_last and rest:
            tail = np.frombuffer(rest, np.uint8)
            raise DataError(
                f"{path}: the quotation mark in line "
                f"{_open_quote(tail, np.flatnonzero(tail == 10), line)} is not closed. Close it, "
                "or double it where it is part of a text."
            )
        if is_last:
            return


def _quoted(content: NDArray[Any], places: NDArray[Any]) -> NDArray[np.bool_]:
    """Which of the places lie inside quotes; a doubled quote opens and closes at once."""
    quotes = np.flatnonzero(content == 34)
    inside: NDArray[np.bool_] = (np.searchsorted(quotes, places) & 1).astype(np.bool_)
    return inside


def _open_quote(content: NDArray[Any], newlines: NDArray[Any], line: int) -> int:
    last = int(np.flatnonzero(content == 34)[-1]) if (content == 34).any() else 0
    return line + int(np.searchsorted(newlines, last))


def _counted(content: NDArray[Any], separator: int, ends: NDArray[Any]) -> NDArray[Any]:
    """Return how many separators outside quotes each record has."""
    places = np.flatnonzero(content == separator)
    places = places[~_quoted(content, places)]
    n: NDArray[Any] = np.diff(np.searchsorted(places, ends), prepend=0)
    return n


def _blank(content: NDArray[Any], ends: NDArray[Any]) -> NDArray[np.bool_]:
    """Which records hold nothing at all."""
    starts = np.concatenate([[0], ends[:-1] + 1])
    lengths = ends - starts
    is_blank: NDArray[np.bool_] = (lengths == 0) | ((lengths == 1) & (content[starts] == 13))
    return is_blank


def _check_text(records: _Records, path: str) -> None:
    if records.line == 1:
        for magic, kind in _OTHER_KINDS.items():
            if records.content.startswith(magic):
                raise DataError(f"{path}: expected text with separated values; this is {kind}.")
        if b"\r" in records.content.removesuffix(b"\n") and len(records.ends) == 1:
            ending = records.content.rstrip(b"\r\n")
            if b"\r" in ending:
                raise DataError(
                    f"{path}: its lines end in carriage returns alone, as on very old machines. "
                    "Save it with line feeds."
                )
    at = records.content.find(b"\0")
    if at >= 0:
        line = records.line + records.content.count(b"\n", 0, at)
        raise DataError(f"{path}: expected text, but line {line} holds a zero byte. Save it anew.")
    try:
        records.content.decode()
    except UnicodeDecodeError as error:
        line = records.line + records.content.count(b"\n", 0, error.start)
        raise DataError(
            f"{path}: expected text in UTF-8; line {line} holds the byte "
            f"{records.content[error.start]:#04x}, which is none. Say in which encoding it is "
            "written: encoding='cp1252' (Western Europe) or encoding='gb18030' (China)."
        ) from None


def _fields(record: str, separator: str) -> list[str]:
    rows = list(csv.reader([record.rstrip("\r\n")], delimiter=separator)) if record else []
    return [name.strip() for name in rows[0]] if rows else [""]


def _likeliest_separator(first: str, path: str) -> str:
    if path.lower().endswith((".tsv", ".tab")):
        return "\t"
    # The one that makes the most columns; the comma where none makes any.
    return max(SEPARATORS, key=lambda one: len(_fields(first, one)))


def _names(first: str, separator: str, path: str) -> tuple[str, ...]:
    # A name that is written over two lines is joined, as it is one name.
    names = tuple(_fields(" ".join(first.splitlines()), separator))
    if not first.strip():
        raise DataError(
            f"{path}: expected the names of the columns in line 1, but it is blank. Write them "
            "there."
        )
    return names


def _ragged(
    records: _Records,
    record: int,
    n_fields: NDArray[Any],
    names: tuple[str, ...],
    separator: str,
    path: str,
) -> DataError:
    start = int(records.ends[record - 1]) + 1 if record else 0
    shown = records.content[start : int(records.ends[record])].decode().strip("\r\n")
    shown = shown if len(shown) <= 60 else shown[:60] + "…"
    return DataError(
        f"{path} line {records.lines[record]}: expected {len(names)} fields, separated by "
        f"{SEPARATORS.get(separator, repr(separator))}s, as the first line has names; it has "
        f"{n_fields[record]}: {shown!r}. Correct the line, or put quotes around a text that holds "
        "the separator."
    )
