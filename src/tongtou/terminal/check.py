"""``tongtou check``: backpropagation against central differences, and where they differ most."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from tongtou import __version__
from tongtou.gradients import GradientCheck, ParameterCheck, gradient_check
from tongtou.i18n import text
from tongtou.network import Network
from tongtou.terminal import examples
from tongtou.terminal.console import (
    heading,
    one_line,
    output,
    show,
    show_json,
    warnings_in_one_line,
)
from tongtou.terminal.tables import indented, layer_name, names_and_values

FAILED = 1


def run(
    *,
    model: Path | None,
    source: Path | None,
    images: Path | None,
    labels: Path | None,
    separator: str | None,
    encoding: str | None,
    examples_asked: int,
    sample: int,
    all_of_them: bool,
    tolerance: float,
    as_json: bool,
    **_: Any,
) -> int:
    """Check and show; return 0 where the gradients agree, 1 where they do not."""
    path = model or Path(examples.DEFAULT_MODEL)
    net = examples.model(path)
    with warnings_in_one_line():
        data = examples.examples_for(
            net, path, source, (images, labels), separator, encoding, learnt_from=True
        )
    few = data[:examples_asked]
    found = gradient_check(net, few, sample=None if all_of_them else sample, tolerance=tolerance)
    if as_json:
        show_json(
            {
                "tongtou": __version__,
                "model": str(path),
                "data": data.name,
                "n_examples": len(few),
                **_document(found, net),
            }
        )
    else:
        _show(path, net, data.name, len(few), found)
    return 0 if found.passed else FAILED


def _relative(error: float, found: GradientCheck) -> float:
    return error / found.scale if found.scale else error


def _document(found: GradientCheck, net: Network) -> dict[str, Any]:
    return {
        "passed": found.passed,
        "worst_relative_error": found.max_error,
        "worst": _place(found.checked[0]) if found.checked else None,
        "tolerance": found.tolerance,
        "allowed": found.allowed,
        "largest_gradient": found.scale,
        "n_parameters": found.n_parameters,
        "n_checked": len(found.checked),
        "n_at_kinks": found.n_at_kinks,
        "layers": [
            {
                "layer": layer,
                "n_checked": len(of_layer),
                "largest_gradient": max((abs(one.analytic) for one in of_layer), default=0.0),
                "worst_relative_error": _relative(of_layer[0].error, found) if of_layer else 0.0,
                "worst": _place(of_layer[0]) if of_layer else None,
            }
            for layer, of_layer in _by_layer(found, net)
        ],
    }


def _place(one: ParameterCheck) -> dict[str, Any]:
    return {
        "layer": one.layer,
        "name": one.name,
        "index": list(one.index),
        "analytic": one.analytic,
        "numeric": one.numeric,
    }


def _by_layer(found: GradientCheck, net: Network) -> list[tuple[int, list[ParameterCheck]]]:
    """Return what was compared of each layer 1 … L, worst first."""
    return [
        (layer, [one for one in found.checked if one.layer == layer])
        for layer in range(1, len(net.layers) + 1)
    ]


def _name(one: ParameterCheck) -> str:
    """Return what a parameter is called in docs/notation.md: W[1][5, 203]."""
    return f"{one.name}[{one.layer}][{', '.join(map(str, one.index))}]"


def _show(path: Path, net: Network, data: str, n: int, found: GradientCheck) -> None:
    heading(text("check.title", file=path), first=True)
    pairs = [
        (
            text("check.compared_name"),
            text(
                "check.compared",
                n=f"{len(found.checked):,}",
                n_parameters=f"{found.n_parameters:,}",
                n_examples=f"{n:,}",
                data=one_line(data),
            ),
        )
    ]
    if found.n_at_kinks:
        pairs.append(("", text("check.kinks", n=f"{found.n_at_kinks:,}")))
    if found.checked:
        worst = found.checked[0]
        pairs += [
            (
                text("check.error_name"),
                text(
                    "check.error",
                    error=f"{found.max_error:.1e}",
                    allowed=f"{_relative(found.allowed, found):.1e}",
                ),
            ),
            (
                text("check.worst_name"),
                text(
                    "check.worst",
                    name=_name(worst),
                    analytic=f"{worst.analytic:.9g}",
                    numeric=f"{worst.numeric:.9g}",
                ),
            ),
        ]
    show(names_and_values(pairs, output().width), "", indented(_layers(found, net)), "")
    verdict = text("check.passed") if found.passed else text("check.failed")
    show(Text(verdict, style="bold green" if found.passed else "bold red"))


def _layers(found: GradientCheck, net: Network) -> Table:
    """Return what was compared of each layer, its largest gradient, its worst error and where."""
    table = Table.grid(padding=(0, 3, 0, 0))
    titles = (
        text("layer.title"),
        text("check.compared_name"),
        text("check.largest"),
        text("check.error_name"),
        text("check.worst_name"),
    )
    for place in range(len(titles)):
        table.add_column(justify="right" if 0 < place < 4 else "left", no_wrap=True)
    table.add_row(*(Text(title, style="dim") for title in titles))
    for layer, of_layer in _by_layer(found, net):
        if of_layer:
            table.add_row(
                layer_name(net, layer),
                f"{len(of_layer):,}",
                f"{max(abs(one.analytic) for one in of_layer):.3g}",
                f"{_relative(of_layer[0].error, found):.1e}",
                _name(of_layer[0]),
            )
    return table
