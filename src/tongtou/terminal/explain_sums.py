"""What `tongtou explain` shows of sums: why this and not that, a neuron, an attribution."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.table import Table
from rich.text import Text

from tongtou.explanation import Explanation
from tongtou.explanation.attributions import Attribution
from tongtou.explanation.equations import others_text
from tongtou.explanation.formulas import MINUS, decimals_for, rounded, significant
from tongtou.explanation.formulas import number as figure
from tongtou.explanation.neurons import NeuronTrace
from tongtou.explanation.pulls import Pulls
from tongtou.explanation.why import Why
from tongtou.explanation.why_figures import ShownPulls
from tongtou.i18n import text
from tongtou.terminal.console import (
    LONGEST_LINE,
    heading,
    one_line,
    output,
    show,
    wrapped,
)
from tongtou.terminal.explain_verdict import answer_of
from tongtou.terminal.input_values import named_value
from tongtou.terminal.pictures import (
    coloured,
    diverging_bar,
    picture,
    rows_with_ink,
    shrunk,
    signed_picture,
)
from tongtou.terminal.residuals import number
from tongtou.terminal.tables import indented

_HALF_BAR = 12
_MOST_WIDE = 56
"""Pixels of a picture, so that two stand beside one another."""

_LONG = 10_000

Row = tuple[Decimal, str, str]
"""A figure, what it is, a style."""


def show_why(why: Why, e: Explanation, n_terms: int) -> None:
    """Show the pulls for and against, the largest terms, and the share of each input."""
    said = why.figures(n_terms)
    answer, over = one_line(why.answer), one_line(why.over)
    if why.has_one_output:
        title = text("explain.why_one", answer=answer, over=over, net=figure(said.net))
    else:
        minus = "+" if said.z_q < 0 else MINUS
        difference = f"{figure(said.z_p)} {minus} {figure(abs(said.z_q))}"
        title = text(
            "explain.why", answer=answer, over=over, difference=difference, net=figure(said.net)
        )
    heading(_capital(title))
    left = (said.net, text("explain_command.left"), "bold")
    terms: list[Row] = [(value, label, "") for label, value in said.terms]
    if said.n_others or said.others:
        terms.append((said.others, others_text(said.n_others, said.n_zero), "dim"))
    _show_rows([*_pull_rows(said.pulls, answer, over), left, None, *terms])
    _show_cancelling(said.pulls)
    if e.n_layers > 1:
        neuron = f"{e.n_layers - 1}:{why.blocks[0].j}"
        aside(text("explain_command.follow", neuron=neuron))
    heading(text("explain_command.opened"))
    inputs_left = (said.inputs.net, text("explain_command.inputs_left"), "")
    on_reference = (said.on_reference, text("explain_command.on_reference"), "")
    _show_rows([*_pull_rows(said.inputs, answer, over), inputs_left, on_reference, left])
    _show_cancelling(said.inputs)
    titles = (
        text("explain_command.speaks_for", name=answer),
        text("explain_command.speaks_for", name=over),
    )
    _show_shares(why.picture, why.inputs, e, n_terms, titles)


def _pull_rows(said: ShownPulls, answer: str, over: str) -> list[Row]:
    return [
        (said.pull_for, text("explain_command.for", name=answer), ""),
        (said.pull_against, text("explain_command.for", name=over), ""),
    ]


def _show_cancelling(said: ShownPulls) -> None:
    times = "∞"
    if said.net:
        times = figure(significant(float(said.gross / abs(said.net)), 2))
    aside(text("explain_command.cancel", gross=figure(said.gross), times=times))


def aside(sentence: str) -> None:
    """Print a quiet sentence, as far to the right as what it is about."""
    width = min(output().width, LONGEST_LINE) - 2
    show(indented(Text("\n".join(wrapped(one_line(sentence), width)), style="dim")))


def _show_rows(rows: Sequence[Row | None]) -> None:
    """Show figures below one another, a bar for each on one scale, and what they are."""
    console = output()
    largest = max(abs(row[0]) for row in rows if row is not None)
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(justify="right", no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column()
    for row in rows:
        if row is None:
            table.add_row("", "", "")
            continue
        value, label, style = row
        share = float(value / largest) if largest else 0.0
        table.add_row(
            Text(_signed(value), style=style),
            diverging_bar(share, _HALF_BAR, console),
            Text(one_line(label), style=style),
        )
    show(indented(table))


def _signed(value: Decimal) -> str:
    """Return a figure with its sign, and its thousands apart where it is long."""
    said = figure(value, "+")
    if abs(value) < _LONG or "e" in said:
        return said
    return said[0] + f"{abs(value):,f}"


def show_neuron(neuron: NeuronTrace, e: Explanation, n_terms: int) -> None:
    """Show a neuron's equation with its numbers; of the first layer also its terms as a picture."""
    heading(text("explain_command.neuron", j=neuron.j, layer=neuron.layer))
    formula = neuron.formula(n_terms)
    show(*(Text("  " + line) for line in formula.split("\n")))
    terms = np.sort(neuron.terms, order="i")
    if neuron.layer > 1:
        first = int(neuron.terms["i"][0])
        aside(text("explain_command.follow", neuron=f"{neuron.layer - 1}:{first}"))
    elif len(e.input_shape) > 1:
        excites, inhibits = text("explain_command.excites"), text("explain_command.inhibits")
        show("", indented(Text(text("explain_command.terms_drawn"))))
        _show_signed(terms["wa"].reshape(e.input_shape), e, excites, inhibits)


def show_attribution(found: Attribution, e: Explanation, n_terms: int) -> None:
    """Show what each input adds, by one method."""
    net = e.network
    pulls = Pulls(found.values.astype(np.float64).ravel())
    if not net.is_classifier and found.method == "integrated" and found.quantity == "a":
        _show_numbers(found, pulls, e, n_terms)
        return
    heading(_capital(str(found)))
    titles = (text("explain_command.adds"), text("explain_command.takes"))
    if found.method == "gradient":
        titles = (text("explain_command.more_raises"), text("explain_command.more_lowers"))
    _show_shares(found.values, pulls, e, n_terms, titles)


def _show_numbers(found: Attribution, pulls: Pulls, e: Explanation, n_terms: int) -> None:
    """Show in the table's own units what leads from a row of zeros to this row."""
    k = int(found.answer)
    outputs = np.zeros(len(e.outputs))
    said = []
    for value in (found.baseline_value or 0.0, found.value):
        outputs[k] = value
        said.append(float(answer_of(e.network, outputs)[0, k]))
    unit: float = 1.0 if found.value == found.baseline_value else (
        (said[1] - said[0]) / (found.value - (found.baseline_value or 0.0))
    )  # fmt: skip
    values: NDArray[np.float64] = pulls.values * unit
    in_units = Pulls(values)
    heading(text("explain_command.made_of", value=number(said[1])))
    aside(text("explain_command.from_zero", zero=number(said[0]), value=number(said[1])))
    _show_inputs(in_units, e, n_terms)


def _show_shares(
    values: NDArray[Any], pulls: Pulls, e: Explanation, n_terms: int, titles: tuple[str, str]
) -> None:
    if len(e.input_shape) > 1:
        show("")
        _show_signed(values.reshape(e.input_shape), e, *titles)
    else:
        _show_inputs(pulls, e, n_terms)


def _show_inputs(pulls: Pulls, e: Explanation, n_terms: int) -> None:
    """Show the largest shares of inputs that are no picture, and what the others come to."""
    n_zero = int((pulls.values == 0).sum())
    largest = pulls.largest(min(max(n_terms, 1), pulls.n - n_zero))
    decimals = decimals_for([value for _, value in largest.terms], pulls.net)
    rows: list[Row] = []
    for i, value in largest.terms:
        rows.append((rounded(value, decimals), named_value(e, i), ""))
    if largest.n_others:
        others = rounded(largest.others, decimals)
        rows.append((others, others_text(largest.n_others, n_zero), "dim"))
    show("")
    if rows:
        _show_rows(rows)


def _show_signed(values: NDArray[Any], e: Explanation, above: str, below: str) -> None:
    """Show numbers as a picture: in colours beside the example, else what is above 0, and below.

    Values of several channels are added.
    """
    console = output()
    if values.ndim == 3:
        values = values.sum(-1)
    grey = e.x.reshape(e.input_shape)
    if grey.ndim == 3:
        grey = grey.mean(-1)
    if e.x.dtype != np.uint8:
        grey = 255 * grey
    width = min(_MOST_WIDE, (console.width - 2 - 3) // 2)
    values, grey = shrunk(values, width), shrunk(grey.astype(np.float64), width)
    sizes = np.abs(values[values != 0])
    kept = rows_with_ink(values, grey)
    values, grey = values[kept], grey[kept]
    size = float(np.percentile(sizes, 97)) if sizes.size else 1.0
    table = Table.grid(padding=(0, 3, 0, 0))
    if coloured(console):
        legend = Text().append(above, style="rgb(240,140,60)").append(" · ")
        legend.append(below, style="rgb(70,165,230)")
        table.add_row("", legend)
        pixels = np.rint(np.clip(grey, 0, 255)).astype(np.uint8)
        table.add_row(picture(pixels, console), signed_picture(values, size, console))
    else:
        table.add_row(Text(above, style="bold"), Text(below, style="bold"))
        table.add_row(
            signed_picture(np.maximum(values, 0), size, console),
            signed_picture(np.minimum(values, 0), size, console),
        )
    show(indented(table))


def _capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]
