"""What the network says of the example that is explained, as a line, in full, and as data."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tongtou.explanation import Explanation
from tongtou.i18n import text
from tongtou.network import Network
from tongtou.terminal.console import heading, one_line, output, say, show
from tongtou.terminal.explain_example import Asked
from tongtou.terminal.findings import answers
from tongtou.terminal.predict_pictures import bars, show_outputs
from tongtou.terminal.residuals import number
from tongtou.terminal.results import class_of
from tongtou.terminal.tables import as_confidence, class_names, indented

_BAR_WIDTH = 24


def show_line(net: Network, asked: Asked, e: Explanation) -> None:
    """Show the answer, and the right one where that is known and another."""
    name = one_line(asked.name)
    if not net.is_classifier:
        told = ", ".join(
            text("explain_command.number", name=title, value=number(value))
            for title, value in numbers(net, e)
        )
        heading(text("explain_command.numbers", example=name, numbers=told), first=True)
        return
    said, confidence = answers(np.atleast_2d(e.outputs))
    names = class_names(net, max(len(e.outputs), 2))
    sentence = text(
        "predict.answer",
        file=name,
        said_class=names[int(said[0])],
        confidence=as_confidence(net, float(confidence[0])),
    )
    heading(sentence, first=True)
    if asked.is_class is not None and asked.is_class != class_of(net, int(said[0])):
        say(text("explain_command.is", is_class=asked.is_class), style="red")


def show_verdict(net: Network, asked: Asked, e: Explanation) -> None:
    """Show the answer, the picture, and a bar for each class."""
    show_line(net, asked, e)
    if not net.is_classifier:
        return
    names = class_names(net, max(len(e.outputs), 2))
    if asked.is_picture:
        show_outputs(net, asked.x, e.outputs, names)
    elif len(e.outputs) > 1:
        show(indented(bars(net, e.outputs, names, _BAR_WIDTH, output())))


def numbers(net: Network, e: Explanation) -> list[tuple[str, float]]:
    """Return what a network that predicts numbers says, in the units of its table."""
    told = np.ravel(answer_of(net, e.outputs))
    target = getattr(net.preprocessing, "target", None)
    names = (
        target.names if target is not None else [f"a[{e.n_layers}][{k}]" for k in range(len(told))]
    )
    return list(zip(map(one_line, names), map(float, told), strict=True))


def answer_of(net: Network, outputs: NDArray[Any]) -> NDArray[Any]:
    """Return outputs as numbers of the table."""
    target = getattr(net.preprocessing, "target", None)
    row = np.asarray(outputs, np.float64).reshape(1, -1)
    told: NDArray[Any] = row if target is None else np.asarray(target.answers(row))
    return told.reshape(1, -1)


def verdict_document(net: Network, asked: Asked, e: Explanation) -> dict[str, Any]:
    """Return the verdict ready for JSON."""
    document: dict[str, Any] = {"example": asked.name}
    if asked.is_class is not None:
        document["is"] = asked.is_class
    if not net.is_classifier:
        return document | {"numbers": dict(numbers(net, e))}
    said, confidence = answers(np.atleast_2d(e.outputs))
    outputs = {str(class_of(net, k)): float(one) for k, one in enumerate(e.outputs)}
    return document | {
        "answer": class_of(net, int(said[0])),
        "confidence": float(confidence[0]),
        "confidences": outputs if len(outputs) > 1 else {},
    }
