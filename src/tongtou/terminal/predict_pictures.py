"""What ``tongtou predict`` shows of pictures: the answer, what the network saw, a bar a class."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from tongtou import __version__, images
from tongtou.errors import DataError
from tongtou.i18n import text
from tongtou.network import Network
from tongtou.preprocessing import PicturePreprocessing
from tongtou.preprocessing.picture_files import SUFFIXES
from tongtou.terminal.console import (
    UserError,
    complain,
    heading,
    one_line,
    output,
    say,
    show,
    show_json,
)
from tongtou.terminal.findings import answers
from tongtou.terminal.pictures import Grey, bar, cut_out, picture
from tongtou.terminal.results import class_of
from tongtou.terminal.tables import as_confidence, class_names, indented

if TYPE_CHECKING:
    from tongtou.honesty.answers import Verdict

_SIDE = 28
_BAR_WIDTH = 24
_LEAST_WIDTH = 8
_MOST_BARS = 12
_MOST_DRAWN = 12
"""Pictures; of more, each gets a line."""

_MOST_HEIGHT = 40


def run(
    net: Network, model: Path, paths: Sequence[Path], abstain: float | None, as_json: bool
) -> int:
    """Show what the network says of each picture; return the exit code.

    A picture that cannot be read is complained about and does not stop the others.
    """
    read = reader(net, model)
    files = [file for path in paths for file in _files(path)]
    code = n_shown = 0
    documents: list[dict[str, Any]] = []
    for path in files:
        try:
            pixels = read(path)
        except DataError as error:
            complain(str(error))
            documents.append({"picture": str(path), "error": str(error)})
            code = 2
            continue
        outputs = net.predict_proba(pixels.reshape(1, -1))
        verdict = None
        if abstain is not None:
            verdict = net.predict(pixels.reshape(1, -1), abstain=abstain)[0]
        if as_json:
            documents.append(_document(net, path, outputs))
            if verdict is not None:
                documents[-1]["verdict"] = verdict.to_dict()
            continue
        line = _line(net, path, outputs, verdict)
        if len(files) > _MOST_DRAWN:
            say(line)
        else:
            heading(line, first=not n_shown)
            names = class_names(net, max(outputs.shape[1], 2))
            show_outputs(net, pixels, outputs[0], names)
        n_shown += 1
    if as_json:
        document: dict[str, Any] = {"tongtou": __version__, "model": str(model)}
        if abstain is not None and net.gates is not None:
            document["promise"] = net.gates.promise(abstain).to_dict()
        show_json(document | {"pictures": documents})
    elif abstain is not None and net.gates is not None and n_shown:
        show("")
        say(net.gates.promise(abstain).words(), style="dim")
    return code


def reader(net: Network, model: Path) -> Callable[[Path], Grey]:
    """Return what turns a picture file into pixels as this network knows them."""
    if isinstance(net.preprocessing, PicturePreprocessing):
        return net.preprocessing.read
    if net.sizes[0] != _SIDE**2 or net.input_shape not in ((), (_SIDE, _SIDE), (_SIDE**2,)):
        raise UserError(text("error.not_for_pictures", file=model, n_in=f"{net.sizes[0]:,}"))
    return lambda path: images.to_digit(path).pixels


def _files(path: Path) -> list[Path]:
    """Return the file, or the pictures in a folder and the folders in it."""
    if not path.is_dir():
        return [path]
    found = sorted(one for one in path.rglob("*") if one.suffix.lower() in SUFFIXES)
    if not found:
        raise UserError(text("error.no_pictures_in", folder=path))
    return found


def _document(net: Network, path: Path, outputs: NDArray[Any]) -> dict[str, Any]:
    said, confidence = answers(outputs)
    return {
        "picture": str(path),
        "answer": class_of(net, int(said[0])),
        "confidence": float(confidence[0]),
        "confidences": {
            str(class_of(net, number)): float(output) for number, output in enumerate(outputs[0])
        },
    }


def _line(net: Network, path: Path, outputs: NDArray[Any], verdict: Verdict | None) -> str:
    """Return the answer with its confidence, or why there is none."""
    names = class_names(net, max(outputs.shape[1], 2))
    if verdict is not None:
        if verdict.answer is None:
            return text("predict.no_answer", file=path, words=one_line(verdict.words()))
        said_class, confidence = one_line(verdict.answer), f"{verdict.confidence:.1%}"
    else:
        said, sure = answers(outputs)
        said_class, confidence = names[int(said[0])], as_confidence(net, float(sure[0]))
    return text("predict.answer", file=path, said_class=said_class, confidence=confidence)


def show_outputs(
    net: Network, pixels: NDArray[np.uint8], outputs: NDArray[Any], names: Sequence[str]
) -> None:
    """Show a picture, and beside it a bar for each class."""
    console = output()
    beside = Table.grid(padding=(0, 3, 0, 0))
    beside.add_column(no_wrap=True)
    beside.add_column(vertical="middle")
    grey = pixels if pixels.ndim == 2 else pixels.mean(-1).astype(np.uint8)
    # besides: the indent, a gap, names, bars and confidences with two cells between each
    room = max(console.width - 2 - 3 - max(map(cell_len, names)) - 2 - 2 - 8, 2 * _LEAST_WIDTH)
    scale = min(1, _MOST_HEIGHT / grey.shape[0], (room - _LEAST_WIDTH) / grey.shape[1])
    if scale < 1:
        grey = cut_out(grey, *(max(1, int(scale * n)) for n in grey.shape))
    bar_width = min(_BAR_WIDTH, room - grey.shape[1])
    beside.add_row(picture(grey, console), bars(net, outputs, names, bar_width, console))
    show(indented(beside))


def bars(
    net: Network, outputs: NDArray[Any], names: Sequence[str], width: int, console: Console
) -> RenderableType:
    """Return a line for each class, for the likeliest where they are many."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(justify="right", no_wrap=True)
    table.add_column(min_width=width, no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    order = range(len(outputs))
    if len(outputs) > _MOST_BARS:
        order = np.argsort(-outputs, kind="stable")[:_MOST_BARS].tolist()
    best = int(outputs.argmax())
    for number in order:
        value = float(outputs[number])
        style = "bold green" if number == best else ""
        length = value if math.isfinite(value) else 0.0
        table.add_row(
            Text(names[number], style=style),
            Text(bar(length, width, console), style=style or "cyan"),
            Text(as_confidence(net, value), style=style),
        )
    return table
