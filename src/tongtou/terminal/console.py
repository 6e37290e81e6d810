"""Where the words of the command line go out: plain where plain is wanted, wrapped by width.

Results go to standard output, complaints and progress to standard error, so that the results can
be piped. Control characters are written to terminals only.
"""

from __future__ import annotations

import json
import math
import os
import re
import sys
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any

from tongtou.i18n import text

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

LONGEST_LINE = 100
"""Cells; sentences are wrapped there even where the terminal is wider."""


class UserError(Exception):
    """Something the user can put right; its message is shown as one line, with exit code 2."""


def prepare_streams() -> None:
    """Let a character that the terminal's encoding lacks come out as "?" rather than fail."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")


def console_on(stream: IO[str]) -> Console:
    """Return a Rich console on a stream; it has a colour system only if control codes may go out.

    Nothing is highlighted or read as markup: file names and class names come from strangers.
    """
    from rich.console import Console

    return Console(
        file=stream,
        color_system=None if os.environ.get("NO_COLOR") else "auto",
        highlight=False,
        markup=False,
        emoji=False,
    )


def output() -> Console:
    """Return the console of standard output."""
    return console_on(sys.stdout)


def show(*things: RenderableType) -> None:
    """Print things to standard output at once, so that progress on standard error comes after."""
    sys.stdout.write(drawn(output(), things))
    sys.stdout.flush()


def drawn(console: Console, things: Iterable[RenderableType]) -> str:
    """Return things as text for that console; without styles, lines carry no trailing spaces."""
    with console.capture() as captured:
        for thing in things:
            console.print(thing)
    page = captured.get()
    if console.color_system is None:
        page = "\n".join(line.rstrip() for line in page.split("\n"))
    return page


def say(sentence: str, *, style: str = "") -> None:
    """Print a sentence to standard output."""
    from rich.text import Text

    width = min(output().width, LONGEST_LINE)
    show(*(Text(line, style=style) for line in wrapped(one_line(sentence), width)))


def heading(sentence: str, *, first: bool = False) -> None:
    """Print the title of what follows, after an empty line but for the first."""
    if not first:
        show("")
    say(sentence, style="bold")


def show_json(document: Any) -> None:
    """Print one JSON document on one line; numbers that JSON has no word for become null."""
    json.dump(_finite(document), sys.stdout, allow_nan=False)
    sys.stdout.write("\n")
    sys.stdout.flush()


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _finite(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def complain(message: str) -> None:
    """Print one line about a mistake to standard error, however long."""
    from rich.text import Text

    note(Text().append(text("error.prefix"), style="bold red").append(one_line(message)))


def remark(message: str) -> None:
    """Print one line that is worth knowing, and no mistake, to standard error."""
    from rich.text import Text

    note(Text().append(text("note.prefix"), style="bold yellow").append(one_line(message)))


@contextmanager
def warnings_in_one_line() -> Iterator[None]:
    """Let warnings (files passed over, a checkpoint that failed) be remarks, each a line."""

    def told(message: Warning | str, *_: Any, **__: Any) -> None:
        remark(str(message))

    with warnings.catch_warnings():
        warnings.simplefilter("always", UserWarning)
        warnings.showwarning = told
        yield


def note(line: RenderableType) -> None:
    """Print one line to standard error."""
    console_on(sys.stderr).print(line, soft_wrap=True)


def one_line(message: object) -> str:
    """Return a text from anywhere as one line without control characters."""
    joined = " ".join(str(message).split())
    return "".join(one if one.isprintable() else f"\\x{ord(one):02x}" for one in joined)


NO_BREAK = "\u00a0"
"""A space at which no line is broken."""

_WIDE = "\u2e80-\u9fff\uac00-\ud7af\uff00-\uffef"
_OPENING, _CLOSING = "（《“[", "，。、：；！？）》”…]"
_BEFORE, _AFTER = re.escape(_OPENING), re.escape(_CLOSING)
# Spaces; a short remark in brackets; a Chinese character or a word, with the marks it holds on to.
_PIECES = re.compile(
    rf" +|\[[^\]]{{1,24}}\]"
    rf"|[{_BEFORE}]*(?:(?![{_BEFORE}{_AFTER}])[{_WIDE}]|[^ {_WIDE}{_BEFORE}{_AFTER}]+)[{_AFTER}]*"
    rf"|[{_BEFORE}{_AFTER}]+"
)


def wrapped(sentence: str, width: int) -> list[str]:
    """Break a sentence into lines of at most `width` cells.

    At spaces, and, as Chinese is set, between two characters but not before a closing or after an
    opening mark. A word wider than a line gets a line of its own.
    """
    from rich.cells import cell_len

    lines: list[str] = []
    for part in sentence.split("\n"):
        line = ""
        for piece in _PIECES.findall(part):
            if line and cell_len(line + piece.rstrip()) > width:
                lines.append(line.rstrip())
                line = ""
            line += piece if line or not piece.isspace() else ""
        lines.append(line.rstrip())
    return lines
