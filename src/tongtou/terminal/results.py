"""What several commands show of a network and its test, for people and as JSON."""

from __future__ import annotations

from typing import Any

from rich.text import Text

from tongtou.datasets import Dataset
from tongtou.i18n import text
from tongtou.losses import Loss
from tongtou.network import Network
from tongtou.terminal import examples
from tongtou.terminal.console import heading, one_line, output, say, show
from tongtou.terminal.findings import Findings
from tongtou.terminal.gallery import SHOWN, gallery
from tongtou.terminal.residuals import measures, worst_table
from tongtou.terminal.tables import (
    class_names,
    confusion_matrix,
    confusions,
    indented,
    names_and_values,
    parameters,
)


def loss_name(loss: str | Loss) -> str:
    """Return the name of a loss in the language in use."""
    name = loss if isinstance(loss, str) else loss.name
    known = {
        "sse": text("loss.sse"),
        "mse": text("loss.mse"),
        "cross_entropy": text("loss.cross_entropy"),
        "half_sse": text("loss.half_sse"),
        "huber": text("loss.huber"),
        "poisson": text("loss.poisson"),
        "binary_cross_entropy": text("loss.binary_cross_entropy"),
    }
    return known.get(name, name)


def show_network(net: Network) -> None:
    """Show sizes and the number of parameters by layer."""
    sizes = " → ".join(f"{n:,}" for n in net.sizes)
    heading(text("network.title", sizes=sizes), first=True)
    show(parameters(net))


def show_findings(net: Network, data: Dataset, findings: Findings) -> None:
    """Show accuracy or distance, loss and time."""
    pairs = []
    n, what = f"{findings.n:,}", examples.what(data)
    if findings.accuracy is not None:
        right, wrong = findings.n_right, findings.n - findings.n_right
        accuracy = text(
            "test.accuracy",
            accuracy=f"{findings.accuracy:.2%}",
            right=f"{right:,}",
            wrong=f"{wrong:,}",
        )
        pairs.append((text("test.accuracy_name"), accuracy))
    pairs += measures(findings.residuals)
    loss = text("test.loss", loss=f"{findings.loss:.4f}", name=loss_name(net.loss_function))
    seconds = text("test.time", seconds=f"{findings.seconds:.3f}", n=n, what=what)
    pairs += [(text("test.loss_name"), loss), (text("test.time_name"), seconds)]
    show(names_and_values(pairs, output().width))


def show_answers(net: Network, data: Dataset, findings: Findings) -> None:
    """Show which examples it got right and wrong, or how far it is off."""
    show_confusion(net, findings)
    show_wrong(net, data, findings)
    show_residuals(findings)


def show_residuals(findings: Findings) -> None:
    """Show the examples that the network is furthest off."""
    for one in findings.residuals:
        rows = len(one.worst())
        name = one_line(one.name)
        key = "residual.title_of" if name else "residual.title"
        heading(text(key, n=rows, name=name) if name else text(key, n=rows))
        show(worst_table(one, findings.place))


def show_confusion(net: Network, findings: Findings) -> None:
    """Show the confusion matrix, or the most frequent confusions where it is too wide."""
    if findings.confusion is None:
        return
    names = class_names(net, len(findings.confusion))
    console = output()
    matrix = confusion_matrix(findings.confusion, names, console)
    if matrix is not None:
        heading(text("confusion.title"))
        show(indented(Text(text("confusion.how_to_read"), style="dim")), matrix)
        return
    heading(text("confusion.list_title"))
    for pair in confusions(findings.confusion, names):
        show(indented(pair))


def show_wrong(net: Network, data: Dataset, findings: Findings) -> None:
    """Draw the most confidently wrong examples."""
    if findings.confusion is None:
        return
    wrong = findings.wrong[:SHOWN]
    if not wrong:
        show("")
        say(text("wrong.none"))
        return
    heading(text("wrong.title", n=len(wrong)))
    names = class_names(net, len(findings.confusion))
    show(gallery(net, data, wrong, names, findings.place, output()))


def network_document(net: Network) -> dict[str, Any]:
    """Describe a network for JSON."""
    return {
        "sizes": list(net.sizes),
        "layers": [
            {
                "inputs": layer.n_in,
                "neurons": layer.n_out,
                "weights": layer.W.size,
                "biases": layer.b.size,
                "parameters": layer.n_parameters,
                "activation": layer.activation.name,
            }
            for layer in net.layers
        ],
        "parameters": net.n_parameters,
        "loss": net.loss_function.name,
        "dtype": net.dtype.name,
        "seed": net.seed,
        "classes": list(net.classes),
        "recipe": net.recipe,
    }


def test_document(net: Network, findings: Findings | None) -> dict[str, Any] | None:
    """Describe a test for JSON, with the most confidently wrong examples."""
    if findings is None:
        return None
    return findings.to_dict() | {"most_confidently_wrong": wrong_documents(net, findings)}


def wrong_documents(net: Network, findings: Findings) -> list[dict[str, Any]]:
    """Describe the most confidently wrong examples for JSON."""
    return [
        {
            "row": findings.place(one.row),
            "is": class_of(net, one.is_class),
            "said": class_of(net, one.said_class),
            "confidence": one.confidence,
        }
        for one in findings.wrong[:SHOWN]
    ]


def class_of(net: Network, number: int) -> Any:
    """Return the name of a class, its number where it has none."""
    return net.classes[number] if number < len(net.classes) else number
