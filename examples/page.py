"""What the examples share: two languages side by side, tables on the screen, a picture."""

from __future__ import annotations

import argparse
import io
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from unicodedata import east_asian_width

from PIL import Image

from tongtou import MissingExtraError, i18n
from tongtou.plots import style

BLUE, ORANGE, GREEN = style.BLUE, style.ORANGE, style.GREEN
INK, QUIET, LINE = style.INK, style.QUIET, style.LINE
SERIES = style.SERIES


class Page:
    """One run of an example: its language, where its picture goes, whether it is in a hurry."""

    def __init__(self, arguments: Sequence[str] | None, file: str) -> None:
        name = Path(file).stem
        reader = argparse.ArgumentParser(prog=f"{name}.py")
        reader.add_argument("--lang", choices=i18n.LANGUAGES, default=i18n.language())
        reader.add_argument("--out", type=Path, default=Path(f"{name}.png"))
        reader.add_argument("--quick", action="store_true", help="fewer repetitions; 少做几次")
        chosen = reader.parse_args(arguments)
        if not chosen.out.absolute().parent.is_dir():
            reader.error(f"--out: {chosen.out.parent} must be a folder that exists")
        self.language: str = chosen.lang
        self.out: Path = chosen.out
        self.quick: bool = chosen.quick

    def t(self, english: str, chinese: str) -> str:
        """Return the one of the two that the reader asked for."""
        return chinese if self.language == "zh" else english

    def say(self, english: str, chinese: str) -> None:
        """Print a sentence."""
        print(self.t(english, chinese))

    def table(self, head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """Print a table: the first column to the left, the others to the right."""
        lines = [list(head), *([minus(str(cell)) for cell in row] for row in rows)]
        widths = [max(map(cells, column)) for column in zip(*lines, strict=True)]
        print()
        for number, line in enumerate(lines):
            padded = [" " * (width - cells(one)) for one, width in zip(line, widths, strict=True)]
            first, *others = zip(line, padded, strict=True)
            print("  " + first[0] + first[1], *(pad + one for one, pad in others), sep="   ")
            if number == 0:
                print("  " + "─" * (sum(widths) + 3 * (len(widths) - 1)))
        print()

    @contextmanager
    def picture(self, width: float, height: float) -> Iterator:
        """Give a figure of that size in inches to draw into, and write it to the file."""
        try:
            words = style.Words(self.language)
        except MissingExtraError as error:
            sys.exit(str(error))
        spoken, self.language = self.language, words.language  # English where no font has Chinese
        with style.drawing(words):
            figure = style.sheet(width, height)
            yield figure
            held = io.BytesIO()
            figure.savefig(held, format="png", dpi=110)
        self.language = spoken
        # A palette of 128 colours makes the file a third as large, and nobody sees it.
        Image.open(held).convert("RGB").quantize(128, dither=Image.Dither.NONE).save(
            self.out, format="PNG", optimize=True
        )
        self.say(f"Picture: {self.out}", f"图：{self.out}")


def minus(said: str) -> str:
    """Return a number with a minus sign instead of a hyphen; 784-16-16-10 keeps its hyphens."""
    return re.sub(r"(?<!\w)-(?=\d)", "−", said)


def cells(said: str) -> int:
    """Return how many columns of a terminal a text takes: Chinese takes two a character."""
    return sum(2 if east_asian_width(one) in "WF" else 1 for one in said)
